// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "messages/sample.hpp"

namespace faultline {

/// What StatsD clients send, gathered until the next flush: counters become rates per second,
/// timers and histograms NAME.rate, NAME.mean, NAME.p99 and NAME.max, sets the number of different
/// members, gauges stay gauges. Tags of DogStatsD (|#key:value) are labels; `host` is the sender
/// where no tag says whom it is about.
///
/// Lives:  as long as its receiver, on one thread.
/// Limits: most_series between two flushes and most_bytes of names, values and members, beyond
/// which
///         new ones are left out; 1,024 values of a timer (a fair choice of more), 4,096 members of
///         a set. A gauge that nobody sets for 360 flushes is forgotten, a counter after 30, or at
///         once where half the room is taken.
class statsd_gatherer {
public:
  static constexpr std::size_t most_series = 65'536;
  static constexpr std::size_t most_bytes = std::size_t{64} << 20;

  struct taken {
    std::size_t lines = 0, malformed = 0, too_many = 0;
  };
  /// One datagram: lines NAME:VALUE[:VALUE...]|TYPE[|@RATE][|#TAGS]; the value of a set is one.
  taken take(std::string_view datagram, std::string_view sender);
  /// What came in the last @p passed_s seconds.
  void flush(double passed_s, std::int64_t ts_ms, sample_sink& sink);

private:
  enum class type : std::uint8_t { counter, gauge, timer, set };
  struct series {
    type what = type::counter;
    std::string name;
    std::vector<std::pair<std::string, std::string>> tags;
    bool touched = false;
    std::uint32_t idle = 0;  ///< flushes since it was touched
    double value = 0;        ///< sum of a counter, value of a gauge
    double count = 0, sum = 0, max = 0;
    std::uint64_t seen = 0;
    std::vector<double> values;
    std::unordered_set<std::uint64_t> members;
    std::size_t bytes = 0;  ///< that it holds, about
  };

  bool line(std::string_view text, std::string_view sender, taken& counts);
  series* find(std::string_view name, type what, std::string_view tags, std::string_view sender);
  void add(series& s, std::string_view text, double rate);
  void add_value(series& s, double value, double rate);
  bool hold(series& s, std::size_t bytes);
  bool keeps(series& s) const;
  static std::string whom(const series& s);
  static void tell(series& s, double passed_s, std::int64_t ts_ms, sample_sink& sink);

  std::map<std::string, series, std::less<>> series_;
  std::size_t held_ = 0;  ///< bytes of all series
  std::string key_;
  std::vector<std::pair<std::string_view, std::string_view>> tags_;  ///< of the line being read
  std::uint64_t chosen_ = 0x9e3779b97f4a7c15ULL;
};

}  // namespace faultline
