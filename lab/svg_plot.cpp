// SPDX-License-Identifier: Apache-2.0
#include "lab/svg_plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace faultline {

namespace {

constexpr double width = 760, height = 420, left = 70, right = 250, top = 40, bottom = 55;
constexpr std::array colours{"#1b6ca8", "#c0392b", "#27864b", "#8e44ad", "#b9770e", "#555555"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

template <class... Args>
void put(std::string& out, const char* format, Args... args) {
  char line[512];
  std::snprintf(line, sizeof line, format, args...);
  out += line;
}

std::string short_number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", v);
  return text;
}

struct axes {
  double x0 = 0, x1 = 1, y0 = 0, y1 = 1;
  bool log_x = false;

  double at_x(double v) const {
    const double u = log_x ? std::log10(v) : v;
    return left + (u - x0) / (x1 - x0) * (width - left - right);
  }
  double at_y(double v) const {
    return height - bottom - (v - y0) / (y1 - y0) * (height - top - bottom);
  }
};

axes axes_of(const svg_plot& p) {
  axes a;
  a.log_x = p.log_x;
  bool first = true;
  for (const auto& line : p.lines)
    for (const auto& [x, y] : line.points) {
      if (p.log_x && x <= 0) continue;
      const double u = p.log_x ? std::log10(x) : x;
      a.x0 = first ? u : std::min(a.x0, u);
      a.x1 = first ? u : std::max(a.x1, u);
      a.y0 = first ? y : std::min(a.y0, y);
      a.y1 = first ? y : std::max(a.y1, y);
      first = false;
    }
  if (p.unit_y) a.y0 = 0, a.y1 = 1;
  if (a.x1 - a.x0 < 1e-9) a.x0 -= 0.5, a.x1 += 0.5;
  if (a.y1 - a.y0 < 1e-9) a.y0 -= 0.5, a.y1 += 0.5;
  return a;
}

void draw_axes(const svg_plot& p, const axes& a, std::string& out) {
  put(out, "<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" fill=\"none\" stroke=\"#999\"/>\n",
      left, top, width - left - right, height - top - bottom);
  for (int i = 0; i <= 4; ++i) {
    const double u = a.x0 + (a.x1 - a.x0) * i / 4, y = a.y0 + (a.y1 - a.y0) * i / 4;
    const double x = a.log_x ? std::pow(10, u) : u;
    put(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n", a.at_x(x),
        height - bottom + 18, short_number(x).c_str());
    put(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left - 8, a.at_y(y) + 4,
        short_number(y).c_str());
    put(out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#ddd\"/>\n", left, a.at_y(y), width - right);
  }
  put(out, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">", (left + width - right) / 2,
      height - 14);
  out += escaped(p.x_name) + "</text>\n";
  put(out, "<text transform=\"translate(18 %g) rotate(-90)\" text-anchor=\"middle\">", height / 2);
  out += escaped(p.y_name) + "</text>\n";
}

void draw_line(const plot_line& line, const axes& a, std::size_t number, std::string& out) {
  const char* colour = colours[number % colours.size()];
  std::string path, marks;
  for (const auto& [x, y] : line.points) {
    if (a.log_x && x <= 0) continue;
    const double py = a.at_y(std::clamp(y, a.y0, a.y1));
    put(path, "%s%.1f %.1f", path.empty() ? "M" : "L", a.at_x(x), py);
    put(marks, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", a.at_x(x), py, colour);
  }
  const double y = top + 12 + 18 * static_cast<double>(number);
  if (!path.empty())
    out += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + colour + "\"/>\n" + marks;
  put(out, "<path d=\"M%g %gh18\" stroke=\"%s\" stroke-width=\"3\"/>\n", width - right + 12, y - 4,
      colour);
  put(out, "<text x=\"%g\" y=\"%g\">", width - right + 36, y);
  out += escaped(line.name) + "</text>\n";
}

}  // namespace

std::string svg_plot::text() const {
  std::string out;
  put(out,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" "
      "fill=\"white\"/>\n<text x=\"%g\" y=\"24\" font-size=\"15\">",
      width, height, left);
  out += escaped(title) + "</text>\n";
  const axes a = axes_of(*this);
  draw_axes(*this, a, out);
  for (std::size_t i = 0; i < lines.size(); ++i) draw_line(lines[i], a, i, out);
  return out + "</svg>\n";
}

}  // namespace faultline
