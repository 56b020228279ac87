// SPDX-License-Identifier: Apache-2.0
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <sstream>
#include <utility>

#include "judgement/maintenance.hpp"
#include "server/internal/metrics.hpp"
#include "server/machine.hpp"
#include "server/node.hpp"
#include "server/node_queries.hpp"

namespace faultline {

namespace {

struct page {
  prometheus::Registry registry;

  template <class Number>
  void counter(const char* name, const char* help, const Number& value) {
    prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({}).Increment(
        number(value));
  }
  template <class Number>
  void gauge(const char* name, const char* help, const Number& value) {
    prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({}).Set(number(value));
  }

private:
  template <class Number>
  static double number(const Number& value) {
    return static_cast<double>(value);
  }
  template <class Number>
  static double number(const std::atomic<Number>& value) {
    return static_cast<double>(value.load());
  }
};

/// One sample per value of an enumeration, whether it is 0 or not: sums can be checked by name.
template <class Which, std::size_t N>
void add_each(page& p, const char* name, const char* help, const char* label,
              const std::array<std::atomic<std::uint64_t>, N>& counts) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(p.registry);
  for (std::size_t i = 0; i < N; ++i)
    family.Add({{label, to_string(static_cast<Which>(i))}})
        .Increment(static_cast<double>(counts[i].load()));
}

/// The same by reason, from 1, where a reason without events needs no line.
void add_reasons(page& p, const char* name, const char* help,
                 const std::array<std::atomic<std::uint64_t>, reject_reason_slots>& counts) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(p.registry);
  for (std::size_t i = 1; i < counts.size(); ++i)
    if (const auto n = counts[i].load(); n != 0)
      family.Add({{"reason", to_string(static_cast<reject_reason>(i))}})
          .Increment(static_cast<double>(n));
}

void add_sums(page& p, const door_sums& d) {
  add_each<request_fate>(p, "faultline_requests_total", "Requests on 7802, by what became of them.",
                         "fate", d.requests);
  add_each<message_fate>(p, "faultline_messages_total",
                         "Messages on PULL and SUB sockets, by what became of them.", "fate",
                         d.messages);
  p.counter("faultline_events_derived_total",
            "Records of calls between entities, which the door adds up from their spans.",
            d.derived);
  p.counter("faultline_spans_joined_total", "Spans that found the span they lie in.",
            d.spans_joined);
  p.counter("faultline_spans_orphaned_total", "Spans whose outer span did not come in time.",
            d.spans_orphaned);
  p.counter(
      "faultline_spans_left_early_total",
      "Spans forgotten before half a minute was over: more came than ingest.join_memory holds.",
      d.spans_left_early);
  p.gauge("faultline_span_join_bytes", "What is remembered of spans takes.", d.join_bytes);
  p.counter("faultline_calls_dropped_total", "Joined spans beyond 8,192 sums at once.",
            d.calls_dropped);
  add_each<event_door>(p, "faultline_events_offered_total",
                       "Events of the payloads that were taken or shed.", "door", d.offered);
  add_each<event_door>(p, "faultline_events_admitted_total", "Of these, taken.", "door",
                       d.admitted);
  add_each<event_door>(p, "faultline_events_shed_total", "Of these, shed: too much came in.",
                       "door", d.shed);
  add_reasons(p, "faultline_events_rejected_total", "Of these, refused.", d.rejected);
  add_reasons(p, "faultline_payloads_undecodable_total",
              "Payloads taken of which no event could be read.", d.undecodable);
}

void add_records(page& p, const node_counters& n) {
  using count = std::atomic<std::uint64_t>;
  const auto family = [&p](const char* name, const char* help, const char* label,
                           std::initializer_list<std::pair<const char*, const count*>> all) {
    auto& made = prometheus::BuildCounter().Name(name).Help(help).Register(p.registry);
    for (const auto& [value, of] : all)
      made.Add({{label, value}}).Increment(static_cast<double>(of->load()));
  };
  family("faultline_events_read_total", "Events that partitions came upon in the log.", "from",
         {{"log", &n.read_log}, {"restart", &n.read_restart}, {"revival", &n.read_revival}});
  family("faultline_events_applied_total", "Of these, by what became of them.", "as",
         {{"taken", &n.events_taken},
          {"late", &n.events_late},
          {"kept", &n.events_kept},
          {"replayed", &n.events_replayed},
          {"poison", &n.events_poison},
          {"quarantined", &n.events_quarantined},
          {"resent", &n.events_resent},
          {"retired", &n.events_retired}});
  family("faultline_values_refused_total", "Single values of events that were taken, by reason.",
         "reason", {{"not_finite", &n.doors.values_dropped}, {"too_many", &n.values_too_many}});
  p.gauge("faultline_events_in_flight", "Of these, in the mailbox of their entity.", n.in_flight);
  p.counter("faultline_log_records_total", "Records appended to the log since start.", n.appended);
  p.gauge("faultline_log_lag_records", "Records appended and not yet applied.", n.lag());
  p.counter("faultline_log_commits_total", "Group commits.", n.commits);
  p.counter("faultline_log_committed_bytes_total", "Bytes of records in group commits.",
            n.committed_bytes);
}

void add_entities(page& p, const node_counters& n) {
  p.gauge("faultline_entities", "Entities known.", n.entities);
  p.gauge("faultline_entity_told_bytes",
          "Memory that lines and spans take in entities; counts as entities of 12 KiB.",
          n.told_bytes);
  p.gauge("faultline_entities_active", "Entities in memory; the others wait on disk.",
          n.entities_active);
  p.gauge("faultline_replay_records_per_second",
          "Records a second that a restart is taken to apply, as measured.", n.replay_rate);
  p.gauge("faultline_entities_quarantined", "Entities whose events are stored and not applied.",
          n.entities_quarantined);
  p.counter("faultline_clock_leaps_total",
            "Leaps of the machine's clock that were not followed at once.", n.clock_leaps);
  p.gauge("faultline_clock_held_off_seconds",
          "How far the machine's clock is ahead of the time held; 0: it is followed.",
          static_cast<double>(n.clock_held_off_ms.load()) / 1000);
  p.counter("faultline_weak_signs_total", "Signs of entities too weak for a page.", n.weak_signs);
  p.counter("faultline_weak_sign_questions_total", "Neighbourhoods asked for a cause of these.",
            n.sign_questions);
  p.counter("faultline_weak_sign_incidents_total", "Incidents that a strong cause opened.",
            n.sign_incidents);
  p.counter("faultline_entity_passivations_total",
            "Entities that went to disk, for want of events.", n.passivations);
  p.counter("faultline_entity_wakes_total", "Entities that came back from disk.", n.wakes);
  p.counter("faultline_entities_retired_total", "Entities retired after entities.retire_after.",
            n.retirements);
}

/// Ticks, and the lane that scores them.
void add_scoring(page& p, const node_counters& n) {
  p.counter("faultline_ticks_scored_total", "Entity ticks scored with the LSTM.", n.ticks_scored);
  p.counter("faultline_ticks_degraded_total", "Entity ticks scored by the cheap views alone.",
            n.ticks_degraded);
  p.counter("faultline_model_faults_total", "Rows whose pass failed or was not finite.",
            n.model_faults);
  p.counter("faultline_lane_passes_total", "Passes of the inference lane.", n.lane_passes);
  p.counter("faultline_lane_rows_total", "Rows in passes of the inference lane.", n.lane_rows);
  p.counter("faultline_lane_waits_total", "Passes that waited for company.", n.lane_waits);
  p.counter("faultline_lane_dropped_total", "Results of a row that was no longer asked for.",
            n.lane_dropped);
  p.counter("faultline_lane_knocks_total", "Results that woke their entity.", n.knocks);
  p.counter("faultline_lane_loud_total", "Of these, results nobody waited for.", n.knocks_loud);
}

/// What is decided and kept, and who had to be started again for it.
void add_keeping(page& p, const node_counters& n) {
  p.counter("faultline_decisions_total", "Decisions of entities.", n.decisions);
  p.counter("faultline_snapshots_total", "Entity snapshots taken.", n.snapshots);
  p.counter("faultline_snapshot_bytes_total", "Bytes of entity snapshots.", n.snapshot_bytes);
  p.gauge("faultline_publisher_windows", "Epochs of publishers whose last seqs are remembered.",
          n.publisher_windows);
  p.counter("faultline_publisher_windows_forgotten_total",
            "Epochs of publishers that were forgotten for newer ones.",
            n.publisher_windows_forgotten);
  p.counter("faultline_entity_restarts_total", "Entities restarted from their snapshot.",
            n.entity_restarts);
  p.counter("faultline_partition_restarts_total", "Partition owners restarted.",
            n.partition_restarts);
  auto& pulses = prometheus::BuildCounter()
                     .Name("faultline_actor_pulses_total")
                     .Help("Times the actors were asked whether they still answer.")
                     .Register(p.registry);
  pulses.Add({{"outcome", "answered"}}).Increment(static_cast<double>(n.pulses_answered.load()));
  pulses.Add({{"outcome", "late"}}).Increment(static_cast<double>(n.pulses_late.load()));
}

void add_keys(page& p, const door_counters& c) {
  p.gauge("faultline_curve", "1 when some ZeroMQ socket asks for keys.", c.keys ? 1 : 0);
  auto& family = prometheus::BuildCounter()
                     .Name("faultline_handshakes_total")
                     .Help("Handshakes on sockets that ask for keys, by what became of them.")
                     .Register(p.registry);
  constexpr std::array domains{"ingest", "feed"};
  for (std::size_t d = 0; c.keys && d < domains.size(); ++d)
    for (std::size_t o = 0; o < handshake_outcomes; ++o)
      family.Add({{"domain", domains[d]}, {"outcome", to_string(static_cast<handshake>(o))}})
          .Increment(static_cast<double>(c.handshakes[d][o]));
  p.counter("faultline_feed_requests_refused_total",
            "Requests to feed.replay of keys without the right to the feed.", c.feed_refused);
  p.counter("faultline_feed_rebound_total",
            "Times feed.publish was bound anew: a key lost it, or too much was subscribed to.",
            c.feed_rebound);
}

void add_doors(page& p, const node_parts& parts) {
  const auto c = parts.sockets->counters();
  p.counter("faultline_door_event_messages_total", "Fire-and-forget messages read.",
            c.event_messages);
  p.counter("faultline_door_requests_total", "Acknowledged requests read.", c.requests);
  p.counter("faultline_door_bad_requests_total", "Requests whose frames could not be read.",
            c.bad_requests);
  p.counter("faultline_door_replies_total", "Replies sent.", c.replies);
  p.counter("faultline_door_replies_unroutable_total", "Replies whose peer had gone.",
            c.replies_unroutable);
  p.counter(
      "faultline_subscriptions_broken_total",
      "Connections of ingest.subscribe that a message above ingest.max_message, or bytes that "
      "are no ZMTP, ended.",
      c.subscriptions_broken);
  p.counter("faultline_door_received_bytes_total", "Bytes of payload read.", c.bytes_in);
  p.counter("faultline_feed_published_total", "Feed records published.", c.published);
  p.counter("faultline_feed_publish_dropped_total", "Feed records left to replay: queue full.",
            c.publish_dropped);
  add_keys(p, c);
  p.gauge("faultline_feed_last_seq", "Sequence number of the newest feed record.",
          parts.memory->feed().last());
  auto& letters = prometheus::BuildCounter()
                      .Name("faultline_dead_letters_total")
                      .Help("Payloads and events refused, by reason.")
                      .Register(p.registry);
  for (const auto& [reason, n] : parts.memory->dead_letters().by_reason())
    letters.Add({{"reason", reason}}).Increment(static_cast<double>(n));
  auto& durable = prometheus::BuildCounter()
                      .Name("faultline_events_total")
                      .Help("Events since the store was created, restarts included.")
                      .Register(p.registry);
  for (const auto& [name, n] : parts.memory->events().counters())
    durable.Add({{"as", name}}).Increment(static_cast<double>(n));
  p.gauge("faultline_events_accepted_at_start", "faultline_events_total{as=\"accepted\"} at start.",
          parts.accepted_at_start);
}

void add_web(page& p, const http_counters& c) {
  auto& answers =
      prometheus::BuildCounter()
          .Name("faultline_http_answers_total")
          .Help("Answers by HTTP, by status; 401 without a token, 421 under a wrong name.")
          .Register(p.registry);
  for (const auto& [status, n] : c.answers)
    answers.Add({{"status", std::to_string(status)}}).Increment(static_cast<double>(n));
  p.counter("faultline_http_tls_failures_total", "TLS handshakes that failed.", c.tls_failures);
  p.counter("faultline_http_evicted_total", "Connections closed to make room for newer ones.",
            c.evicted);
  auto& refused = prometheus::BuildCounter()
                      .Name("faultline_http_refused_connections_total")
                      .Help(
                          "Connections refused: all are being answered, too many of one address, "
                          "or no room for "
                          "the body.")
                      .Register(p.registry);
  refused.Add({{"reason", "full"}}).Increment(static_cast<double>(c.refused_full));
  refused.Add({{"reason", "bodies"}}).Increment(static_cast<double>(c.refused_bodies));
  refused.Add({{"reason", "address"}}).Increment(static_cast<double>(c.refused_address));
  refused.Add({{"reason", "streams"}}).Increment(static_cast<double>(c.streams_refused));
  p.gauge("faultline_http_streams", "Live answers under way: pages that are open.", c.streams);
  p.counter("faultline_http_streams_cut_total", "Live answers cut because nobody took a piece.",
            c.streams_cut);
}

void add_overload(page& p, const overload_ladder& ladder) {
  auto& now = prometheus::BuildGauge()
                  .Name("faultline_overload")
                  .Help("1 while this step of overload holds.")
                  .Register(p.registry);
  auto& begun = prometheus::BuildCounter()
                    .Name("faultline_overload_begun_total")
                    .Help("How often this step of overload began.")
                    .Register(p.registry);
  for (std::size_t i = 1; i < overload_steps; ++i) {
    const auto step = static_cast<overload_step>(i);
    now.Add({{"step", to_string(step)}}).Set(ladder.holds(step) ? 1 : 0);
    begun.Add({{"step", to_string(step)}}).Increment(static_cast<double>(ladder.begun(step)));
  }
}

/// The clocks that are furthest off: names of publishers are not bounded, labels must be.
void add_publishers(page& p, publisher_accounts& publishers) {
  constexpr std::size_t most = 10;
  struct clock {
    std::string name, door;
    double skew_s = 0;
  };
  std::vector<clock> clocks;
  {
    const std::lock_guard<std::mutex> guard{publishers.mutex()};
    p.gauge("faultline_publishers", "Publishers heard of, at most 4,096.", publishers.size());
    publishers.for_each([&clocks](const publisher_account& a) {
      if (a.skew.known())
        clocks.push_back(
            {a.name, to_string(a.door), static_cast<double>(a.skew.median().count()) / 1000});
    });
  }
  const auto shown = std::min(most, clocks.size());
  std::partial_sort(
      clocks.begin(), clocks.begin() + static_cast<std::ptrdiff_t>(shown), clocks.end(),
      [](const clock& a, const clock& b) { return std::abs(a.skew_s) > std::abs(b.skew_s); });
  auto& skews = prometheus::BuildGauge()
                    .Name("faultline_publisher_skew_seconds")
                    .Help("How far a publisher's clock is behind ours: the ten furthest off.")
                    .Register(p.registry);
  for (std::size_t i = 0; i < shown; ++i)
    skews.Add({{"door", clocks[i].door}, {"publisher", clocks[i].name}}).Set(clocks[i].skew_s);
}

void add_memory(page& p, const node_parts& parts) {
  const auto use = memory_use_now();
  const auto store = parts.memory->memory_held();
  auto& family = prometheus::BuildGauge()
                     .Name("faultline_memory_bytes")
                     .Help("Memory of this process: all that is its own, and parts of it.")
                     .Register(p.registry);
  const auto add = [&](const char* part, std::uint64_t bytes) {
    family.Add({{"part", part}}).Set(static_cast<double>(bytes));
  };
  add("anonymous", use.anonymous);
  add("allocated", use.allocated);
  add("active", use.active);
  add("allocator", use.metadata);
  add("store_write_buffers", store.write_buffers);
  add("store_cache", store.cache);
}

void add_notifications(page& p, const notifier_status& s) {
  auto& family = prometheus::BuildCounter()
                     .Name("faultline_notifications_total")
                     .Help("Attempts to tell a receiver, since the start.")
                     .Register(p.registry);
  for (const receiver_state& r : s.receivers) {
    family.Add({{"receiver", r.name}, {"outcome", "sent"}}).Increment(static_cast<double>(r.sent));
    family.Add({{"receiver", r.name}, {"outcome", "failed"}})
        .Increment(static_cast<double>(r.failed));
    family.Add({{"receiver", r.name}, {"outcome", "refused"}})
        .Increment(static_cast<double>(r.refused));
  }
  p.gauge("faultline_notification_groups_waiting", "Groups of alerts with a message to come.",
          s.waiting);
  p.gauge("faultline_notifications_behind", "Feed records that nobody was notified of yet.",
          s.behind);
  p.counter("faultline_notifications_left_out_total",
            "Alerts beyond those that are kept for notifications.", s.left_out);
}

void add_windows(page& p, const std::vector<maintenance_window>& all, event_time now) {
  const auto open =
      std::count_if(all.begin(), all.end(), [&](const auto& w) { return open_at(w, now); });
  p.gauge("faultline_maintenance_windows", "Maintenance windows known.", all.size());
  p.gauge("faultline_maintenance_windows_open", "Of these, open now.", open);
}

}  // namespace

std::string metrics_page(const node_parts& parts, bool ready, double uptime_s) {
  page p;
  prometheus::BuildGauge()
      .Name("faultline_build_info")
      .Help("Version of this build.")
      .Register(p.registry)
      .Add({{"version", version()}})
      .Set(1);
  p.gauge("faultline_up_seconds", "Time since start.", uptime_s);
  p.gauge("faultline_ready", "1 once recovery is done and all sockets are bound.", ready ? 1 : 0);
  p.gauge("faultline_store_bytes", "Bytes of the store on disk.", parts.memory->bytes_on_disk());
  const auto space = parts.memory->tend_space();
  p.gauge("faultline_store_free_bytes", "Bytes free where the store is.", space.free_bytes);
  p.gauge("faultline_store_ballast_bytes", "Bytes of the ballast that is there.",
          space.ballast_bytes);
  add_memory(p, parts);
  add_sums(p, parts.counters->doors);
  p.gauge("faultline_config_last_reload_successful", "1 while the last reload was not refused.",
          parts.reloads->successful.load() ? 1 : 0);
  p.gauge("faultline_config_last_reload_success_timestamp_seconds",
          "Unix time of the start, or of the last reload that was not refused.",
          static_cast<double>(parts.reloads->succeeded_at_ms.load()) / 1000);
  p.gauge("faultline_rules_since_decision", "Number of the decision that set the rules in force.",
          parts.desk->since());
  add_windows(p, parts.desk->current().rules.maintenance, event_time_of(unix_ms(parts.now())));
  add_records(p, *parts.counters);
  add_entities(p, *parts.counters);
  add_scoring(p, *parts.counters);
  add_keeping(p, *parts.counters);
  add_doors(p, parts);
  if (parts.web != nullptr) add_web(p, parts.web->counters());
  if (parts.posts != nullptr) add_receivers(p.registry, *parts.posts, parts.listeners->counters());
  add_overload(p, *parts.ladder);
  add_publishers(p, *parts.publishers);
  if (parts.notifications != nullptr) add_notifications(p, parts.notifications->status());
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, p.registry.Collect());
  return out.str();
}

}  // namespace faultline
