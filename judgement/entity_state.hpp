// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "inference/forecast_input.hpp"
#include "judgement/alert_lifecycle.hpp"
#include "judgement/calibration.hpp"
#include "judgement/entity_core.hpp"
#include "judgement/entity_logs.hpp"
#include "judgement/entity_spans.hpp"
#include "judgement/told_series.hpp"
#include "judgement/views.hpp"
#include "processing/channel_block.hpp"
#include "processing/daily_profile.hpp"
#include "processing/histogram_quantiles.hpp"
#include "processing/tick_builder.hpp"
#include "processing/window_ring.hpp"

namespace faultline {

/// One of an operator's limits on a channel: at most one above and one below of each severity.
struct channel_limit {
  std::uint16_t channel = 0;
  bool above = true;  ///< or below
  bool critical = true;
  double bound = 0;

  /// NaN is beyond nothing.
  bool is_beyond(double value) const noexcept { return above ? value > bound : value < bound; }
};

using attribute_list = std::vector<std::pair<std::string, std::string>>;

/// Attributes that came behind so many ticks which still wait.
struct attribute_change {
  std::size_t older_ticks = 0;
  attribute_list attributes;
};

/// Whether @p d tells that an entity has all the metrics it may have. It is told with the event, as
/// edges are, and not with a tick.
bool tells_full(const entity_decision& d) noexcept;

/// What the entity remembers of an edge it has told.
struct known_edge {
  std::uint64_t hash = 0;
  std::int64_t told_ms = 0;
  std::uint8_t present = 1;
};

/// What an entity does at one record, in this order: it follows the clock that comes with it and
/// may fall silent; it takes the event; it judges the ticks that closed.
enum class decision_phase : std::uint8_t { look, event, tick };

/// The place of a decision in the order in which an entity decides about alerts and notices.
struct decision_mark {
  record_mark cause{0, 0};
  decision_phase phase = decision_phase::tick;
  event_time tick{};
};

/// What an entity that comes back takes over instead of deciding it again (rule 7).
struct recorded_decisions {
  std::vector<entity_decision> all;  ///< alerts and notices
  std::size_t next = 0;              ///< not taken over yet
  record_mark told{0, 0};            ///< newest record whose edges and changes are told
  log_position decided_through = 0;
};

/// What an event says of an edge from its entity.
struct seen_edge {
  std::string_view to;
  edge_kind kind;
  const char* source;
  bool removed = false;
};

/// State of one entity behind entity_core. Everything saved is a function of the records alone.
struct entity_core::impl {
  impl(std::string_view name, std::shared_ptr<const judgement_rules> with);

  // observe: entity_core.cpp
  applied_as observe(const event_view& event, const record_address& where,
                     std::vector<entity_decision>& out);
  applied_as observe_calls(const event_view& event, const record_address& where,
                           std::vector<entity_decision>& out);
  void advance(const partition_time& clock, const record_address& where,
               std::vector<entity_decision>& out);
  void remember_attributes(const event_view& event);
  void take_attributes();
  bool learning() const noexcept;
  std::int64_t tick_ms() const noexcept { return builder.tick_ms(rules->processing); }

  // how long it may be silent: entity_silence.cpp
  bool staleness_possible() const noexcept;
  std::int64_t silence_limit_ms() const noexcept;
  std::int64_t least_silence_ms() const noexcept;
  std::int64_t heard_ms(const event_view& event) const noexcept;
  void note_deafness(arrival_time heard_since) noexcept;
  std::int64_t now_ms() const noexcept;
  std::int64_t silent_ms() const noexcept { return now_ms() - last_heard_ms; }
  std::uint32_t idle_ticks() const noexcept;
  void note_gap(double gap_ms) noexcept;
  void note_silence(const record_mark& cause, event_time tick, std::vector<entity_decision>& out);
  void note_return(const record_mark& cause, event_time tick, std::vector<entity_decision>& out);

  // lines, spans and calls, as channels of its ticks: entity_core.cpp
  told_series& told_by();
  applied_as note_metrics(const event_view& event, const record_address& where);
  applied_as note_log(const event_view& event, const record_address& where);
  applied_as note_span(const event_view& event, const record_address& where);
  void touch_tick(const event_view& event, std::int64_t newest_ms, const record_address& where);
  std::int64_t newest_told_ms() const noexcept;
  void close_derived(std::size_t waited);

  // ticks: entity_tick.cpp
  void begin_tick(forecast_row& row);
  void follow_model();
  void finish_tick(const forecast_result* result, std::vector<entity_decision>& out);
  void open_channels();
  void add_channels();
  /// What faultline names itself (log.*, span.*) is of the role it was named for.
  metric_role role_of_channel(const channel_info& channel) const;
  std::uint8_t traits_of(const channel_info& channel) const;
  void follow_roles();
  void begin_anew(std::size_t channel);
  forecast_tick forecast_tick_of(const block_scores* scores) const;
  void fill_time(forecast_tick& in) const;
  void load_values(const closed_tick& tick);
  void score_tick(const forecast_result* result, tick_judgement& t);
  void learn_tick(const tick_judgement& t);
  bool apart(event_time tick) const;
  bool was_apart(event_time from, event_time to) const;
  void forget_deviations();
  bool silent_episode(const tick_judgement& t);
  void rebase_due();
  /// Middle and scale of what the window holds of @p channel at ticks that are @p teaching; false
  /// of less than three values.
  bool window_base(std::size_t channel, const std::bitset<window_ring::ticks>& teaching,
                   double& center, double& scale) const;
  void rebase(std::size_t channel, double center, double scale);
  void give_slots(bool anonymous_too);
  std::size_t moving_channels() const noexcept;
  bool returning(std::int64_t tick_ms) const noexcept;
  bool lasting_error(const tick_judgement& t) const;
  bool where_it_was(const tick_judgement& t) const noexcept;

  // limits: entity_limits.cpp
  void rules_changed();
  /// Whether the tick in flight is beyond an operator's limit.
  bool beyond_limit() const noexcept;
  void look_at_limits(tick_judgement& t) const;
  void look_ahead(tick_judgement& t, std::size_t channel) const;
  double capacity_of(std::size_t channel) const;
  void keep_lead(tick_judgement& t, std::size_t channel, const limit_forecast& left) const;

  // levels: entity_levels.cpp
  void find_levels(const tick_judgement& t);
  std::optional<float> middle_of(std::size_t channel, std::size_t last) const;
  bool follow_level(const tick_judgement& t, std::size_t channel);
  void move_level(const tick_judgement& t, std::size_t channel, float by);
  void accept_levels(const tick_judgement& t, const record_mark& cause,
                     std::vector<entity_decision>& out);
  void settle_levels(const tick_judgement& t, const record_mark& cause,
                     std::vector<entity_decision>& out);

  // decisions: entity_alerts.cpp
  void decide(tick_judgement& t, const record_mark& cause, std::vector<entity_decision>& out);
  bool lead_is_news(const tick_judgement& t) const;
  bool doubt_ends(const tick_judgement& t) const;
  tick_signs signs_of(const tick_judgement& t) const;
  std::string explain(const alert& a, const tick_judgement& t) const;
  std::string pace_text(const tick_judgement& t) const;
  /// @p t none: it has fallen silent, or speaks again.
  void emit(alert_step step, const tick_judgement* t, const record_mark& cause, event_time tick,
            std::vector<entity_decision>& out);
  void take_step(alert_step step, const tick_judgement* t, event_time tick);
  void fill_episode(alert& a, event_time tick) const;
  void fill_silence(alert& a) const;
  entity_decision decision_of(alert a, const record_mark& cause, event_time tick) const;
  void fill_alert(alert& a, const tick_judgement& t) const;
  void fill_contributors(alert& a, const tick_judgement& t) const;
  void fill_labels(alert& a) const;
  std::string end_text(const tick_judgement* t) const;
  void note_regime(const std::string& metrics, const record_mark& cause, event_time tick,
                   std::vector<entity_decision>& out);

  // what stands recorded is taken over: entity_adoption.cpp
  bool adopting(const decision_mark& at) const;
  void adopt_through(const decision_mark& at);
  void adopt_rest(const decision_mark& before);
  const entity_decision* recorded_look(event_time clock) const noexcept;
  bool told_before(const record_mark& cause) const noexcept;

  // weak signs: entity_signs.cpp
  bool sign_begins(const tick_judgement& t);
  void note_sign(const tick_judgement& t, const record_mark& cause,
                 std::vector<entity_decision>& out) const;

  // edges, changes and what an entity may not have: entity_topology.cpp
  void note_edge(const seen_edge& seen, const event_view& event, const record_address& where,
                 std::vector<entity_decision>& out);
  void note_change(const event_view& event, const record_address& where,
                   std::vector<entity_decision>& out);

  /// Metrics beyond what it may have: told once. @p event none: a clock closed a tick.
  void note_full(const event_view* event, const record_address& where, event_time at,
                 std::vector<entity_decision>& out);

  std::string save() const;  // entity_snapshot.cpp
  outcome<void> restore(std::string_view bytes);
  bool restore_words(byte_reader& in);
  bool restore_told(std::uint8_t version, byte_reader& in);
  bool read_signs(std::uint8_t version, byte_reader& in);
  bool read_spans(byte_reader& in, std::uint8_t version);
  bool read_histograms(byte_reader& in);
  std::uint64_t left_out() const noexcept;
  entity_window window(event_time as_of, window_detail detail) const;  // entity_window.cpp
  /// Below that no band of a channel begins: zero for an amount that was not below it of late.
  double least_of(std::size_t channel) const;
  entity_status status() const;
  entity_belief belief() const;
  std::optional<double> soon() const noexcept;
  entity_outline outline() const;

  static constexpr std::uint32_t never_paused = 1'000'000;
  static constexpr std::uint64_t least_ticks = 30;   ///< before them nothing is unusual
  static constexpr std::uint64_t steady_ticks = 30;  ///< before them silence means nothing

  std::string id;
  std::shared_ptr<const judgement_rules> rules;
  attribute_list attributes;

  tick_builder builder;
  std::vector<channel_block> blocks;
  std::vector<std::uint8_t> slots;   ///< by channel: forecast slot, 255 = none
  std::vector<std::uint8_t> traits;  ///< by channel: channel_trait bits
  std::array<std::int16_t, forecast_shape::slots> slot_channel;
  std::vector<channel_limit> limits;
  daily_profile profile;
  window_ring ring;
  calibration tails;
  alert_lifecycle life;
  std::unique_ptr<model_view> model;  ///< from the first answer of a model on
  std::unique_ptr<alert> open;        ///< last transition of the episode that is firing
  std::vector<known_edge> edges;
  std::unique_ptr<told_series> told;                      ///< from its first log or span on
  std::unique_ptr<entity_logs> logs;                      ///< from its first log on
  std::unique_ptr<entity_spans> spans;                    ///< from its first span on
  std::unique_ptr<histogram_quantiles> histograms;        ///< from its first bucket on
  std::unique_ptr<std::vector<closed_block>> blocks_out;  ///< null: none

  record_address covered;
  std::uint64_t observations = 0;
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
  std::int64_t last_heard_ms = 0;  ///< arrival of the newest event; with accept_past in event time
  std::int64_t clock_ms = 0;
  std::int64_t clock_arrived_ms = 0;
  double longest_gap_ms = 0;  ///< between closed ticks, fading
  std::uint64_t ticks = 0;    ///< scored
  std::int64_t last_tick_ms = 0;
  std::uint64_t model_key = 0;               ///< of the model that `model` has heard; 0 = none
  std::uint32_t since_pause = never_paused;  ///< ticks since it was away for hours
  float last_score = 0;
  float last_excess = 0;
  float forecast_debt = 0;         ///< how much worse than the last value forecasts have been, in z
  float lull_decades = 0;          ///< rarity of the quietest single tick of late
  float kind_class = 0;            ///< not saved; here it takes no room
  std::uint32_t last_sign_s = 0;   ///< last tick so unusual, told or not, Unix time; 0: none was
  std::uint32_t told_sign_s = 0;   ///< last sign that was told, likewise
  std::uint16_t shadow_ticks = 0;  ///< answers of a new model that are still only listened to
  bool degraded = true;            ///< the last tick was scored without the model
  bool ephemeral = false;

  // Not saved.
  bool flying = false;
  bool deciding = true;
  bool other_roles = false;             ///< than the last tick was judged by, as far as is known
  std::int64_t undecided_since_ms = 0;  ///< an episode while nothing is decided
  /// Attributes that came while older ticks waited: theirs are the ones before.
  std::vector<attribute_change> attribute_changes;
  std::unique_ptr<recorded_decisions> recorded;  ///< null: nothing was ever to be taken over
};

/// Bits of entity_core::impl::traits.
namespace channel_trait {
inline constexpr std::uint8_t symptom = 1;   ///< errors and latency
inline constexpr std::uint8_t capacity = 2;  ///< cpu, memory, disk, saturation
inline constexpr std::uint8_t share = 4;     ///< its name says: a share of a capacity
inline constexpr std::uint8_t percent = 8;   ///< in percent, its name says
inline constexpr std::uint8_t load = 16;     ///< traffic or network: others follow it
inline constexpr std::uint8_t relief = 32;   ///< less of it is no trouble of its own
inline constexpr std::uint8_t rate = 64;     ///< its values are rates of a counter
}  // namespace channel_trait

}  // namespace faultline
