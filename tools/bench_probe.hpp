// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "messages/outcome.hpp"

namespace faultline {

/// How long it takes from sending a row to the decision it leads to: listens to the feed for alerts
/// that fire, and knows when the row of that tick was sent. An alert on the feed is durable.
///
/// Lives:  has a thread of its own from start() to stop().
class decision_probe {
public:
  using clock = std::chrono::steady_clock;

  /// Subscribes and waits until it hears. Fails: ec::deadline_passed, ec::io_failed.
  static outcome<std::unique_ptr<decision_probe>> start(const std::string& publish,
                                                        const std::string& replay);
  ~decision_probe();
  decision_probe(const decision_probe&) = delete;
  decision_probe& operator=(const decision_probe&) = delete;

  /// The row of @p entity for the tick at @p ts_ms was sent at @p at.
  void sent(const std::string& entity, std::int64_t ts_ms, clock::time_point at);
  /// Ends the thread. @returns milliseconds of every alert that fired at a tick that was named to
  /// sent().
  std::vector<double> stop();

private:
  decision_probe() = default;
  struct listener;
  void hear(const std::string& entity, std::int64_t ts_ms, clock::time_point now);

  std::mutex mutex_;
  std::unordered_map<std::string, clock::time_point> sent_;  ///< by entity and tick
  std::vector<double> latency_ms_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace faultline
