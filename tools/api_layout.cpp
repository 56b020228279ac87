// SPDX-License-Identifier: Apache-2.0
#include "tools/api_layout.hpp"

#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace faultline {

namespace {

using json = nlohmann::json;
using rows = std::vector<std::vector<std::string>>;

/// Member @p key of @p from as text; "-" where it is missing or null.
std::string text_of(const json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end() || found->is_null()) return "-";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_float()) return format_number(found->get<double>());
  return found->dump();
}

/// Of a metric or a contributor; servers before this one do not say.
std::string unit_text(const json& m) {
  const auto unit = m.value("unit", std::string{});
  return unit.empty() ? "-" : m.value("kind", std::string{}) == "counter" ? unit + "/s" : unit;
}

std::string time_of(const json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_number() || found->get<std::int64_t>() == 0) return "-";
  return format_time(found->get<std::int64_t>());
}

std::string count_of(const json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_number()) return "-";
  return format_count(found->get<std::uint64_t>());
}

const json& list_of(const json& from, const char* key) {
  static const json none = json::array();
  const auto found = from.find(key);
  return found != from.end() && found->is_array() ? *found : none;
}

/// Texts of the list under @p key, or "-".
std::string names_of(const json& from, const char* key) {
  std::string names;
  for (const json& one : list_of(from, key))
    names += (names.empty() ? "" : ", ") + (one.is_string() ? one.get<std::string>() : one.dump());
  return names.empty() ? "-" : names;
}

/// "99.2 %", never a certainty that is none.
std::string percent_of(const json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_number()) return "-";
  const double share = found->get<double>();
  if (share > 0.99 && share < 1) return ">99 %";
  return format_number(std::round(100 * share)) + " %";
}

std::string counted(const json& from, const char* key, const char* what) {
  const auto found = from.find(key);
  const bool one = found != from.end() && found->is_number() && found->get<double>() == 1;
  return text_of(from, key) + " " + what + (one ? "" : "s");
}

outcome<std::string> laid_out(const std::string& body,
                              const std::function<std::string(const json&)>& layout) {
  const json read = json::parse(body, nullptr, false);
  if (!read.is_object())
    return failure{ec::malformed,
                   "the server's answer is not what this version of faultline "
                   "expects (-o json shows it as it is)"};
  try {
    return layout(read);
  } catch (const json::exception& e) {
    return failure{ec::malformed, std::string{"the server's answer: "} + e.what()};
  }
}

std::string next_of(const json& answer) {
  const auto next = answer.find("next");
  return next != answer.end() && next->is_string() ? next->get<std::string>() : std::string{};
}

std::string more(const json& answer, const std::string& table) {
  return next_of(answer).empty() ? table : table + "... and more (--limit)\n";
}

/// What a page without rows says: there may be some further on.
std::string none_of(const json& answer, const std::string& none) {
  const std::string next = next_of(answer);
  if (next.empty()) return none + "\n";
  return none + " among those looked at; go on with --next " + harmless(next) + "\n";
}

/// How much of a dead letter's payload there is, and whether it can be replayed.
std::string kept_of(const json& letter) {
  const auto bytes = letter.find("payload_bytes");
  if (bytes == letter.end() || !bytes->is_number()) return "-";
  const std::string size = format_bytes(bytes->get<std::uint64_t>());
  if (letter.value("truncated", false)) return "cut, was " + size;
  return text_of(letter, "content") + " " + size;
}

std::string alert_flags(const json& alert) {
  std::string flags;
  const auto on = [&](const char* key, const char* name) {
    const auto found = alert.find(key);
    if (found != alert.end() && found->is_boolean() && found->get<bool>())
      flags += (flags.empty() ? "" : " ") + std::string{name};
  };
  on("acknowledged", "acknowledged");
  on("silenced", "silenced");
  on("degraded", "degraded");
  on("learning", "learning");
  on("flapping", "flapping");
  for (const char* key : {"inhibited_by", "maintenance"})
    if (alert.find(key) != alert.end())
      flags += (flags.empty() ? "" : " ") +
               std::string{key == std::string_view{"maintenance"} ? key : "inhibited"};
  return flags.empty() ? "-" : flags;
}

/// When the metric meets its limit. How long that is was told as of `updated`: it says nothing of
/// now.
std::string limit_of(const json& alert) {
  const auto lead = alert.find("lead_time_s");
  const auto updated = alert.find("updated");
  if (text_of(alert, "state") != "firing" || lead == alert.end() || !lead->is_number() ||
      updated == alert.end() || !updated->is_number())
    return "-";
  return format_time(updated->get<std::int64_t>() +
                     static_cast<std::int64_t>(lead->get<double>() * 1000));
}

}  // namespace

outcome<std::string> layout_status(const std::string& body, const colours& c) {
  return laid_out(body, [&](const json& s) {
    const double uptime = s.value("uptime_s", 0.0);
    rows lines{{"version", text_of(s, "version")},
               {"up", format_duration(milliseconds{static_cast<std::int64_t>(uptime * 1000)})},
               {"entities", count_of(s, "entities")},
               {"observations", count_of(s, "observations")},
               {"letters kept", count_of(s, "dead_letters")},
               {"partitions", count_of(s, "partitions")},
               {"overload", text_of(s, "overload")}};
    if (const auto feed = s.find("feed"); feed != s.end() && feed->is_object())
      lines.push_back({"feed seq", count_of(*feed, "seq")});
    std::string out;
    for (const auto& line : lines)
      out += c.faint() + line[0] + c.end() + std::string(14 - line[0].size(), ' ') +
             harmless(line[1]) + "\n";
    return out;
  });
}

outcome<std::string> layout_alerts(const std::string& body, const colours& c) {
  return laid_out(body, [&](const json& answer) {
    rows table;
    for (const json& a : list_of(answer, "alerts")) {
      table.push_back({text_of(a, "state"), text_of(a, "severity"), text_of(a, "entity"),
                       text_of(a, "metric"), text_of(a, "score"), time_of(a, "started"),
                       limit_of(a), alert_flags(a), text_of(a, "id")});
    }
    if (table.empty()) return none_of(answer, "no alerts");
    return more(answer, format_table({"STATE", "SEVERITY", "ENTITY", "METRIC", "SCORE", "STARTED",
                                      "LIMIT", "FLAGS", "ID"},
                                     table, c));
  });
}

outcome<std::string> layout_alert(const std::string& body, const colours& c) {
  return laid_out(body, [&](const json& a) {
    std::string text = std::string{c.bold()} + harmless(text_of(a, "entity")) + c.end() + "  " +
                       text_of(a, "state") + " " + text_of(a, "severity") + "\n" +
                       harmless(text_of(a, "explanation")) + "\n";
    rows facts{{"id", text_of(a, "id")},
               {"since", time_of(a, "started")},
               {"ended", time_of(a, "ended")},
               {"score", text_of(a, "score")},
               {"source", text_of(a, "source")},
               {"acknowledged by", text_of(a, "acknowledged_by")},
               {"assigned to", text_of(a, "assigned_to")},
               {"silenced by", text_of(a, "silenced_by")},
               {"maintenance", names_of(a, "maintenance")},
               {"inhibited by", names_of(a, "inhibited_by")},
               {"flags", alert_flags(a)}};
    const json labels = a.value("labels", json::object());
    for (const auto& [name, value] : labels.items())
      facts.push_back({"label " + name, value.is_string() ? value.get<std::string>() : "-"});
    text += format_table({"", ""}, facts, c);
    rows parts;
    for (const json& part : list_of(a, "contributors"))
      parts.push_back({text_of(part, "metric"), unit_text(part), text_of(part, "actual"),
                       text_of(part, "expected"), text_of(part, "lower"), text_of(part, "upper"),
                       text_of(part, "score")});
    if (parts.empty()) return text;
    return text + format_table({"metric", "unit", "actual", "expected", "lower", "upper", "score"},
                               parts, c);
  });
}

outcome<std::string> layout_incidents(const std::string& body, const colours& c) {
  return laid_out(body, [&](const json& answer) {
    rows table;
    for (const json& i : list_of(answer, "incidents")) {
      const json& causes = list_of(i, "causes");
      const bool named = !causes.empty() && !i.value("abstained", false);
      table.push_back({text_of(i, "state"), text_of(i, "severity"), time_of(i, "started"),
                       std::to_string(list_of(i, "entities").size()),
                       std::to_string(list_of(i, "alerts").size()),
                       named ? text_of(causes.front(), "entity") + " (" +
                                   percent_of(causes.front(), "probability") + ")"
                             : "no cause stands out",
                       text_of(i, "id")});
    }
    if (table.empty()) return none_of(answer, "no incidents");
    return more(answer, format_table({"STATE", "SEVERITY", "STARTED", "ENTITIES", "ALERTS",
                                      "LIKELY CAUSE", "ID"},
                                     table, c));
  });
}

outcome<std::string> layout_entities(const std::string& body, const colours& c) {
  return laid_out(body, [&](const json& answer) {
    rows table;
    for (const json& e : list_of(answer, "entities"))
      table.push_back({text_of(e, "id"), text_of(e, "state"), count_of(e, "observations"),
                       time_of(e, "last_ts")});
    if (table.empty()) return std::string{"no entities\n"};
    return more(answer, format_table({"ENTITY", "STATE", "OBSERVATIONS", "LAST"}, table, c));
  });
}

namespace {

double figure(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0.0;
}

double rounded(double d) { return std::round(100 * d) / 100; }

std::string forecaster_text(const std::string& standing) {
  if (standing == "heard") return "heard: it forecasts better than the last value";
  if (standing == "unheard") return "not heard: it forecasts no better than the last value";
  if (standing == "listening") return "new: its first answers are only listened to";
  return "none yet";
}

/// What the detector believes, in sentences.
std::string belief_text(const json& e) {
  const auto found = e.find("belief");
  if (found == e.end() || !found->is_object()) return {};
  const json& b = *found;
  const double excess = figure(b, "excess"), stricter = figure(b, "stricter");
  const auto decades = [](double d) { return format_number(rounded(std::fabs(d))) + " decades"; };
  std::string out;
  out += "fault       " + format_number(rounded(100 * figure(b, "probability"))) +
         " % likely now; " + decades(excess) + (excess > 0 ? " beyond" : " below") +
         " what would page\n";
  out += "budget      " + counted(b, "false_pages_per_month", "false page") + " a month, " +
         format_number(rounded(figure(b, "accepted_by_now"))) + " of them by now; " +
         counted(b, "pages", "page") + " told, so the threshold is " +
         (std::fabs(stricter) < 0.005 ? "as it was"
                                      : decades(stricter) + (stricter < 0 ? " lower" : " higher")) +
         "\n";
  out += "experience  " + format_number(std::round(figure(b, "half_hours"))) +
         " half hours; this time of day on " + count_of(b, "weekdays") + " weekdays and " +
         count_of(b, "weekend_days") + " weekend days\n";
  out += "forecaster  " + forecaster_text(text_of(b, "forecaster")) + "\n";
  if (const auto soon = b.find("soon"); soon != b.end() && soon->is_number())
    out += "soon        " + format_number(rounded(100 * soon->get<double>())) +
           " % that a fault which builds up is whole within 15 minutes, says its head that "
           "learnt from simulated faults; decides nothing\n";
  return out + "\n";
}

std::string share_of(const json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_number()) return "-";
  return format_number(rounded(100 * found->get<double>())) + " %";
}

/// What it is asked for and what it asks of others; empty where it sends no spans.
std::string operations_text(const json& entity, const colours& c) {
  rows table;
  for (const json& o : list_of(entity, "operations")) {
    const auto name = text_of(o, "operation");
    const auto peer = text_of(o, "peer");
    const char* unnamed = peer.empty() ? "all others" : "calls seen";
    table.push_back({name.empty() ? unnamed : name, peer, text_of(o, "rate"),
                     share_of(o, "error_share"), share_of(o, "usual_error_share"),
                     text_of(o, "p50_ms"), text_of(o, "p95_ms"), text_of(o, "usual_p95_ms"),
                     text_of(o, "p99_ms")});
  }
  std::string out;
  if (!table.empty())
    out += "\n" + format_table({"OPERATION", "AT", "A SECOND", "FAILED", "USUALLY", "P50 MS",
                                "P95 MS", "USUALLY", "P99 MS"},
                               table, c);
  const auto left_out = figure(entity, "calls_left_out");
  if (left_out > 0)
    out += "\n" + format_number(left_out) +
           " calls of peers beyond the first are no evidence for causes\n";
  return out;
}

}  // namespace

outcome<std::string> layout_entity(const std::string& body, const colours& c) {
  return laid_out(body, [&](const json& e) {
    std::string out = c.bold() + harmless(text_of(e, "id")) + c.end() + "  " +
                      harmless(text_of(e, "state")) + "\n";
    const auto seen = figure(e, "observations");
    out += count_of(e, "observations") + (seen == 1 ? " observation" : " observations") + " from " +
           time_of(e, "first_ts") + " to " + time_of(e, "last_ts") + "\n\n" + belief_text(e);
    const bool believed = seen >= 3;  // with fewer nothing is usual yet
    rows table;
    for (const json& m : list_of(e, "metrics"))
      table.push_back({text_of(m, "name"), text_of(m, "role"), text_of(m, "kind"), unit_text(m),
                       text_of(m, "last"), believed ? text_of(m, "expected") : "-",
                       believed ? text_of(m, "lower") + " .. " + text_of(m, "upper") : "-",
                       text_of(m, "off"), text_of(m, "profile_weight")});
    out += table.empty() ? std::string{"no metrics\n"}
                         : format_table({"METRIC", "ROLE", "KIND", "UNIT", "LAST", "EXPECTED",
                                         "USUAL RANGE", "OFF", "PROFILE"},
                                        table, c);
    rows logs;
    for (const json& l : list_of(e, "logs"))
      logs.push_back({text_of(l, "id"), text_of(l, "severity"), count_of(l, "lines"),
                      time_of(l, "last_ts"), text_of(l, "template")});
    if (!logs.empty())
      out += "\n" + format_table({"LOG", "WORST", "LINES", "LAST", "TEMPLATE"}, logs, c);
    out += operations_text(e, c);
    const json& alerts = list_of(e, "alerts");
    if (!alerts.empty()) out += "\nalerts:\n";
    for (const json& a : alerts)
      out += "  " + harmless(a.is_string() ? a.get<std::string>() : text_of(a, "id")) + "\n";
    return out;
  });
}

std::string farthest_off(const std::string& body) {
  const auto entity = json::parse(body, nullptr, false);
  const auto metrics = entity.is_object() ? entity.find("metrics") : entity.end();
  std::string name;
  if (metrics == entity.end() || !metrics->is_array()) return name;
  double most = -1;
  for (const auto& m : *metrics) {
    if (!m.is_object() || !m.contains("name") || !m.at("name").is_string()) continue;
    const auto off = m.find("off");
    const double far = off != m.end() && off->is_number() ? off->get<double>() : 0.0;
    if (far > most) name = m.at("name").get<std::string>(), most = far;
  }
  return name;
}

outcome<std::string> layout_dead_letters(const std::string& body, const colours& c) {
  return laid_out(body, [&](const json& answer) {
    std::string out =
        count_of(answer, "total") + " refused, ever; " + count_of(answer, "kept") + " kept\n";
    const auto by_reason = answer.find("by_reason");
    if (by_reason != answer.end() && by_reason->is_object())
      for (const auto& [reason, count] : by_reason->items())
        out += "  " + harmless(reason) + ": " + format_count(count.get<std::uint64_t>()) + "\n";
    rows table;
    for (const json& l : list_of(answer, "letters"))
      table.push_back({text_of(l, "id"), time_of(l, "ts"), text_of(l, "reason"),
                       text_of(l, "source"), text_of(l, "text").substr(0, 80), kept_of(l)});
    if (table.empty()) return out + none_of(answer, "no such letter is kept");
    if (!table.empty())
      out += "\n" + format_table({"ID", "TIME", "REASON", "SOURCE", "TEXT", "KEPT"}, table, c);
    return more(answer, out);
  });
}

outcome<std::string> layout_topology(const std::string& body, const colours& c) {
  return laid_out(body, [&](const json& answer) {
    rows table;
    for (const json& e : list_of(answer, "edges"))
      table.push_back({text_of(e, "from"), text_of(e, "to"), text_of(e, "kind"),
                       text_of(e, "source"), text_of(e, "confidence"), time_of(e, "last_seen")});
    for (const json& e : list_of(answer, "taken_away"))
      table.push_back(
          {text_of(e, "from"), text_of(e, "to"), text_of(e, "kind"), "taken away", "-", "-"});
    if (table.empty()) return std::string{"no dependencies\n"};
    return format_table({"FROM", "DEPENDS ON", "KIND", "SOURCE", "CONFIDENCE", "LAST SEEN"}, table,
                        c);
  });
}

outcome<std::string> layout_publishers(const std::string& body, const colours& c,
                                       std::int64_t now) {
  return laid_out(body, [&](const json& answer) {
    rows table;
    for (const json& p : list_of(answer, "publishers")) {
      const auto skew = p.find("skew_ms");
      const bool known = skew != p.end() && skew->is_number();
      const auto silent_ms = std::max(now - p.value("last_seen", now), std::int64_t{0});
      table.push_back({text_of(p, "publisher"), text_of(p, "door"), time_of(p, "last_seen"),
                       format_duration(milliseconds{silent_ms / 1000 * 1000}),
                       count_of(p, "accepted"), count_of(p, "rejected"), count_of(p, "shed"),
                       count_of(p, "retried"),
                       known ? format_number(skew->get<double>() / 1000) + " s" : "-"});
    }
    if (table.empty()) return std::string{"no publishers since the server started\n"};
    std::string out = format_table({"PUBLISHER", "DOOR", "LAST SEEN", "SILENT FOR", "ACCEPTED",
                                    "REJECTED", "SHED", "RETRIED", "SKEW"},
                                   table, c);
    const auto total = answer.value("total", std::size_t{0});
    if (total > table.size())
      out += "... and " + std::to_string(total - table.size()) +
             " more that are silent for longer (--limit)\n";
    return out;
  });
}

}  // namespace faultline
