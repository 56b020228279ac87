// SPDX-License-Identifier: Apache-2.0
#include "lab/injection_shapes.hpp"

#include <algorithm>
#include <cmath>

#include "lab/internal/fault_ramp.hpp"
#include "processing/roles.hpp"

namespace faultline {

namespace {

constexpr std::size_t most_of_a_role = 3;
constexpr std::size_t most_followers = 6;
constexpr double follows_from = 0.5;  // correlation

struct role_weight {
  metric_role role;
  double weight;
};

// What a fault does to the metrics of the entity it sits on, the leading role first.
std::vector<role_weight> recipe_of(fault_type type) {
  using r = metric_role;
  switch (type) {
    case fault_type::cpu_hog:
      return {{r::cpu, 1}, {r::saturation, 0.6}, {r::latency, 0.5}};
    case fault_type::memory_leak:
      return {{r::memory, 1}, {r::cpu, 0.2}, {r::latency, 0.3}};
    case fault_type::disk_fill:
      return {{r::disk, 1}, {r::latency, 0.3}};
    case fault_type::io_stall:
      return {{r::disk, 1}, {r::saturation, 0.7}, {r::latency, 0.8}, {r::traffic, -0.3}};
    case fault_type::network_delay:
      return {{r::latency, 1}, {r::network, -0.4}, {r::saturation, 0.5}};
    case fault_type::packet_loss:
      return {{r::network, -0.7}, {r::errors, 0.8}, {r::latency, 0.7}};
    case fault_type::error_burst:
      return {{r::errors, 1}, {r::traffic, -0.2}};
    case fault_type::pool_exhaustion:
      return {{r::saturation, 1}, {r::latency, 0.8}, {r::errors, 0.4}};
    case fault_type::lock_convoy:
      return {{r::latency, 1}, {r::saturation, 0.8}, {r::cpu, -0.4}, {r::traffic, -0.5}};
    case fault_type::bad_deploy:
      return {{r::cpu, 0.6}, {r::memory, 0.5}, {r::latency, 0.8}, {r::errors, 0.6}};
    case fault_type::bad_configuration:
      return {{r::network, 0.6}, {r::latency, 0.7}, {r::errors, 0.5}};
    case fault_type::noisy_neighbour:
      return {{r::cpu, 0.8}, {r::disk, 0.5}, {r::latency, 0.6}};
    case fault_type::dependency_outage:
      return {{r::traffic, -0.8}, {r::errors, 1}, {r::latency, 1}, {r::network, -0.6}};
    case fault_type::dns:
      return {{r::errors, 0.8}, {r::latency, 0.9}, {r::traffic, -0.4}, {r::network, -0.3}};
  }
  return {};
}

// More of it means less of the metric.
double direction_of(const std::string& name) {
  for (const char* word : {"idle", "free", "avail"})
    if (name.find(word) != std::string::npos) return -1;
  return 1;
}

std::vector<std::size_t> moving(const std::vector<metric_habit>& habits) {
  std::vector<std::size_t> out;
  for (std::size_t c = 0; c < habits.size(); ++c)
    if (habits[c].moves) out.push_back(c);
  return out;
}

// One metric of the role, and up to two that move with it.
void add_role(const entity_series& series, const std::vector<metric_habit>& habits,
              role_weight want, event_time until, random_source& rng,
              std::vector<reacting_metric>& out) {
  std::vector<std::size_t> of_role;
  for (const std::size_t c : moving(habits))
    if (role_of(series.metrics[c]) == want.role) of_role.push_back(c);
  if (of_role.empty()) return;
  const std::size_t first = of_role[rng.below(of_role.size())];
  const double sign = direction_of(series.metrics[first]);
  out.push_back({first, want.weight * sign});
  std::size_t taken = 1;
  for (const std::size_t c : of_role) {
    if (c == first || taken == most_of_a_role) continue;
    const double r = correlation(series, habits, first, c, until);
    if (std::fabs(r) < follows_from) continue;
    out.push_back({c, want.weight * sign * r * rng.uniform(0.6, 1)});
    ++taken;
  }
}

double clamp01(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

}  // namespace

std::vector<reacting_metric> correlated_reaction(const entity_series& series,
                                                 const std::vector<metric_habit>& habits,
                                                 event_time until, random_source& rng) {
  const auto able = moving(habits);
  std::vector<reacting_metric> out;
  if (able.empty()) return out;
  const std::size_t lead = able[rng.below(able.size())];
  // Towards where there is more room.
  const bool up =
      habits[lead].most - habits[lead].median >= habits[lead].median - habits[lead].least;
  const double sign = rng.chance(up ? 0.85 : 0.15) ? 1 : -1;
  out.push_back({lead, sign});
  for (const std::size_t c : able) {
    if (c == lead || out.size() > most_followers) continue;
    const double r = correlation(series, habits, lead, c, until);
    if (std::fabs(r) >= follows_from && rng.chance(0.7))
      out.push_back({c, sign * r * rng.uniform(0.5, 1)});
  }
  return out;
}

std::vector<reacting_metric> reaction_of(const entity_series& series,
                                         const std::vector<metric_habit>& habits, fault_type type,
                                         event_time until, random_source& rng) {
  std::vector<reacting_metric> out;
  const auto recipe = recipe_of(type);
  for (const role_weight& want : recipe) add_role(series, habits, want, until, rng, out);
  const bool leads = !out.empty() && role_of(series.metrics[out[0].column]) == recipe[0].role;
  return leads ? out : correlated_reaction(series, habits, until, rng);
}

double injected_shape::at(std::int64_t since_ms) const noexcept {
  if (since_ms <= 0 || since_ms > end_ms) return 0;
  const double x =
      ramp_ms > 0 ? clamp01(static_cast<double>(since_ms) / static_cast<double>(ramp_ms)) : 1;
  if (const auto ramp = ramp_at(form, x)) return *ramp;
  for (const burst& b : bursts)
    if (since_ms > b.from && since_ms <= b.to) return 1;
  return 0;
}

injected_shape draw_injected_shape(random_source& rng, std::int64_t interval_ms,
                                   std::int64_t shortest_ramp_ms, std::int64_t longest_ramp_ms,
                                   std::int64_t longest_ms) {
  injected_shape s;
  const double u = rng.uniform();
  s.form = u < 0.3   ? fault_shape::abrupt
           : u < 0.6 ? fault_shape::linear
           : u < 0.8 ? fault_shape::exponential
                     : fault_shape::intermittent;
  const auto ms = [](double x) { return static_cast<std::int64_t>(x); };
  const double low = portable_log(static_cast<double>(shortest_ramp_ms));
  const double high =
      portable_log(static_cast<double>(std::max(longest_ramp_ms, shortest_ramp_ms)));
  const std::int64_t ramp = ms(portable_exp(rng.uniform(low, high)));
  const std::int64_t whole = std::max(ms(rng.uniform(20, 90) * 60'000), 6 * interval_ms);
  s.ramp_ms = s.form == fault_shape::abrupt
                  ? 0
                  : std::min(ramp, std::max(shortest_ramp_ms, longest_ms - whole));
  s.end_ms = s.ramp_ms + whole;
  if (s.form != fault_shape::intermittent) return s;
  for (std::int64_t at = 0; at < s.end_ms;) {  // longer and closer together towards the end
    const std::int64_t on = ms(static_cast<double>(interval_ms) * rng.uniform(2, 6));
    s.bursts.push_back({at, std::min(at + on, s.end_ms)});
    const double done = clamp01(static_cast<double>(at) /
                                static_cast<double>(std::max<std::int64_t>(1, s.ramp_ms)));
    const double off = rng.uniform(0.5, 1.5) * (1.1 - done) *
                       static_cast<double>(std::min<std::int64_t>(s.end_ms / 8, 3'600'000));
    at += on + std::max(interval_ms, ms(off));
  }
  return s;
}

}  // namespace faultline
