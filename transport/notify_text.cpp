// SPDX-License-Identifier: Apache-2.0
#include "transport/notify_text.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace faultline {
namespace {

constexpr std::size_t named_entities = 20;
constexpr std::string_view label_prefix = "label.";
constexpr std::array<std::string_view, 15> field_names{
    "status", "severity",    "summary", "count",    "firing", "resolved", "entities", "alerts",
    "cause",  "probability", "steps",   "incident", "url",    "receiver", "group"};

bool fires(const alert& a) { return a.state == alert_state::firing; }

std::string percent(double share) {
  return std::to_string(static_cast<int>(share * 100 + 0.5)) + " %";
}

std::string summary_of(const notification& n) {
  if (n.about && !n.about->summary.empty()) return n.about->summary;
  if (n.alerts.empty()) return n.group;
  const std::uint64_t others = n.alerts.size() + n.left_out - 1;
  std::string text = n.alerts.front().explanation;
  if (others > 0) text += " (and " + std::to_string(others) + " more)";
  return text;
}

std::string lines_of(const notification& n) {
  std::string text;
  for (const alert& a : n.alerts)
    text += std::string{fires(a) ? to_string(a.severity) : "resolved"} + " " + a.entity + ": " +
            a.explanation + (a.acknowledged ? " (acknowledged by " + a.acknowledged_by + ")" : "") +
            "\n";
  if (n.left_out > 0) text += "and " + std::to_string(n.left_out) + " more\n";
  return text;
}

std::string entities_of(const notification& n) {
  std::set<std::string> names;
  for (const alert& a : n.alerts) names.insert(a.entity);
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (++count > named_entities) return text + " ...";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

void add_cause(const notification& n, std::map<std::string, std::string>& f) {
  if (!n.about || n.about->abstained || n.about->causes.empty()) return;
  const ranked_cause& c = n.about->causes.front();
  f["probability"] = percent(c.probability);
  const std::string& what = c.fault_class.empty() ? c.metric : c.fault_class;
  f["cause"] = "likely cause: " + (what.empty() ? std::string{"fault"} : what) + " in " + c.entity +
               " (" + percent(c.probability) + ")\n";
  for (const remediation_item& r : c.remediation) {
    f["steps"] += r.title + "\n";
    for (const std::string& step : r.steps) f["steps"] += "  " + step + "\n";
  }
}

/// The next {{ name }} in @p text from @p at: its begin, name and end; begin is npos at the end.
struct place {
  std::size_t begin = std::string_view::npos, end = 0;
  std::string_view name;
  bool open = false;  ///< it has no end
};

place next_place(std::string_view text, std::size_t at) {
  place p;
  p.begin = text.find("{{", at);
  if (p.begin == std::string_view::npos) return p;
  const std::size_t close = text.find("}}", p.begin);
  p.open = close == std::string_view::npos;
  if (p.open) return p;
  p.end = close + 2;
  p.name = text.substr(p.begin + 2, close - p.begin - 2);
  while (!p.name.empty() && p.name.front() == ' ') p.name.remove_prefix(1);
  while (!p.name.empty() && p.name.back() == ' ') p.name.remove_suffix(1);
  return p;
}

}  // namespace

std::map<std::string, std::string> notification_fields(const notification& n,
                                                       const std::string& external_url) {
  std::map<std::string, std::string> f;
  const std::uint64_t all = n.alerts.size() + n.left_out;
  const bool critical = std::any_of(n.alerts.begin(), n.alerts.end(), [](const alert& a) {
    return a.severity == alert_severity::critical;
  });
  f["status"] = n.firing != 0 ? "firing" : "resolved";
  f["severity"] = to_string(critical ? alert_severity::critical : alert_severity::warning);
  f["summary"] = summary_of(n);
  f["count"] = std::to_string(all);
  f["firing"] = std::to_string(n.firing);
  f["resolved"] = std::to_string(all - n.firing);
  f["entities"] = entities_of(n);
  f["alerts"] = lines_of(n);
  f["incident"] = n.about ? n.about->id : std::string{};
  f["receiver"] = n.receiver;
  f["group"] = n.group;
  f["cause"] = f["probability"] = f["steps"] = f["url"] = std::string{};
  add_cause(n, f);
  if (!external_url.empty())
    f["url"] = external_url + (n.about ? "/#/incident/" + n.about->id : std::string{});
  return f;
}

std::string fill_template(std::string_view text, const notification& n,
                          const std::map<std::string, std::string>& fields) {
  std::string filled;
  std::size_t at = 0;
  for (;;) {
    const place p = next_place(text, at);
    if (p.begin == std::string_view::npos || p.open) return filled.append(text.substr(at));
    filled.append(text.substr(at, p.begin - at));
    if (p.name.substr(0, label_prefix.size()) == label_prefix) {
      const auto label = n.labels.find(std::string{p.name.substr(label_prefix.size())});
      if (label != n.labels.end()) filled.append(label->second);
    } else if (const auto field = fields.find(std::string{p.name}); field != fields.end()) {
      filled.append(field->second);
    }
    at = p.end;
  }
}

outcome<void> check_template(std::string_view text) {
  for (std::size_t at = 0;;) {
    const place p = next_place(text, at);
    if (p.begin == std::string_view::npos) return {};
    if (p.open) return failure{ec::invalid, "a {{ has no }}"};
    const bool label = p.name.substr(0, label_prefix.size()) == label_prefix &&
                       p.name.size() > label_prefix.size();
    if (!label && std::find(field_names.begin(), field_names.end(), p.name) == field_names.end())
      return failure{ec::invalid, "there is no field \"" + std::string{p.name} + "\""};
    at = p.end;
  }
}

}  // namespace faultline
