// SPDX-License-Identifier: Apache-2.0
#include "tools/feed_text.hpp"

#include <cmath>

namespace faultline {

namespace {

std::string padded(std::string text, std::size_t width) {
  text = harmless(text);
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string percent(double share) { return std::to_string(std::lround(100 * share)) + "%"; }

std::string start_of(event_time ts, const char* colour, const std::string& word, const colours& c) {
  return c.faint() + format_clock(unix_ms(ts)) + c.end() + "  " + colour + padded(word, 9) +
         c.end() + " ";
}

std::string alert_line(const alert& a, const colours& c) {
  const bool over = a.state == alert_state::resolved;
  const bool critical = a.severity == alert_severity::critical;
  const char* colour = over ? c.green() : critical ? c.red() : c.yellow();
  std::string line = start_of(a.updated, colour, over ? "resolved" : to_string(a.severity), c) +
                     c.bold() + padded(a.entity, 22) + c.end() + " " + padded(a.metric, 18) + " ";
  if (over) return line + "after " + format_duration(a.ended.value_or(a.updated) - a.started);
  line += percent(a.score);
  if (a.lead_time_s)
    line += ", limit in " +
            format_duration(milliseconds{static_cast<std::int64_t>(*a.lead_time_s * 1000)});
  if (!a.explanation.empty()) line += "  " + harmless(a.explanation);
  if (a.degraded) line += " (degraded)";
  if (a.learning) line += " (learning)";
  return line;
}

std::string incident_line(const incident& i, const colours& c) {
  const bool over = i.state == incident_state::resolved;
  std::string line =
      start_of(i.updated, over ? c.green() : c.blue(), "incident", c) + c.bold() +
      padded(i.id.substr(0, 22), 22) + c.end() + " " + padded(std::string{to_string(i.state)}, 9) +
      " " + std::to_string(i.alerts.size()) + (i.alerts.size() == 1 ? " alert" : " alerts") + ", " +
      std::to_string(i.entities.size()) + (i.entities.size() == 1 ? " entity" : " entities");
  if (i.abstained || i.causes.empty()) return line + ", no cause stands out yet";
  line += "; likely ";
  for (std::size_t at = 0; at < i.causes.size() && at < 2; ++at)
    line += (at == 0 ? "" : ", then ") + (c.bold() + harmless(i.causes[at].entity)) + c.end() +
            " " + percent(i.causes[at].probability);
  return line;
}

}  // namespace

std::string feed_line(const feed_item& item, const colours& c) {
  if (item.kind == "alert") return alert_line(item.alert, c);
  if (item.kind == "incident") return incident_line(item.incident, c);
  if (item.kind == "notice")
    return start_of(item.notice.at, c.blue(), "notice", c) + c.bold() +
           padded(item.notice.what + " " + item.notice.subject, 22) + c.end() + " " +
           harmless(item.notice.text);
  return c.faint() + harmless(item.kind) + " seq " + std::to_string(item.seq) + c.end();
}

}  // namespace faultline
