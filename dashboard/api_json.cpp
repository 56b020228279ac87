// SPDX-License-Identifier: Apache-2.0
#include "dashboard/internal/api_json.hpp"

#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "dashboard/internal/json_text.hpp"
#include "messages/feed.hpp"

namespace faultline {

namespace {

using nlohmann::json;

/// The last page has no next.
json next_of(const std::string& next) { return next.empty() ? json(nullptr) : json(next); }

/// Floats as short as they can be read back; the library would print them as doubles.
void append_floats(std::string& out, std::string_view name, const std::vector<float>& values) {
  out.append(",\"").append(name).append("\":[");
  char digits[32];
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out.push_back(',');
    if (!std::isfinite(values[i])) {
      out.append("null");
      continue;
    }
    const auto end = std::to_chars(digits, digits + sizeof digits, values[i]).ptr;
    out.append(digits, end);
  }
  out.push_back(']');
}

/// {"<name>": [record, ...], "next": ...} of records that are JSON already.
template <class Record>
std::string records_page(std::string_view name, const std::vector<told<Record>>& records,
                         const std::string& next) {
  std::string out{"{\""};
  out.append(name).append("\":[");
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i > 0) out.push_back(',');
    out.append(to_json(records[i].record, records[i].seq, records[i].published));
  }
  return out.append("],\"next\":").append(text_of(next_of(next))).append("}");
}

}  // namespace

std::string api_json(const server_status& s) {
  return text_of({{"version", s.version},
                  {"uptime_s", number(s.uptime_s)},
                  {"entities", s.entities},
                  {"observations", s.observations},
                  {"dead_letters", s.dead_letters},
                  {"feed", {{"seq", s.feed_seq}}},
                  {"partitions", s.partitions},
                  {"overload", s.overload},
                  {"ready", s.ready}});
}

std::string api_json(const entity_page& page) {
  json rows = json::array();
  for (const entity_row& row : page.entities)
    rows.push_back({{"id", row.id},
                    {"state", row.state},
                    {"observations", row.observations},
                    {"last_ts", row.last_ts}});
  return text_of({{"entities", std::move(rows)}, {"next", next_of(page.next)}});
}

namespace {

json operations_json(const std::vector<entity_operation>& all) {
  json operations = json::array();
  for (const entity_operation& o : all)
    operations.push_back({{"operation", o.operation},
                          {"peer", o.peer},
                          {"rate", number(o.rate)},
                          {"error_share", number(o.error_share)},
                          {"p50_ms", number(o.p50_ms)},
                          {"p95_ms", number(o.p95_ms)},
                          {"p99_ms", number(o.p99_ms)},
                          {"usual_p95_ms", number(o.usual_p95_ms)},
                          {"usual_error_share", number(o.usual_error_share)},
                          {"last_ts", o.last_ts}});
  return operations;
}

}  // namespace

std::string api_json(const entity_details& entity) {
  json metrics = json::array();
  for (const entity_metric& m : entity.metrics)
    metrics.push_back({{"name", m.name},
                       {"role", m.role},
                       {"kind", m.kind},
                       {"unit", m.unit},
                       {"last", number(m.last)},
                       {"expected", number(m.expected)},
                       {"lower", number(m.lower)},
                       {"upper", number(m.upper)},
                       {"off", number(m.off)},
                       {"profile_weight", number(m.profile_weight)}});
  const entity_beliefs& b = entity.belief;
  json belief{{"probability", number(b.probability)},
              {"excess", number(b.excess)},
              {"soon", number(b.soon)},
              {"false_pages_per_month", number(b.false_pages_per_month)},
              {"accepted_by_now", number(b.accepted_by_now)},
              {"pages", b.pages},
              {"stricter", number(b.stricter)},
              {"half_hours", number(b.half_hours)},
              {"weekdays", b.weekdays},
              {"weekend_days", b.weekend_days},
              {"forecaster", b.forecaster}};
  json logs = json::array();
  for (const entity_log& l : entity.logs)
    logs.push_back({{"id", l.id},
                    {"template", l.text},
                    {"severity", l.severity},
                    {"lines", l.lines},
                    {"first_ts", l.first_ts},
                    {"last_ts", l.last_ts},
                    {"example", l.example}});
  return text_of({{"id", entity.id},
                  {"state", entity.state},
                  {"observations", entity.observations},
                  {"first_ts", entity.first_ts},
                  {"last_ts", entity.last_ts},
                  {"metrics", std::move(metrics)},
                  {"left_out", entity.left_out},
                  {"alerts", entity.alerts},
                  {"belief", std::move(belief)},
                  {"logs", std::move(logs)},
                  {"operations", operations_json(entity.operations)},
                  {"calls_left_out", entity.calls_left_out}});
}

std::string api_json(const window_series& window) {
  std::string out{"{\"ts\":"};
  out.append(text_of(window.ts));
  append_floats(out, "values", window.values);
  append_floats(out, "expected", window.expected);
  append_floats(out, "lower", window.lower);
  append_floats(out, "upper", window.upper);
  return out.append("}");
}

std::string api_json(const alert_page& page) {
  return records_page("alerts", page.alerts, page.next);
}

std::string api_json(const incident_page& page) {
  return records_page("incidents", page.incidents, page.next);
}

std::string api_json(const topology_view& topology) {
  json nodes = json::array();
  for (const auto& node : topology.nodes) nodes.push_back({{"id", node.id}, {"state", node.state}});
  json edges = json::array();
  for (const auto& edge : topology.edges)
    edges.push_back({{"from", edge.from},
                     {"to", edge.to},
                     {"kind", edge.kind},
                     {"source", edge.source},
                     {"confidence", number(edge.confidence)},
                     {"last_seen", edge.last_seen}});
  json away = json::array();
  for (const auto& edge : topology.taken_away)
    away.push_back({{"from", edge.from}, {"to", edge.to}, {"kind", edge.kind}});
  return text_of(
      {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}, {"taken_away", std::move(away)}});
}

namespace {

json value_of(const dead_letter_view::letter& letter) {
  return {{"id", letter.id},
          {"reason", letter.reason},
          {"text", letter.text},
          {"ts", letter.ts},
          {"source", letter.source},
          {"content", letter.content},
          {"payload_bytes", letter.payload_bytes},
          {"truncated", letter.payload.size() < letter.payload_bytes},
          {"payload_base64", base64(letter.payload)}};
}

}  // namespace

std::string api_json(const dead_letter_view::letter& letter) { return text_of(value_of(letter)); }

std::string api_json(const dead_letter_view& view) {
  json letters = json::array();
  for (const auto& letter : view.letters) letters.push_back(value_of(letter));
  return text_of({{"total", view.total},
                  {"kept", view.kept},
                  {"by_reason", view.by_reason},
                  {"letters", std::move(letters)},
                  {"next", next_of(view.next)}});
}

std::string api_json(const told<incident>& i) { return to_json(i.record, i.seq, i.published); }

std::string api_json(const reload_report& report) {
  return text_of({{"applied", report.applied}, {"restart", report.restart}});
}

std::string api_json(const rules_state& state) {
  return "{\"since\":" + std::to_string(state.since) + ",\"rules\":" + state.rules + "}";
}

std::string api_json(const model_state& state) {
  return text_of({{"name", state.name},
                  {"version", state.version},
                  {"sha256", state.sha256},
                  {"since", state.since},
                  {"changed", state.changed}});
}

std::string api_json(const backup_state& state) {
  return text_of({{"state", state.state}, {"path", state.path}, {"reason", state.reason}});
}

std::string api_json(const publisher_page& page) {
  json rows = json::array();
  for (const publisher_info& p : page.publishers)
    rows.push_back({{"publisher", p.publisher},
                    {"door", p.door},
                    {"last_seen", p.last_seen},
                    {"accepted", p.accepted},
                    {"rejected", p.rejected},
                    {"shed", p.shed},
                    {"retried", p.retried},
                    {"skew_ms", p.skew_ms ? json(*p.skew_ms) : json(nullptr)}});
  return text_of({{"total", page.total}, {"publishers", std::move(rows)}});
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (k < left ? static_cast<std::uint8_t>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out.push_back(k <= left ? digits[group >> (18U - 6U * k) & 63U] : '=');
  }
  return out;
}

}  // namespace faultline
