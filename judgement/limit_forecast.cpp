// SPDX-License-Identifier: Apache-2.0
#include "judgement/limit_forecast.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
constexpr double ln2 = 0.693147;
constexpr double short_s = 900 / ln2;  // time constants of y_short and y_long
constexpr double long_s = 7200 / ln2;
constexpr double farthest_s = 4 * 3600;  // beyond it a line is no forecast
constexpr double spans = 10;             // and beyond so many times what it was seen of
constexpr double least_span_s = 120;
constexpr std::array<std::size_t, 3> stretches{16, 32, window_ring::ticks};  // of newest ticks
constexpr double filled = 0.75;      // of a stretch, with values
constexpr double hole_ticks = 3;     // a stretch ends where nothing came for so long
constexpr double clear_share = 0.9;  // of the variance that a clear line explains: a step, 0.75
constexpr double far_from = 4;       // standard errors from where another slope is not the same
constexpr double code_step = 1 / 2047.0;  // of the ring, in asinh

/// Sums over points (x seconds before the tick, value), for a line by least squares.
struct line_sums {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;

  void add(double at, double value) noexcept {
    n += 1, x += at, y += value;
    xx += at * at, xy += at * value, yy += value * value;
  }
};

struct line {
  channel_course course;
  bool clear = false;
};

/// @p grain: the least step a value takes.
line line_of(const line_sums& s, double span_s, double grain) {
  line l;
  const double spread = s.xx - s.x * s.x / s.n;
  if (spread <= 0) return l;
  const double slope = (s.xy - s.x * s.y / s.n) / spread;
  const double all = std::max(s.yy - s.y * s.y / s.n, 0.0);
  const double told = slope * slope * spread;
  const double left = std::max(all - told, 0.0);
  l.course.slope = slope;
  l.course.now = (s.y - slope * s.x) / s.n;
  l.course.span_s = span_s;
  l.course.error = std::max(std::sqrt(left / (s.n - 2) / spread), grain / span_s);
  l.clear =
      told > clear_share * all && span_s >= least_span_s && std::fabs(slope) > 2 * l.course.error;
  return l;
}

/// Lines through the stretches that are there, the shortest first. @returns how many.
std::size_t lines_of(const window_ring& ring, const channel_block& b, std::size_t channel,
                     event_time at, double tick_s, std::array<line, stretches.size()>& lines) {
  if (ring.size() == 0) return 0;
  const double grain = b.step[channel % width] / static_cast<double>(b.scale[channel % width]);
  double seconds = -static_cast<double>((at - ring.ts(0)).count()) / 1000;
  if (-seconds > hole_ticks * tick_s) return 0;
  double newest_s = 0;  // of the values behind the one that is looked at
  line_sums sums;
  std::size_t found = 0;
  for (std::size_t back = 0; back < ring.size(); ++back) {
    if (const auto code = ring.code(back, channel); code != window_ring::missing) {
      if (newest_s - seconds > hole_ticks * tick_s) break;
      newest_s = seconds;
      sums.add(seconds, window_ring::sinh_z(code));
    }
    if (back + 1 == stretches[found]) {
      if (sums.n < filled * static_cast<double>(stretches[found])) return found;
      const double coarse = std::max(grain, code_step * std::hypot(1, sums.y / sums.n));
      lines[found++] = line_of(sums, -seconds, coarse);
      if (found == stretches.size()) break;
    }
    if (back + 1 == ring.size()) break;
    const double gap = static_cast<double>(ring.gap_ms(back)) / 1000;
    if (gap > hole_ticks * tick_s) break;
    seconds -= gap;
  }
  return found;
}

// Two means of a ramp lag it by their time constants: their difference is its slope.
channel_course long_course(const channel_block& b, std::size_t i, double tick_s) {
  const double age = b.seen(i) * tick_s;
  const double lag_short = std::min(short_s, age / 2);
  const double lag_long = std::min(long_s, age / 2);
  if (lag_long - lag_short < 300) return {};
  channel_course c;
  c.slope = static_cast<double>(b.y_short[i] - b.y_long[i]) / (lag_long - lag_short);
  c.now = b.y_short[i] + c.slope * lag_short;
  c.error = std::fabs(c.slope);
  return c;
}

bool apart(double slope, const channel_course& from) {
  return std::fabs(slope - from.slope) > far_from * from.error;
}

}  // namespace

channel_course course_of(const channel_block& b, const window_ring& ring, std::size_t channel,
                         event_time at, double tick_s, bool drifts) {
  std::array<line, stretches.size()> lines;
  const std::size_t found = lines_of(ring, b, channel, at, tick_s, lines);
  const auto bent = [&](std::size_t n) {  // the newer part of the n-th goes elsewhere
    return n > 0 && apart(lines[n].course.slope, lines[n - 1].course);
  };
  channel_course longest;  // clear, bent or not
  for (std::size_t n = found; n > 0; --n) {
    if (!lines[n - 1].clear) continue;
    channel_course c = lines[n - 1].course;
    if (longest.standing()) longest = c;
    if (bent(n - 1)) continue;
    if (longest.slope * c.slope > 0) c.span_s = longest.span_s;
    return c;
  }
  if (!drifts) return {};
  channel_course c = long_course(b, channel % width, tick_s);
  if (found == 0) return c;
  const channel_course& last = lines[0].course;
  if (apart(c.slope, last) || apart(c.slope, lines[found - 1].course)) return {};
  c.now = last.now;  // the means are of bounded values
  c.error = last.error;
  return c;
}

std::optional<limit_forecast> forecast_limit(const channel_course& c, const channel_block& b,
                                             std::size_t i, double raw, bool rises) {
  const double way = (raw - b.center[i]) / static_cast<double>(b.scale[i]) - c.now;
  if (c.standing() || (c.slope > 0) != rises || (way > 0) != rises) return std::nullopt;
  const double pace = std::fabs(c.slope), far = std::fabs(way);
  const double most = c.span_s > 0 ? std::min(farthest_s, spans * c.span_s) : farthest_s;
  if (!(far / pace <= most)) return std::nullopt;
  limit_forecast f{far / pace, far / (pace + 2 * c.error), {}, rises, raw};
  if (const double least = pace - 2 * c.error; least > 0 && far / least <= farthest_s)
    f.latest = far / least;
  return f;
}

}  // namespace faultline
