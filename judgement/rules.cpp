// SPDX-License-Identifier: Apache-2.0
#include "judgement/rules.hpp"

#include <nlohmann/json.hpp>

#include "judgement/maintenance.hpp"

namespace faultline {
namespace {

using nlohmann::json;

json optional_number(const std::optional<double>& v) { return v ? json(*v) : json(nullptr); }

json limits_of(const std::vector<operator_limit>& limits) {
  json list = json::array();
  for (const auto& l : limits)
    list.push_back({{"entity", l.entity},
                    {"metric", l.metric},
                    {"above", optional_number(l.above)},
                    {"below", optional_number(l.below)},
                    {"severity", l.severity}});
  return list;
}

json edges_of(const std::vector<configured_edge>& edges) {
  json list = json::array();
  for (const auto& e : edges)
    list.push_back({{"from", e.from}, {"to", e.to}, {"kind", to_string(e.kind)}});
  return list;
}

json inhibit_of(const std::vector<inhibit_rule>& rules) {
  json list = json::array();
  for (const auto& r : rules)
    list.push_back({{"source", r.source}, {"target", r.target}, {"equal", r.equal}});
  return list;
}

json roles_of(const role_table& roles) {
  json list = json::array();
  for (const auto& w : roles.words()) list.push_back({w.word, to_string(w.role)});
  return list;
}

json model_of(const model_identity& m) {
  return {{"name", m.name}, {"version", m.version}, {"sha256", m.sha256}};
}

/// Readers of one member each; a member of another type throws.
template <class T>
void read(const json& from, const char* key, T& into) {
  if (const auto at = from.find(key); at != from.end()) at->get_to(into);
}

void read_ms(const json& from, const char* key, std::chrono::milliseconds& into) {
  if (const auto at = from.find(key); at != from.end())
    into = std::chrono::milliseconds{at->get<std::int64_t>()};
}

void read_optional(const json& from, const char* key, std::optional<double>& into) {
  if (const auto at = from.find(key); at != from.end() && !at->is_null()) into = at->get<double>();
}

void read_model(const json& from, const char* key, model_identity& into) {
  const auto at = from.find(key);
  if (at == from.end()) return;
  read(*at, "name", into.name);
  read(*at, "version", into.version);
  read(*at, "sha256", into.sha256);
}

const json& part(const json& whole, const char* key) {
  static const json nothing = json::object();
  const auto at = whole.find(key);
  return at == whole.end() ? nothing : *at;
}

void read_processing(const json& j, processing_options& o) {
  read_ms(j, "tick_ms", o.tick);
  read_ms(j, "max_late_ms", o.max_late);
  read_ms(j, "max_future_ms", o.max_future);
  read(j, "accept_past", o.accept_past);
  read(j, "lateness_ticks", o.lateness_ticks);
}

bool read_detection(const json& whole, detection_options& o) {
  const json& j = part(whole, "detection");
  read(j, "false_pages_per_entity_month", o.false_pages_per_entity_month);
  read_ms(j, "learning_ms", o.learning);
  for (const json& l : part(whole, "limits")) {
    if (!l.is_object()) return false;
    operator_limit limit;
    read(l, "entity", limit.entity);
    read(l, "metric", limit.metric);
    read_optional(l, "above", limit.above);
    read_optional(l, "below", limit.below);
    read(l, "severity", limit.severity);
    o.limits.push_back(std::move(limit));
  }
  return true;
}

void read_edges(const json& correlation, std::vector<configured_edge>& edges) {
  for (const json& e : part(correlation, "edges")) {
    configured_edge edge;
    std::string kind;
    read(e, "from", edge.from);
    read(e, "to", edge.to);
    read(e, "kind", kind);
    edge.kind = kind == to_string(edge_kind::runs_on) ? edge_kind::runs_on : edge_kind::calls;
    edges.push_back(std::move(edge));
  }
}

void read_roles(const json& whole, role_table& roles) {
  const auto list = whole.find("roles");
  if (list == whole.end()) return;
  std::vector<role_word> words;
  for (const json& w : *list)
    if (const auto role = role_named(w.at(1).get<std::string>()))
      words.push_back({w.at(0).get<std::string>(), *role});
  roles = role_table{std::move(words)};
}

}  // namespace

std::string encode_rules(const rules_record& r) {
  const auto& p = r.rules.processing;
  const auto& d = r.rules.detection;
  json whole{{"logic", r.logic},
             {"processing",
              {{"tick_ms", p.tick.count()},
               {"max_late_ms", p.max_late.count()},
               {"max_future_ms", p.max_future.count()},
               {"accept_past", p.accept_past},
               {"lateness_ticks", p.lateness_ticks}}},
             {"detection",
              {{"false_pages_per_entity_month", d.false_pages_per_entity_month},
               {"learning_ms", d.learning.count()}}},
             {"limits", limits_of(d.limits)},
             {"maintenance", json::parse(windows_json(r.rules.maintenance))},
             {"model", model_of(r.rules.model)},
             {"configured_model", r.configured_model},
             {"correlation",
              {{"window_ms", r.correlation.window.count()},
               {"hops", r.correlation.hops},
               {"settle_ms", r.correlation.settle.count()},
               {"false_incidents_per_entity_month", r.correlation.false_incidents_per_entity_month},
               {"edges", edges_of(r.correlation.edges)},
               {"inhibit", inhibit_of(r.correlation.inhibit)},
               {"inhibit_consequences", r.correlation.inhibit_consequences}}},
             {"root_cause",
              {{"hops", r.root_cause.hops},
               {"abstain_below", r.root_cause.abstain_below},
               {"unobserved_prior", r.root_cause.unobserved_prior}}},
             {"ranker", model_of(r.ranker)}};
  // Left out where they are those built in: rules of before roles could be set are the same rules.
  if (!r.rules.roles.built_in()) whole["roles"] = roles_of(r.rules.roles);
  return whole.dump(-1, ' ', false, json::error_handler_t::replace);
}

outcome<rules_record> decode_rules(std::string_view text) {
  const json whole = json::parse(text, nullptr, false);
  if (!whole.is_object()) return failure{ec::malformed, "rules: not a JSON object"};
  rules_record r;
  try {  // the library throws where a value has another type than asked for
    r.logic = 0;
    read(whole, "logic", r.logic);
    read_processing(part(whole, "processing"), r.rules.processing);
    if (!read_detection(whole, r.rules.detection))
      return failure{ec::malformed, "rules: a limit is not an object"};
    if (const auto at = whole.find("maintenance"); at != whole.end()) {
      auto windows = read_windows_json(at->dump());
      if (!windows) return windows.error();
      r.rules.maintenance = std::move(*windows);
    }
    read_model(whole, "model", r.rules.model);
    read(whole, "configured_model", r.configured_model);
    const json& c = part(whole, "correlation");
    read_ms(c, "window_ms", r.correlation.window);
    read(c, "hops", r.correlation.hops);
    read_ms(c, "settle_ms", r.correlation.settle);
    read(c, "false_incidents_per_entity_month", r.correlation.false_incidents_per_entity_month);
    read_edges(c, r.correlation.edges);
    read(c, "inhibit_consequences", r.correlation.inhibit_consequences);
    for (const json& i : part(c, "inhibit")) {
      inhibit_rule& rule = r.correlation.inhibit.emplace_back();
      read(i, "source", rule.source);
      read(i, "target", rule.target);
      read(i, "equal", rule.equal);
    }
    const json& rc = part(whole, "root_cause");
    read(rc, "hops", r.root_cause.hops);
    read(rc, "abstain_below", r.root_cause.abstain_below);
    read(rc, "unobserved_prior", r.root_cause.unobserved_prior);
    read_model(whole, "ranker", r.ranker);
    read_roles(whole, r.rules.roles);
  } catch (const json::exception& e) {
    return failure{ec::malformed, std::string{"rules: "} + e.what()};
  }
  if (r.rules.processing.tick.count() <= 0) return failure{ec::malformed, "rules: no tick"};
  return r;
}

}  // namespace faultline
