// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tools/bench_ingest.hpp"

namespace faultline {

/// Asks a server four times a second what it has applied and how much memory it holds, in a thread
/// of its own until stop().
class ingest_sampler {
public:
  using clock = std::chrono::steady_clock;
  /// @p http: the server's address; @p start: where the samples' time begins.
  ingest_sampler(std::string http, pid_t pid, clock::time_point start);
  ~ingest_sampler();
  ingest_sampler(const ingest_sampler&) = delete;
  ingest_sampler& operator=(const ingest_sampler&) = delete;
  std::vector<ingest_sample> stop();

private:
  void run(const std::string& http, pid_t pid, clock::time_point start);
  std::vector<ingest_sample> samples_;  ///< of the thread, until it has ended
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace faultline
