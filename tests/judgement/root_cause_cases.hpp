// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "judgement/root_cause.hpp"

namespace faultline::root_cause_cases {

/// Small systems with known trouble. Noise comes from a counter, so that a case is the same
/// everywhere.
class system_builder {
public:
  static constexpr std::int64_t tick_ms = 10'000;
  static constexpr std::int64_t start_ms = 1'700'000'000'000;

  /// @param before ticks of normal operation, @param after ticks since the onset
  explicit system_builder(std::size_t before = 120, std::size_t after = 12)
      : before_{before}, after_{after} {
    q_.incident = "case";
    q_.onset = at(before);
    q_.as_of = at(before + after);
  }

  static event_time at(std::size_t tick) {
    return event_time_of(start_ms + static_cast<std::int64_t>(tick) * tick_ms);
  }

  system_builder& node(const std::string& entity) {
    rca_node& n = q_.nodes.emplace_back();
    n.entity = entity;
    n.window.entity = entity;
    n.window.tick_ms = tick_ms;
    n.window.watermark = q_.as_of;
    return *this;
  }

  /// Adds a metric to the last node: level with 2 % noise, and a rise by @p rise (in shares of the
  /// level, negative falls) that begins @p lag ticks after the onset.
  system_builder& metric(const std::string& name, double level, double rise = 0, int lag = 0) {
    entity_window& w = q_.nodes.back().window;
    if (w.ts.empty()) {
      for (std::size_t n = 0; n < before_ + after_; ++n) w.ts.push_back(at(n));
    }
    metric_window& m = w.metrics.emplace_back();
    m.name = name;
    const auto begins = static_cast<std::int64_t>(before_) + lag;
    for (std::size_t n = 0; n < before_ + after_; ++n) {
      double v = level * (1 + 0.02 * noise());
      if (static_cast<std::int64_t>(n) >= begins) v += level * rise;
      m.values.push_back(static_cast<float>(v));
    }
    return *this;
  }

  /// The usual metrics of a healthy service; `late` raises its latency, `busy` its cpu.
  system_builder& service(const std::string& entity, double late = 0, double busy = 0,
                          int late_lag = 0) {
    return node(entity)
        .metric("cpu.utilization", 0.3, busy)
        .metric("memory.used_bytes", 5e8)
        .metric("requests.rate", 100)
        .metric("latency.p95_ms", 40, late, late_lag);
  }

  system_builder& calls(const std::string& from, const std::string& to) {
    q_.edges.push_back({from, to, edge_kind::calls});
    return *this;
  }
  system_builder& runs_on(const std::string& from, const std::string& to) {
    q_.edges.push_back({from, to, edge_kind::runs_on});
    return *this;
  }
  system_builder& change(const std::string& entity, std::int64_t before_onset_s) {
    q_.changes.push_back(
        {entity, change_kind::deploy, "v2", q_.onset - std::chrono::seconds{before_onset_s}});
    return *this;
  }

  rca_question& question() { return q_; }

private:
  /// Uniform in [-1, 1] (splitmix64).
  double noise() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    return static_cast<double>(z >> 11) / 4503599627370496.0 - 1;
  }

  std::size_t before_;
  std::size_t after_;
  std::uint64_t state_ = 1;
  rca_question q_;
};

/// front -> cart -> db: the database's memory and then everybody's latency.
inline rca_question leaking_database() {
  system_builder b;
  b.service("service/front", 3, 0, 3)
      .service("service/cart", 3, 0, 2)
      .node("db/cart")
      .metric("memory.used_bytes", 1e9, 0.5, -2)
      .metric("cpu.utilization", 0.2)
      .metric("latency.p95_ms", 10, 4, 1);
  b.service("service/mail").calls("service/front", "service/cart").calls("service/cart", "db/cart");
  b.calls("service/front", "service/mail");
  return b.question();
}

/// Both callers of search wait for it; search itself sees nothing.
inline rca_question slow_network() {
  system_builder b;
  b.service("service/front", 2).metric("out_p50.search", 20, 5).metric("out_p50.cart", 20);
  b.service("service/recommend", 2).metric("out_p50.search", 20, 5);
  b.service("service/search").metric("in_p50.front", 18).metric("in_p50.recommend", 18);
  b.service("service/cart").metric("in_p50.front", 18);
  b.calls("service/front", "service/search").calls("service/recommend", "service/search");
  b.calls("service/front", "service/cart");
  return b.question();
}

/// @p count services in a tree of four callees each, the last but one with a busy processor.
inline rca_question tree(std::size_t count) {
  system_builder b;
  const auto name = [](std::size_t n) { return "service/s" + std::to_string(n); };
  const std::size_t root = count - 2;
  for (std::size_t n = 0; n < count; ++n) {
    std::size_t up = root;
    bool above = false;
    while (up > 0) {
      up = (up - 1) / 4;
      above = above || up == n;
    }
    b.service(name(n), n == root || above ? 3 : 0, n == root ? 2 : 0, above ? 1 : 0)
        .metric("disk.io_util", 0.1)
        .metric("network.bytes", 1e6)
        .metric("errors.rate", 0.5)
        .metric("connections.in_use", 10);
    if (n > 0) b.metric("in_p50.s" + std::to_string((n - 1) / 4), 18);
    for (std::size_t c = 4 * n + 1; c <= 4 * n + 4 && c < count; ++c) {
      b.metric("out_p50.s" + std::to_string(c), 20, above ? 1 : 0);
    }
  }
  for (std::size_t n = 1; n < count; ++n) b.calls(name((n - 1) / 4), name(n));
  return b.question();
}

}  // namespace faultline::root_cause_cases
