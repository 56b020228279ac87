// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_sampler.hpp"

#include <utility>

#include "tools/api.hpp"
#include "tools/bench_server.hpp"

namespace faultline {

ingest_sampler::ingest_sampler(std::string http, pid_t pid, clock::time_point start)
    : thread_{[this, http = std::move(http), pid, start] { run(http, pid, start); }} {}

ingest_sampler::~ingest_sampler() { (void)stop(); }

void ingest_sampler::run(const std::string& http, pid_t pid, clock::time_point start) {
  constexpr std::chrono::milliseconds step{250};
  for (auto due = start; !over_; due += step) {
    std::this_thread::sleep_until(due);
    const auto metrics = api_get(http, "/metrics");
    const auto rss = read_resident_bytes(pid);
    if (!metrics || !rss) continue;  // a server at its limit may answer late
    const std::chrono::duration<double> since = clock::now() - start;
    samples_.push_back(
        {since.count(), metric_sum(*metrics, "faultline_events_applied_total"), *rss});
  }
}

std::vector<ingest_sample> ingest_sampler::stop() {
  over_ = true;
  if (thread_.joinable()) thread_.join();
  return std::exchange(samples_, {});
}

}  // namespace faultline
