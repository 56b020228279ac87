// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/forecaster.hpp"
#include "judgement/entity_outline.hpp"
#include "judgement/operation_stats.hpp"
#include "judgement/options.hpp"
#include "messages/decision.hpp"
#include "messages/identity.hpp"
#include "messages/outcome.hpp"
#include "messages/record.hpp"
#include "processing/log_habit.hpp"
#include "processing/maintenance_window.hpp"
#include "processing/options.hpp"
#include "processing/partition_time.hpp"
#include "processing/roles.hpp"
#include "processing/window_detail.hpp"

namespace faultline {

/// What every entity core shares: options and the identity of the deciding model. Immutable; a
/// change (control record) hands the cores a new one.
struct judgement_rules {
  processing_options processing;
  detection_options detection;
  std::vector<maintenance_window> maintenance;
  model_identity model;
  role_table roles;
};

/// Ticks for which an entity only listens to a model that took the place of another.
inline constexpr std::uint16_t model_shadow_ticks = 256;

/// What became of one event. Every accepted event ends in exactly one of these.
enum class applied_as : std::uint8_t {
  taken,      ///< in the open tick, or closed it
  late,       ///< its tick is closed: counted, not scored. A line or span whose tick is closed
              ///< and that is behind others of its kind by more than the lateness: likewise, and
              ///< kept as evidence of its time
  kept,       ///< a line or span that the next tick to close counts; a change or an edge
  duplicate,  ///< at or below the position the state already covers (replay)
};

/// A decision an entity has made, on its way to the outbox.
struct entity_decision {
  /// "a/<episode>/<transition>", "s/<tick>", "n/<tick>", "t/<hash>", "c/<hash>", "m/<first event>"
  std::string key;
  record_mark cause{0, 0};  ///< the record that closed the tick; index whole_blob: not known
  event_time tick{};
  decision what;  ///< alert, topology or change
};

/// Series of one metric as an answer to a question: for charts, and as evidence.
struct metric_window {
  std::string name;
  std::uint8_t role = 255;  ///< forecast slot, 255 = none
  metric_kind kind = metric_kind::gauge;
  std::vector<float> values;    ///< NaN = missing; aligned with entity_window::ts. With bands,
                                ///< for people, they are as shown_value()
  std::vector<float> expected;  ///< one-tick forecast or profile, in the metric's units; like the
                                ///< band, empty of window_detail::values
  std::vector<float> lower;     ///< band the value is expected in
  std::vector<float> upper;
};

/// A template of an entity's log and when its lines come.
struct log_word {
  std::uint64_t id = 0;
  std::string text;         ///< "session opened for user <*>", cut at 200 bytes
  std::uint64_t lines = 0;  ///< since it was learned
  log_habit habit;
};

struct entity_window {
  std::string entity;
  std::int64_t tick_ms = 0;
  std::vector<event_time> ts;  ///< ascending; of the newest event in each tick
  std::vector<metric_window> metrics;
  event_time watermark{};  ///< every tick that ended by then is in here
  bool learning = false;
  /// What its logs and spans come to, on steps of their own; null where it sends none.
  std::shared_ptr<const entity_window> told;
  /// Of `told`: templates of its log, those seen last first, at most 64; and since when it writes.
  std::vector<log_word> words;
  event_time words_since{};
};

struct metric_status {
  std::string name;
  metric_role role = metric_role::none;  ///< by the words of the rules
  metric_kind kind = metric_kind::gauge;
  double last = 0;  ///< of a counter its rate; NaN before there is one
  double expected = 0;
  double lower = 0;
  double upper = 0;
  /// How far off the last three ticks are, in multiples of the 98th percentile of what is usual.
  double off = 0;
  double profile_weight = 0;  ///< how much of the daily profile is believed, 0..1
};

/// Whether the forecaster's word counts for an entity.
enum class forecaster_standing : std::uint8_t {
  absent,     ///< no forecast has come yet
  listening,  ///< a new model: its first answers are only listened to
  heard,      ///< it forecasts better than the last value
  unheard,    ///< it does not: ticks are judged by the other views
};
const char* to_string(forecaster_standing) noexcept;

/// What the detector believes of an entity, in the words an operator asks in.
struct entity_belief {
  double probability = 0;  ///< that a fault is under way, 0..1
  double excess = 0;       ///< decades of rarity above the page threshold; below it: negative
  /// Probability, by the forecaster's supervised head, that a fault which builds up takes its full
  /// effect within 15 min; nothing before there was a forecast. Said beside the views: it decides
  /// nothing (docs/decisions/0045).
  std::optional<double> soon;
  double false_pages_per_month = 0;  ///< accepted by the operator (30 days)
  double accepted_by_now = 0;        ///< the same for the time since it was first seen
  std::uint64_t pages = 0;           ///< episodes told since then, true or false
  double stricter = 0;    ///< decades that past pages have raised the threshold by; < 0: lowered
  double half_hours = 0;  ///< of its own experience, what it believes of rare values rests on
  int weekdays = 0;       ///< days seen of the present half hour
  int weekend_days = 0;
  forecaster_standing forecaster = forecaster_standing::absent;
};

struct entity_status {
  std::string id;
  std::string state;               ///< learning, ok, warning, critical, stale
  std::uint64_t observations = 0;  ///< events applied since it exists, restarts included
  event_time first_ts{};
  event_time last_ts{};
  std::vector<metric_status> metrics;
  std::uint64_t left_out = 0;       ///< values of names beyond those it may have
  std::vector<std::string> alerts;  ///< ids of firing alerts
  entity_belief belief;
  std::vector<log_word> words;  ///< templates of its log, those seen last first, at most 64
  std::vector<operation_status> operations;  ///< of its spans, the busiest first
  /// Calls to others that are no evidence of their edge: it has too many callees.
  std::uint64_t calls_left_out = 0;
};

/// A block of 64 closed ticks that left memory, packed: see window_block in storage.
struct closed_block {
  std::uint32_t number = 0;
  std::string bytes;
};

/// What the last finished tick came to, for evaluation.
struct tick_verdict {
  event_time tick{};
  double score = 0;   ///< probability that a fault is under way, 0..1, comparable over entities
  double excess = 0;  ///< decades of rarity above the page threshold
  std::optional<double> soon;  ///< as entity_belief::soon
};

/// Everything faultline knows and decides about one entity: cleansing, ticks, scaling, profile,
/// views, calibration, alert life-cycle, live window. Pure: same records and results, same
/// decisions. No clock, no thread, no I/O.
///
/// The way of a tick: observe()/advance() close ticks, which wait in the core; while row_waiting(),
/// begin_tick() writes the oldest one's row for the model; finish_tick() takes the model's answer
/// (or nullptr: scored by the cheap views alone and marked degraded), decides, and appends what it
/// decided. Exactly one tick is between begin and finish at a time; result n is finished before
/// n+1 begins.
class entity_core {
public:
  entity_core(std::string_view id, std::shared_ptr<const judgement_rules> rules);
  ~entity_core();
  entity_core(entity_core&&) noexcept;
  entity_core& operator=(entity_core&&) noexcept;

  /// Hands over changed rules. @pre !in_flight() && !row_waiting(): a tick is judged by the rules
  /// at the record that closed it. Another model begins with h = c = 0, and for its first
  /// model_shadow_ticks answers the ticks are judged without it and marked degraded.
  void set_rules(std::shared_ptr<const judgement_rules> rules);
  /// false: learns from everything and opens no alert (training part of a recording).
  void set_deciding(bool on) noexcept;

  /// Applies one event of this entity. Edge and change events append decisions at once.
  applied_as observe(const event_view& event, const record_address& where,
                     std::vector<entity_decision>& out);
  /// Follows the partition's clock: closes what is due, drives staleness.
  void advance(const partition_time& clock, const record_address& where,
               std::vector<entity_decision>& out);
  /// Could advance(@p clock) find the entity silent, whatever the ticks under way come to? Then
  /// they are finished first: how long a silence must be depends on them.
  bool may_fall_silent(const partition_time& clock) const noexcept;
  /// Ticks that close from now on are scored with (false) or without the model.
  void set_degraded(bool on) noexcept;

  bool row_waiting() const noexcept;           ///< a closed tick waits and none is in flight
  std::size_t waiting_ticks() const noexcept;  ///< closed and not begun
  bool in_flight() const noexcept;             ///< between begin_tick and finish_tick
  /// Is the oldest waiting tick to be finished without the model? @pre row_waiting().
  bool row_degraded() const noexcept;
  /// The last event that went into the oldest waiting tick; position 0: it is not known any more
  /// (from before a snapshot). @pre row_waiting().
  record_address row_last() const noexcept;
  /// Writes the row of the oldest waiting tick. @pre row_waiting().
  void begin_tick(forecast_row& row);
  /// Ends the tick in flight. @p result nullptr: the model was left out or failed (degraded).
  void finish_tick(const forecast_result* result, std::vector<entity_decision>& out);
  /// Whether the result of the row that was begun last should be looked at as soon as it is there,
  /// however quiet: an alert is firing or may be about to.
  bool expectant() const noexcept;
  /// How far a result may lie from the row's tick before the entity should look at it at once
  /// rather than with its next event: a bound on |z - mu| / b over the slots in use. Travels with
  /// the row.
  float loud_threshold() const noexcept;

  /// Blocks that left memory since the last call, to be written beside the next snapshot.
  std::vector<closed_block> take_blocks();

  /// State as of the last record applied. @pre !in_flight() && !row_waiting().
  std::string save() const;
  /// Replaces the state. ec::malformed, ec::unknown_version leave the core as it was.
  outcome<void> restore(std::string_view bytes);
  /// Replay (rule 7): decisions this entity had made that stand in the outbox already, in order,
  /// and the position through which silence is a decision too. Ticks caused at or below @p
  /// decided_through, or not after the last recorded one, adopt what is recorded and decide
  /// nothing.
  void adopt(std::vector<entity_decision> recorded, log_position decided_through);

  /// The last 64 ticks, oldest first, up to and including the tick that contains @p as_of.
  entity_window window(event_time as_of, window_detail detail = window_detail::bands) const;
  entity_status status() const;
  entity_outline outline() const;
  /// Of the tick finished last.
  tick_verdict last_verdict() const noexcept;
  std::string_view id() const noexcept;
  std::uint64_t observations() const noexcept;
  /// Values of names beyond the 256 it may have. The first is told, as a notice `too_many_metrics`.
  std::uint64_t left_out() const noexcept;
  /// Ticks that have passed since the last event: rule 15 passivates after 12. 0 while a tick is
  /// open; below 12 while the entity's silence could still become an alert.
  std::uint32_t idle_ticks() const noexcept;
  /// Bytes of memory held, for the budget of 12 KiB.
  std::size_t memory_bytes() const noexcept;
  /// Of these, what its lines and spans take: not in that budget. Cheap.
  std::size_t told_bytes() const noexcept;

  /// Asks for what the next observation and the next finished tick read: first the state itself,
  /// then, when that has come, what it points to. For whoever knows whose turn is next.
  void prefetch_state() const noexcept;
  void prefetch_parts() const noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Joins packed blocks (oldest first) and the tail from memory to one window of at most @p ticks,
/// none of which began after @p as_of.
outcome<entity_window> join_window(const std::vector<closed_block>& blocks, entity_window tail,
                                   std::size_t ticks, event_time as_of = event_time::max(),
                                   window_detail detail = window_detail::bands);

}  // namespace faultline
