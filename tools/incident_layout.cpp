// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

#include "tools/api_layout.hpp"

namespace faultline {

namespace {

using json = nlohmann::json;

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%3.0f%%", 100 * share);
  return text;
}

std::string bar(double share) {
  constexpr std::size_t cells = 20;
  const auto full = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * cells));
  return std::string(full, '#') + std::string(cells - full, '.');
}

/// What stands further down, and all that speaks of a cause that is hardly one, is read in JSON.
constexpr std::size_t with_evidence = 4;
constexpr std::size_t with_remedies = 2;
constexpr double hardly = 0.005;         ///< "0 %"
constexpr double worth_a_remedy = 0.05;  ///< of others than the first
constexpr std::size_t named_entities = 40;

/// Lays one incident out, part by part.
class incident_page {
public:
  explicit incident_page(const colours& c)
      : c_{c}, width_{std::min<std::size_t>(terminal_width(), 100)} {}

  std::string of(const json& i) {
    heading(i);
    if (const std::string summary = i.value("summary", ""); !summary.empty())
      out_ += "\n" + wrapped(summary, width_, "");
    affected(i);
    causes(i);
    return std::move(out_);
  }

private:
  void heading(const json& i) {
    const std::string severity = i.value("severity", "");
    const bool open = i.value("state", "") == "open";
    out_ += c_.bold() + std::string{"incident "} + harmless(i.value("id", "?")) + c_.end() + "  ";
    out_ += (severity == "critical" ? c_.red() : c_.yellow()) + harmless(severity) + c_.end();
    out_ += std::string{"  "} + (open ? "" : c_.green()) + harmless(i.value("state", "")) +
            c_.end() + "\n";
    const std::int64_t started = i.value("started", std::int64_t{0});
    out_ += "since " + format_time(started);
    const auto ended = i.find("ended");
    const bool has_end = ended != i.end() && ended->is_number();
    const std::int64_t last = has_end ? ended->get<std::int64_t>() : i.value("updated", started);
    out_ += std::string{has_end ? ", ended after " : ", last news after "} +
            format_duration(milliseconds{last - started}) + "\n";
    const std::string by = names(i, "acknowledged_by"), assigned = names(i, "assigned_to");
    if (!by.empty()) out_ += "acknowledged by " + by + "\n";
    if (!assigned.empty()) out_ += "assigned to " + assigned + "\n";
  }

  static std::string names(const json& i, const char* key) {
    std::string all;
    for (const json& name : i.value(key, json::array()))
      if (name.is_string()) all += (all.empty() ? "" : ", ") + harmless(name.get<std::string>());
    return all;
  }

  void affected(const json& i) {
    std::string names;
    const json entities = i.value("entities", json::array());
    const std::size_t named = std::min(entities.size(), named_entities);
    for (std::size_t n = 0; n < named; ++n)
      names += (names.empty() ? "" : ", ") + entities[n].get<std::string>();
    if (entities.size() > named)
      names += " and " + std::to_string(entities.size() - named) + " more (-o json names all)";
    const std::size_t alerts = i.value("alerts", json::array()).size();
    out_ += "\n" + wrapped("Affected (" + std::to_string(alerts) +
                               (alerts == 1 ? " alert): " : " alerts): ") + names,
                           width_, "");
  }

  void causes(const json& i) {
    const json causes = i.value("causes", json::array());
    if (causes.empty()) {
      out_ += "\nNo cause has been found.\n";
      return;
    }
    const bool abstained = i.value("abstained", false);
    out_ += std::string{"\n"} + c_.bold() +
            (abstained ? "No cause stands out; candidates:" : "Likely causes:") + c_.end() + "\n";
    std::size_t rank = 0, left_out = 0;
    for (const json& cause : causes) {
      const bool worth_a_line =
          ++rank <= with_evidence || cause.value("probability", 0.0) >= hardly;
      if (worth_a_line)
        this->cause(rank, cause, !abstained);
      else
        ++left_out;
    }
    if (left_out > 0)
      out_ += "    and " + std::to_string(left_out) + " more that are hardly one (-o json)\n";
    const double unobserved = i.value("unobserved", 0.0);
    out_ += "\n    " + percent(unobserved) + "  " + c_.faint() + bar(unobserved) + c_.end() +
            "  something that is not observed here\n";
  }

  void cause(std::size_t rank, const json& cause, bool stands_out) {
    const double p = cause.value("probability", 0.0);
    const bool first = rank == 1 && stands_out;
    const bool detailed = rank <= with_evidence && (first || p >= hardly);
    if (detailed || apart_) out_ += "\n";
    apart_ = detailed;
    out_ += std::string(rank < 10 ? 1 : 0, ' ') + std::to_string(rank) + ". " + percent(p) + "  " +
            (first ? c_.red() : c_.blue()) + bar(p) + c_.end() + "  " + c_.bold() +
            harmless(cause.value("entity", "?")) + c_.end();
    if (const auto metric = cause.find("metric"); metric != cause.end() && metric->is_string())
      if (!metric->get<std::string>().empty()) out_ += "  " + harmless(metric->get<std::string>());
    out_ += "\n";
    if (!detailed) return;
    evidence(cause, "evidence", "+", c_.green());
    evidence(cause, "counter_evidence", "-", c_.yellow());
    if (rank > with_remedies || (!first && p < worth_a_remedy)) return;
    for (const json& item : cause.value("remediation", json::array())) remedy(item);
  }

  void evidence(const json& cause, const char* key, const char* sign, const char* colour) {
    for (const json& item : cause.value(key, json::array())) {
      std::string text = wrapped(item.value("text", ""), width_, "        ");
      if (text.size() > 6) text.replace(6, 1, std::string{colour} + sign + c_.end());
      out_ += text;
    }
  }

  void remedy(const json& item) {
    std::string title = "What may help: " + item.value("title", "");
    const auto tried = item.value("tried", std::uint64_t{0});
    if (tried > 0)
      title += " (helped " + std::to_string(item.value("worked", std::uint64_t{0})) + " of " +
               std::to_string(tried) + " times)";
    out_ += wrapped(title, width_, "      ");
    std::size_t n = 0;
    for (const json& step : item.value("steps", json::array()))
      out_ += wrapped(std::to_string(++n) + ". " + step.get<std::string>(), width_, "        ");
    if (const auto link = item.find("runbook"); link != item.end() && link->is_string())
      if (!link->get<std::string>().empty())
        out_ += "        " + harmless(link->get<std::string>()) + "\n";
  }

  colours c_;
  std::size_t width_;
  bool apart_ = true;  ///< what comes next stands apart from what is there
  std::string out_;
};

}  // namespace

outcome<std::string> layout_incident(const std::string& body, const colours& c) {
  const json read = json::parse(body, nullptr, false);
  if (!read.is_object() || !read.contains("id"))
    return failure{ec::malformed, "the server's answer is no incident (-o json shows it)"};
  try {
    return incident_page{c}.of(read);
  } catch (const json::exception& e) {
    return failure{ec::malformed, std::string{"the server's answer: "} + e.what()};
  }
}

}  // namespace faultline
