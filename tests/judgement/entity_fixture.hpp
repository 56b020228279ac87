// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "judgement/entity_core.hpp"

namespace faultline {

/// A small deterministic source of noise.
class noise {
public:
  explicit noise(std::uint64_t seed) : state_{seed * 2654435761u + 88172645463325252u} {}
  double uniform() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<double>(state_ >> 11) / 9007199254740992.0;
  }
  /// Nearly normal: twelve uniforms.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

private:
  std::uint64_t state_;
};

inline std::shared_ptr<const judgement_rules> test_rules(std::int64_t tick_ms = 10'000) {
  judgement_rules r;
  r.processing.tick = std::chrono::milliseconds{tick_ms};
  r.processing.accept_past = true;
  r.model = {"test", "1", std::string(64, 'a')};
  return std::make_shared<const judgement_rules>(r);
}

/// Drives one core with rows, as the runner does, without a model.
class entity_driver {
public:
  explicit entity_driver(std::shared_ptr<const judgement_rules> rules = test_rules(),
                         std::string id = "service/cart")
      : core{id, rules}, id_{std::move(id)}, rules_{std::move(rules)} {}

  applied_as row(std::int64_t ts, const std::vector<std::pair<std::string, double>>& values) {
    event_view e;
    e.type = event_type::metric;
    for (const auto& [name, value] : values) e.metrics.push_back({name, value, metric_kind::gauge});
    return give(e, ts);
  }
  applied_as give(event_view& e, std::int64_t ts) { return give(e, ts, ts); }
  applied_as give(event_view& e, std::int64_t ts, std::int64_t arrived) {
    e.entity = id_;
    e.has_ts = true;
    e.ts = event_time_of(ts);
    e.arrived = arrival_time_of(arrived);
    const auto result = core.observe(e, {0, ++position, 0}, decisions);
    pump();
    return result;
  }
  void clock(std::int64_t ts) {
    clock_.follow({event_time_of(ts), arrival_time_of(ts)}, false, rules_->processing);
    clock(clock_);
  }
  void clock(const partition_time& c) {
    clock_ = c;
    core.advance(clock_, {0, ++position, 0}, decisions);
    pump();
  }
  void pump() {
    forecast_row row;
    while (core.row_waiting()) {
      core.begin_tick(row);
      core.finish_tick(nullptr, decisions);
    }
  }
  std::vector<alert> alerts() const {
    std::vector<alert> result;
    for (const auto& d : decisions) {
      if (d.what.kind == decision_kind::alert) result.push_back(d.what.alert);
    }
    return result;
  }

  entity_core core;
  std::vector<entity_decision> decisions;
  log_position position = 0;

private:
  std::string id_;
  std::shared_ptr<const judgement_rules> rules_;
  partition_time clock_;
};

/// For claims about everything else an entity decides.
inline void drop_signs(std::vector<entity_decision>& decisions) {
  decisions.erase(
      std::remove_if(decisions.begin(), decisions.end(),
                     [](const entity_decision& d) { return d.what.kind == decision_kind::sign; }),
      decisions.end());
}

inline constexpr std::int64_t test_start = 1'704'067'200'000;  // 2024-01-01, a Monday

/// Eight metrics of a calm service at @p ts, with a daily swing.
inline std::vector<std::pair<std::string, double>> calm_row(std::int64_t ts, noise& n) {
  const double day =
      std::sin(2 * 3.141592653589793 * static_cast<double>(ts % 86'400'000) / 86.4e6);
  const double traffic = 100 + 40 * day + 3 * n.normal();
  return {{"cpu_util_percent", 20 + 0.15 * traffic + n.normal()},
          {"memory_used_percent", 55 + 0.3 * n.normal()},
          {"disk_io_ops", 200 + 0.5 * traffic + 10 * n.normal()},
          {"network_bytes", 1e6 * (1 + traffic / 100) + 2e4 * n.normal()},
          {"queue_length", 3 + 0.8 * std::fabs(n.normal())},
          {"requests_per_second", traffic},
          {"errors_per_second", 0.2 * std::fabs(n.normal())},
          {"latency_ms", 20 + 0.05 * traffic + 1.5 * n.normal()}};
}

/// An entity that lives in ticks of ten seconds, with calm rows or without any.
class ticking_entity {
public:
  static constexpr std::int64_t tick = 10'000;
  explicit ticking_entity(bool rows = true) : rows_{rows} {}

  void close() {
    if (rows_)
      d.row(at, calm_row(at, n));
    else
      d.clock(at);
    at += tick;
  }
  std::map<std::string, float> last_values() {
    std::map<std::string, float> out;
    const auto w = d.core.window(event_time::max());
    for (const auto& m : w.metrics)
      if (!m.values.empty()) out[m.name] = m.values.back();
    return out;
  }

  entity_driver d;
  noise n{11};
  std::int64_t at = test_start;

private:
  bool rows_;
};

}  // namespace faultline
