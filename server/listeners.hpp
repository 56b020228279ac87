// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/post_desk.hpp"
#include "messages/outcome.hpp"
#include "transport/line_doors.hpp"
#include "transport/options.hpp"
#include "transport/scraper.hpp"

namespace faultline {

struct listener_counters {
  line_door_counters lines;
  std::uint64_t scrapes = 0;          ///< that were answered
  std::uint64_t scrapes_failed = 0;   ///< that were not
  std::uint64_t scrapes_dropped = 0;  ///< for which there was no room
};

/// Syslog and StatsD sockets and the scraper, each of which hands what comes to the desk.
///
/// Lives:  bound by open(); start() before the first event is wanted; stop() before the desk's, so
///         that what has come is handed over.
class other_listeners {
public:
  /// Fails as open_line_doors().
  outcome<void> open(const receiver_options& options);
  /// @p flush: how often StatsD's values are made events.
  void start(post_desk& desk, std::chrono::milliseconds flush);
  void stop();
  listener_counters counters() const;
  std::vector<std::string> bound_endpoints() const;
  /// Called by the clock thread: ends an interval of StatsD where it is time.
  void tick(std::chrono::steady_clock::time_point now);

private:
  void fetched(const scrape_target& from, outcome<std::string> body);
  void tell_change(const scrape_target& from, const outcome<std::string>& body);

  receiver syslog_, statsd_, scrape_;
  std::unique_ptr<line_doors> lines_;
  std::unique_ptr<scraper> scraper_;
  post_desk* desk_ = nullptr;
  std::map<std::string, bool> down_;  ///< targets, as told; the scraper's thread alone
  bool gathers_ = false;              ///< StatsD is spoken
  std::chrono::milliseconds flush_{10'000};
  std::chrono::steady_clock::time_point flushed_ = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> scrapes_{0}, scrapes_failed_{0}, scrapes_dropped_{0};
};

}  // namespace faultline
