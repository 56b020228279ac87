// SPDX-License-Identifier: Apache-2.0
#include "tools/training_data.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "judgement/entity_core.hpp"
#include "lab/evaluation_events.hpp"
#include "lab/fault_head.hpp"
#include "lab/rng.hpp"

namespace faultline {

namespace {

/// Ticks until scales and slots of a new entity have settled.
constexpr std::size_t settling_ticks = 64;

struct pace {
  int interval_s;
  int hours;
  double share;
};
constexpr pace paces[] = {{10, 8, 0.45}, {30, 24, 0.2}, {60, 48, 0.25}, {300, 168, 0.1}};
constexpr pace ranker_paces[] = {{10, 2, 0.5}, {60, 9, 0.3}, {300, 40, 0.2}};

template <std::size_t Count>
pace drawn_pace(const pace (&from)[Count], random_source& rng) {
  double at = rng.uniform();
  for (const pace& p : from)
    if ((at -= p.share) < 0) return p;
  return from[0];
}

/// Any minute of the week that follows.
event_time drawn_start(event_time first, random_source& rng) {
  return first + milliseconds{static_cast<std::int64_t>(rng.below(7 * 24 * 60)) * 60'000};
}

std::shared_ptr<const judgement_rules> training_rules(const telemetry& t) {
  auto rules = std::make_shared<judgement_rules>();
  rules->processing.accept_past = true;
  rules->processing.tick = std::min(rules->processing.tick,
                                    milliseconds{static_cast<std::int64_t>(t.interval_s * 1000)});
  return rules;
}

/// What is known of a tick of @p entity at @p ts.
void label_tick(const labels& truth, const std::string& entity, event_time ts,
                training_tick& tick) {
  const auto in_fault = [&](const fault_label& fault) {
    return is_of_fault(fault, entity) && ts >= fault.start && ts <= fault.end + fault_recovery;
  };
  tick.usable = std::none_of(truth.faults.begin(), truth.faults.end(), in_fault);
  const soon_truth soon = truth_of_soon(truth, entity, ts);
  tick.fault_soon = soon == soon_truth::unknown ? -1 : soon == soon_truth::yes ? 1 : 0;
}

/// The model's inputs out of a row, as fill_input() wrote them.
forecast_tick tick_of(const forecast_row& row) {
  constexpr std::size_t slots = forecast_shape::slots;
  forecast_tick tick;
  for (std::size_t s = 0; s < slots; ++s) {
    tick.z[s] = row.input[s];
    tick.mask[s] = row.input[slots + s];
  }
  tick.sin_day = row.input[2 * slots];
  tick.cos_day = row.input[2 * slots + 1];
  tick.log_dt = row.input[2 * slots + 2];
  return tick;
}

/// One entity on its way through its core.
struct student {
  student(const std::string& id, const std::shared_ptr<const judgement_rules>& rules)
      : core{id, rules} {}
  entity_core core;
  training_sequence sequence;
  std::size_t ticks = 0;
};

void close_ticks(student& s, const labels& truth, const std::string& id, event_time ts,
                 std::vector<entity_decision>& out) {
  while (s.core.row_waiting()) {
    forecast_row row;
    s.core.begin_tick(row);
    s.core.finish_tick(nullptr, out);
    if (++s.ticks <= settling_ticks) continue;
    training_tick tick;
    tick.in = tick_of(row);
    label_tick(truth, id, ts, tick);
    s.sequence.entity_class = row.input[2 * forecast_shape::slots + 3];
    s.sequence.ticks.push_back(tick);
  }
}

}  // namespace

simulation_options forecaster_system(std::uint64_t seed) {
  random_source rng{seed, "forecaster training"};
  simulation_options o;
  o.seed = seed;
  o.services = 6 + rng.below(14);
  const pace chosen = drawn_pace(paces, rng);
  o.interval = seconds{chosen.interval_s};
  o.duration = seconds{chosen.hours * 3600};
  o.start = drawn_start(o.start, rng);
  o.quiet = rng.chance(0.3);
  o.random_faults = 1 + rng.below(2);
  o.train_share = 0.5;
  return o;
}

simulation_options ranker_system(std::uint64_t seed) {
  random_source rng{seed, "ranker training"};
  simulation_options o;
  o.seed = seed;
  o.services = 5 + rng.below(26);
  const pace chosen = drawn_pace(ranker_paces, rng);
  o.interval = seconds{chosen.interval_s};
  o.duration = seconds{chosen.hours * 3600 + static_cast<int>(rng.below(120)) * 60};
  o.start = drawn_start(o.start, rng);
  o.train_share = 0.5;
  o.random_faults = 1;
  o.quiet = rng.chance(0.25);
  return o;
}

simulation_options forecaster_system(data_split split, std::uint64_t n) {
  simulation_options o = split_system(split, n);
  random_source rng{o.seed, "forecaster training"};
  const pace chosen = drawn_pace(paces, rng);
  o.interval = seconds{chosen.interval_s};
  o.duration = seconds{chosen.hours * 3600};
  o.start = drawn_start(o.start, rng);
  o.quiet = rng.chance(0.3);
  o.random_faults = 1 + rng.below(2);
  o.train_share = 0.5;
  return o;
}

simulation_options ranker_system(data_split split, std::uint64_t n) {
  simulation_options o = split_system(split, n);
  random_source rng{o.seed, "ranker training"};
  const pace chosen = drawn_pace(ranker_paces, rng);
  o.interval = seconds{chosen.interval_s};
  o.duration = seconds{chosen.hours * 3600 + static_cast<int>(rng.below(120)) * 60};
  o.start = drawn_start(o.start, rng);
  o.train_share = 0.5;
  o.random_faults = 1;
  o.quiet = rng.chance(0.25);
  return o;
}

void append_sequences(const simulated_system& system, std::vector<training_sequence>& to) {
  const telemetry& t = system.observed;
  const auto rules = training_rules(t);
  std::vector<std::unique_ptr<student>> students(t.entities.size());
  evaluation_events events{t};
  std::vector<entity_decision> decided;
  log_position position = 0;
  while (const event_view* event = events.next()) {
    const auto index = t.find(event->entity);
    if (!index) continue;
    auto& s = students[*index];
    if (!s) s = std::make_unique<student>(t.entities[*index].id, rules);
    s->core.observe(*event, {0, ++position, 0}, decided);
    close_ticks(*s, system.truth, t.entities[*index].id, event->ts, decided);
    decided.clear();
  }
  for (auto& s : students) {
    if (!s || s->sequence.ticks.empty()) continue;
    s->sequence.tick_seconds = t.interval_s;
    to.push_back(std::move(s->sequence));
  }
}

fault_class class_of(fault_type type) noexcept {
  switch (type) {
    case fault_type::cpu_hog:
      return fault_class::cpu;
    case fault_type::memory_leak:
      return fault_class::memory_leak;
    case fault_type::disk_fill:
      return fault_class::disk;
    case fault_type::network_delay:
      return fault_class::network_delay;
    case fault_type::error_burst:
      return fault_class::error_burst;
    case fault_type::dependency_outage:
    case fault_type::dns:
      return fault_class::dependency;
    case fault_type::io_stall:
      return fault_class::disk;
    case fault_type::packet_loss:
      return fault_class::packet_loss;
    case fault_type::noisy_neighbour:
      return fault_class::cpu;
    case fault_type::bad_deploy:
    case fault_type::bad_configuration:
      return fault_class::change;
    case fault_type::pool_exhaustion:
    case fault_type::lock_convoy:
      return fault_class::load;
  }
  return fault_class::load;
}

}  // namespace faultline
