// SPDX-License-Identifier: Apache-2.0
#include "server/node_queries.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/correlator_questions.hpp"
#include "actors/ingress.hpp"
#include "actors/keeper.hpp"
#include "actors/post_desk.hpp"
#include "messages/text.hpp"
#include "messages/units.hpp"
#include "processing/unit_book.hpp"
#include "server/asking.hpp"
#include "server/chronicle.hpp"
#include "server/entity_pages.hpp"
#include "server/internal/json_text.hpp"
#include "server/node.hpp"
#include "server/overview_desk.hpp"
#include "server/reading_desk.hpp"
#include "server/told_records.hpp"

namespace faultline {

namespace {

constexpr std::size_t live_window_ticks = 512;
/// Later than any event: its times end with the year 2099.
constexpr event_time end_of_time{milliseconds{4'102'444'800'000}};

/// @p units: what senders said of them; none: names alone tell.
entity_details details_of(const entity_status& s, const unit_book* units) {
  entity_details d;
  d.id = s.id;
  d.state = s.state;
  d.observations = s.observations;
  d.first_ts = unix_ms(s.first_ts);
  d.last_ts = unix_ms(s.last_ts);
  d.left_out = s.left_out;
  d.alerts = s.alerts;
  for (const auto& m : s.metrics)
    d.metrics.push_back(entity_metric{
        m.name, to_string(m.role), m.kind == metric_kind::counter ? "counter" : "gauge",
        std::string{units != nullptr ? units->of(m.name) : unit_of(m.name)}, m.last, m.expected,
        m.lower, m.upper, m.off, m.profile_weight});
  const auto& b = s.belief;
  constexpr double unsaid = std::numeric_limits<double>::quiet_NaN();
  d.belief = {b.probability,
              b.excess,
              b.soon.value_or(unsaid),
              b.false_pages_per_month,
              b.accepted_by_now,
              b.pages,
              b.stricter,
              b.half_hours,
              b.weekdays,
              b.weekend_days,
              to_string(b.forecaster)};
  for (const auto& w : s.words)
    d.logs.push_back({to_hex(w.id), w.text, to_string(w.habit.severity()), w.habit.example(),
                      w.lines, w.habit.first_ms(), w.habit.last_ms()});
  for (const auto& o : s.operations)
    d.operations.push_back({o.operation, o.peer, o.rate, o.error_share, o.p50_ms, o.p95_ms,
                            o.p99_ms, o.usual_p95_ms, o.usual_error_share, o.last_ms});
  d.calls_left_out = s.calls_left_out;
  return d;
}

std::string feedback_json(const feedback& f) {
  nlohmann::json j{{"verdict", f.verdict}, {"comment", f.comment}, {"by", f.by}};
  j["cause"] = f.cause ? nlohmann::json(*f.cause) : nlohmann::json(nullptr);
  if (f.worked) j["remediation"] = f.remediation, j["worked"] = *f.worked;
  return json_text(j);
}

/// Nothing when the entity has no such metric; empty series while no tick of it has closed.
std::optional<window_series> series_of(const entity_window& w, const std::string& metric) {
  for (const auto& m : w.metrics) {
    if (m.name != metric) continue;
    window_series s;
    for (const auto t : w.ts) s.ts.push_back(unix_ms(t));
    s.values = m.values;
    s.expected = m.expected;
    s.lower = m.lower;
    s.upper = m.upper;
    return s;
  }
  return std::nullopt;
}

/// @p then hears what is known of the entity; that nothing is, or why, goes to @p done.
template <class Answer, class Then>
void ask_known(caf::actor_system& system, const partition_directory& all, entity_question q,
               answer<Answer> done, Then then) {
  const std::string id = q.entity;
  ask<entity_answer>(system, all.owner_of(id), std::move(q),
                     [id, done, then](outcome<entity_answer> a) {
                       if (!a) return done(a.error());
                       if (!a->known) return done(failure{ec::not_found, "no entity " + id});
                       then(*a);
                     });
}

topology_view topology_of(const correlator_view& v, entity_registry& registry) {
  std::map<std::string_view, alert_severity> worst;
  for (const auto& a : v.firing) {
    auto& severity = worst.try_emplace(a.entity, a.severity).first->second;
    severity = std::max(severity, a.severity);
  }
  topology_view t;
  for (const auto& n : v.nodes) {
    const auto alerting = worst.find(n.id);
    const char* const quiet = registry.knows(stable_hash(n.id)) ? "ok" : "unknown";
    t.nodes.push_back({n.id, alerting == worst.end() ? quiet : to_string(alerting->second)});
  }
  for (const auto& e : v.edges)
    t.edges.push_back(
        {e.from, e.to, to_string(e.kind), e.source, e.confidence, unix_ms(e.last_seen)});
  for (const auto& e : v.taken_away)
    t.taken_away.push_back({e.from, e.to, to_string(e.kind), {}, 1, 0});
  return t;
}

bool wanted(const alert& a, const alert_filter& f) {
  return (f.state.empty() || f.state == to_string(a.state)) &&
         (f.severity.empty() || f.severity == to_string(a.severity)) &&
         (f.entity.empty() || f.entity == a.entity) &&
         (f.text.empty() || holds(a.entity, f.text) || holds(a.metric, f.text) ||
          holds(a.explanation, f.text));
}

}  // namespace

node_queries::node_queries(caf::actor_system& system, node_parts parts)
    : system_{system},
      parts_{std::move(parts)},
      ledger_{std::make_shared<quality_ledger>(parts_.memory->decisions(), parts_.memory->feed())},
      overview_{std::make_shared<overview_desk>(parts_.correlator)},
      reads_{std::make_unique<reading_desk>()} {}

node_queries::~node_queries() = default;

bool node_queries::ready() const {
  return parts_.counters->partitions_ready.load() == parts_.directory->size() &&
         parts_.correlator_whole->load();
}

void node_queries::status(answer<server_status> done) {
  server_status s;
  s.version = version();
  s.uptime_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  s.entities = parts_.counters->entities.load();
  const auto durable = parts_.memory->events().counters();
  const auto accepted = durable.find("accepted");
  s.observations = accepted == durable.end() ? 0 : accepted->second;
  const auto& letters = parts_.memory->dead_letters();
  s.dead_letters = letters.total() + 1 - letters.oldest();
  s.feed_seq = parts_.memory->feed().last();
  s.partitions = parts_.directory->size();
  s.overload = to_string(parts_.ladder->step());
  s.ready = ready();
  s.started_ms = unix_ms(parts_.now()) - static_cast<std::int64_t>(s.uptime_s * 1000);
  done(std::move(s));
}

void node_queries::metrics_text(answer<std::string> done) {
  const auto up = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_);
  done(metrics_page(parts_, ready(), up.count()));
}

void node_queries::entities(std::string prefix, std::size_t limit, std::string next,
                            answer<entity_page> done) {
  // The last name of a page before: with what all of them begin.
  if (!next.empty() &&
      (next.compare(0, prefix.size(), prefix) != 0 || next.size() > payload_limits::entity_bytes ||
       check_name(next) != text_fault::none))
    return done(no_such_page());
  gather_entities(system_, *parts_.directory, {std::move(prefix), std::move(next), limit},
                  std::move(done));
}

void node_queries::entity(std::string id, answer<entity_details> done) {
  const auto* const units = parts_.posts != nullptr ? &parts_.posts->units() : nullptr;
  ask_known(system_, *parts_.directory, {std::move(id), false}, done,
            [units, done](const entity_answer& a) { done(details_of(a.status, units)); });
}

void node_queries::window(std::string id, std::string metric, answer<window_series> done) {
  auto& system = system_;
  const auto librarian = parts_.librarian;
  ask<window_answer>(
      system_, parts_.directory->owner_of(id), window_question{id, end_of_time},
      [&system, librarian, id, metric, done](outcome<window_answer> a) {
        if (!a) return done(a.error());
        if (!a->known) return done(failure{ec::not_found, "no entity " + id});
        // Only now: what the entity does not hold any more is on disk.
        ask<blocks_answer>(
            system, librarian, load_blocks{id},
            [id, metric, done, own = std::move(*a)](outcome<blocks_answer> stored) mutable {
              if (!stored) return done(stored.error());
              auto joined = join_window(with_fresh(std::move(stored->blocks), std::move(own.fresh)),
                                        std::move(own.tail), live_window_ticks, end_of_time);
              if (!joined) return done(joined.error());
              auto series = series_of(*joined, metric);
              if (!series) return done(failure{ec::not_found, "no metric " + metric + " of " + id});
              done(std::move(*series));
            });
      });
}

void node_queries::alerts(alert_filter f, answer<alert_page> done) {
  if (!f.next.empty() && !goes_on_under(alerts_by_time, f.next)) return done(no_such_page());
  reads_->ask<alert_page>(
      [memory = parts_.memory, f]() -> outcome<alert_page> {
        const auto until = std::chrono::steady_clock::now() + longest_search;
        auto page = newest<alert>(
            *memory, {alerts_by_time, f.next, f.limit},
            [](const std::string& bytes) { return decode_alert(bytes); },
            [&](const alert& a) { return wanted(a, f); },
            [&] { return std::chrono::steady_clock::now() > until; });
        if (!page) return page.error();
        return alert_page{std::move(page->first), std::move(page->second)};
      },
      std::move(done));
}

void node_queries::incidents(incident_filter f, answer<incident_page> done) {
  if (!f.next.empty() && !goes_on_under(incidents_by_time, f.next)) return done(no_such_page());
  reads_->ask<incident_page>(
      [memory = parts_.memory, f]() -> outcome<incident_page> {
        const auto until = std::chrono::steady_clock::now() + longest_search;
        auto page = newest<incident>(
            *memory, {incidents_by_time, f.next, f.limit},
            [](const std::string& bytes) { return decode_incident(bytes); },
            [&](const incident& i) {
              return (f.state.empty() || f.state == to_string(i.state)) &&
                     (f.entity.empty() || touches(i, f.entity));
            },
            [&] { return std::chrono::steady_clock::now() > until; });
        if (!page) return page.error();
        return incident_page{std::move(page->first), std::move(page->second)};
      },
      std::move(done));
}

void node_queries::incident_by_id(std::string id, answer<told<incident>> done) {
  auto record = record_named(*parts_.memory, "incident", id, decode_incident);
  if (!record) return done(record.error());
  done(as_told(*parts_.memory, std::move(*record)));
}

void node_queries::topology(answer<topology_view> done) {
  ask<correlator_view>(system_, parts_.correlator, alerts_and_topology(),
                       [done, registry = parts_.registry](outcome<correlator_view> v) {
                         if (!v) return done(v.error());
                         done(topology_of(*v, *registry));
                       });
}

void node_queries::record_command(const char* name, std::string subject, std::string payload,
                                  answer<bool> done) {
  decision d;
  d.kind = decision_kind::command;
  d.command = {name, std::move(subject), std::move(payload), parts_.now()};
  ask<decisions_appended>(system_, parts_.keeper, append_decisions{{std::move(d)}},
                          [done](outcome<decisions_appended> a) {
                            if (!a) return done(a.error());
                            done(true);
                          });
}

void node_queries::record_feedback(const char* name, const std::string& record, std::string subject,
                                   const feedback& f, answer<bool> done) {
  auto known = parts_.memory->feed().record(record);
  if (!known) return done(known.error());
  if (!*known) return done(failure{ec::not_found, "no " + record});
  record_command(name, std::move(subject), feedback_json(f), std::move(done));
}

void node_queries::alert_feedback(std::string id, feedback f, answer<bool> done) {
  record_feedback("alert_feedback", "alert/" + id, id, f, std::move(done));
}

void node_queries::incident_feedback(std::string id, feedback f, answer<bool> done) {
  record_feedback("incident_feedback", "incident/" + id, id, f, std::move(done));
}

void node_queries::acknowledge_alert(std::string id, acknowledgement a, answer<bool> done) {
  const auto alert = record_named(*parts_.memory, "alert", id, decode_alert);
  if (!alert) return done(alert.error());
  if (alert->state == alert_state::resolved)
    return done(
        failure{ec::invalid, "alert " + id + " has ended: only one that fires is acknowledged"});
  record_acknowledgement(std::move(id), a, std::move(done));
}

void node_queries::acknowledge_incident(std::string id, acknowledgement a, answer<bool> done) {
  const auto incident = record_named(*parts_.memory, "incident", id, decode_incident);
  if (!incident) return done(incident.error());
  if (incident->state == incident_state::resolved)
    return done(
        failure{ec::invalid, "incident " + id + " has ended: only an open one is acknowledged"});
  record_acknowledgement(std::move(id), a, std::move(done));
}

void node_queries::record_acknowledgement(std::string subject, const acknowledgement& a,
                                          answer<bool> done) {
  const nlohmann::json payload{
      {"by", a.by}, {"comment", a.comment}, {"off", !a.acknowledged}, {"assign", a.assign}};
  record_command("acknowledge", std::move(subject), json_text(payload), std::move(done));
}

void node_queries::set_edge(edge_word w, answer<bool> done) {
  const nlohmann::json payload{{"from", w.from},     {"to", w.to}, {"kind", w.kind},
                               {"action", w.action}, {"by", w.by}, {"comment", w.comment}};
  record_command("edge", w.from, json_text(payload), std::move(done));
}

// The correlator ends its alerts and edges, the entity's partition forgets it: both from the one
// decision.
void node_queries::retire_entity(std::string id, answer<bool> done) {
  ask_known(system_, *parts_.directory, {id, true}, done,
            [this, id, done](const entity_answer&) { record_command("retire", id, "{}", done); });
}

void node_queries::release_entity(std::string id, answer<bool> done) {
  ask_known(system_, *parts_.directory, {id, true}, done, [this, id, done](const entity_answer& a) {
    if (!a.quarantined) return done(failure{ec::invalid, id + " is not in quarantine"});
    record_command("release", id, "{}", done);
  });
}

void node_queries::reload(answer<reload_report> done) { aside(system_, parts_.reload, done); }

void node_queries::rules(answer<rules_state> done) {
  done(rules_state{parts_.desk->since(), encode_rules(parts_.desk->current())});
}

void node_queries::model(answer<model_state> done) {
  const auto m = parts_.desk->current().rules.model;
  done(model_state{m.name, m.version, m.sha256, parts_.desk->since(), false});
}

void node_queries::activate_model(std::string sha256, answer<model_state> done) {
  aside(
      system_, [activate = parts_.activate, sha256] { return activate(sha256); }, done);
}

}  // namespace faultline
