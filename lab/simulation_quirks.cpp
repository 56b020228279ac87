// SPDX-License-Identifier: Apache-2.0
#include "lab/simulation_quirks.hpp"

#include <algorithm>
#include <cmath>

namespace faultline {

namespace {

constexpr double counter_end = 1e7;
constexpr double outage_every_s = 3 * 86400, outage_s = 15 * 60, longest_outage_s = 3 * 3600;

double coarse_step(const std::string& name, random_source& rng) {
  const bool coarse = rng.chance(0.25);
  if (!coarse) return 0;
  if (name == "cpu.utilization" || name == "disk.io_util") return 0.01;
  if (name == "latency.p95_ms") return 1;
  return name == "memory.used_bytes" ? 1048576 : 0;
}

// Whether nobody in the whole system measures this kind of metric.
bool lacks(const simulation_options& o, const std::string& name) {
  for (const char* kind : {"disk.io_util", "network.bytes", "connections.in_use", "errors.rate"})
    if (name == kind) return random_source{o.seed, kind}.chance(0.12);
  return false;
}

}  // namespace

sim_quirks::sim_quirks(const simulation_options& o, std::size_t entity,
                       const std::vector<std::string>& names)
    : perfect_{o.edition == 1},
      rng_{o.seed, "quirks", entity},
      interval_s_{static_cast<double>(o.interval.count())},
      names_{names} {
  if (perfect_) return;
  const double ahead = rng_.chance(0.05) ? rng_.uniform(2, 30) : rng_.uniform(0, 2);
  phase_ms_ = static_cast<std::int64_t>((interval_s_ * rng_.uniform(0.06, 0.9) + ahead) * 1000);
  choose_columns(o, names);
  draw_outage(static_cast<double>(unix_ms(o.start)) / 1000);
}

void sim_quirks::choose_columns(const simulation_options& o,
                                const std::vector<std::string>& names) {
  const bool counts = rng_.chance(0.25);
  names_.clear();
  for (std::size_t c = 0; c < names.size(); ++c) {
    if (lacks(o, names[c])) continue;
    column k;
    k.from = c;
    k.step = coarse_step(names[c], rng_);
    k.counter = counts && (names[c] == "requests.rate" || names[c] == "errors.rate");
    if (k.counter) k.count = std::floor(rng_.uniform(0, counter_end));
    names_.push_back(k.counter ? names[c].substr(0, names[c].find('.')) + "_total" : names[c]);
    columns_.push_back(k);
  }
}

void sim_quirks::draw_outage(double after_s) {
  down_from_s_ = after_s + rng_.exponential(outage_every_s);
  down_to_s_ = down_from_s_ + std::min(rng_.exponential(outage_s), longest_outage_s);
}

event_time sim_quirks::stamp(event_time at) {
  if (perfect_) return at;
  const double jitter = 0.05 * interval_s_ * 1000 * std::clamp(rng_.normal() / 3, -1.0, 1.0);
  return at + milliseconds{phase_ms_ + static_cast<std::int64_t>(jitter)};
}

bool sim_quirks::down(event_time at) {
  if (perfect_) return false;
  const double now = static_cast<double>(unix_ms(at)) / 1000;
  if (now > down_to_s_) draw_outage(now);
  return now >= down_from_s_;
}

void sim_quirks::restart() noexcept {
  for (auto& k : columns_) k.count = 0;
}

void sim_quirks::show(std::vector<double>& row) {
  if (perfect_) return;
  perfect_row_.swap(row);
  row.clear();
  for (auto& k : columns_) {
    double v = perfect_row_[k.from];
    if (k.counter) {
      k.count += std::isnan(v) ? 0 : std::floor(v * interval_s_ + 0.5);
      if (k.count >= counter_end) k.count -= counter_end;
      if (!std::isnan(v)) v = k.count;
    } else if (k.step > 0) {
      v = std::floor(v / k.step + 0.5) * k.step;
    }
    row.push_back(six_digits(v));
  }
}

}  // namespace faultline
