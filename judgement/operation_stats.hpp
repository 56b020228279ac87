// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/event.hpp"
#include "processing/byte_io.hpp"
#include "processing/latency_sketch.hpp"

namespace faultline {

/// One operation of an entity, or of one that it calls, over the last five to ten minutes.
struct operation_status {
  std::string operation;   ///< empty: all without a place, or calls seen of a peer
  std::string peer;        ///< whom it called; empty: its own work
  double rate = 0;         ///< spans a second
  double error_share = 0;  ///< of its spans, 0..1
  double p50_ms = 0, p95_ms = 0, p99_ms = 0;  ///< within 5 %; NaN where it had no span
  double usual_p95_ms = 0;                    ///< NaN while not known
  double usual_error_share = 0;               ///< NaN while not known
  std::int64_t last_ms = 0;                   ///< event time of its newest span
};

/// What the spans of one entity come to by operation and peer: how fast each is now, how fast it
/// usually is, and how far the worst of them is from that. A small operation that is slow or fails
/// moves no quantile of its entity; here it is held against its own past. Pure: the same spans and
/// ticks, the same values.
///
/// Limits: most_operations of an entity have a place, those that come often: one that has none
/// takes from the credit of the rarest until that place is its own (Misra and Gries, 1982). The
/// others are counted together and held against nothing. What is usual is what was seen over about
/// a day, or longer of rare ones. While an operation is out of the usual nothing of it is learned,
/// but after six hours of it that is what is usual.
class operation_stats {
public:
  static constexpr std::size_t most_operations = 16;
  static constexpr std::size_t longest_operation = 96, longest_peer = 256;
  static constexpr std::int64_t turn_ms = 300'000;  ///< "now" is one to two of these

  void take(const event_view& span);
  /// Ends a tick at @p ts that is @p dt_s long. @p learn false: of a maintenance window, nothing of
  /// it counts. @returns how unlikely what the worst operation has done lately is by its own past:
  /// how many were slower than its usual 95th percentile, or failed, of some 32 spans. Whole nats,
  /// 0 to 100: a tenth is no change of what is mostly 0. NaN while no operation is known well.
  double close(event_time ts, double dt_s, bool learn);
  /// What the worst operation did in the tick closed last, for people; empty when nothing is
  /// out of the usual.
  const std::string& telling() const noexcept { return telling_; }

  /// Those with a place, the busiest first; then all the others, where there are any.
  std::vector<operation_status> status() const;

  /// operations := since(i64) before(i64) closed(i64) count(u8) entry* entry
  void save(byte_writer& out) const;
  bool restore(byte_reader& in);
  /// Without sizeof *this.
  std::size_t memory_bytes() const noexcept;

private:
  struct period {
    coarse_latency_sketch took;
    std::uint32_t failed = 0;
    bool odd = false;    ///< out of the usual
    bool apart = false;  ///< some of it is of a maintenance window

    void add(const period& other);
    void clear() noexcept { took.clear(), failed = 0, odd = apart = false; }
  };
  struct entry {
    std::uint64_t key = 0;
    std::string operation, peer;
    period now, before;  ///< of one turn each
    coarse_latency_sketch usual;
    float usual_failed = 0;                ///< of the durations in `usual`
    float slow_from_us = 0;                ///< beyond the usual 95th percentile; 0: not known
    float credit = 0;                      ///< what keeps its place
    float seen = 0, slow = 0, failed = 0;  ///< lately, older ones count less
    std::int64_t first_ms = 0, last_ms = 0, odd_since_ms = 0;

    bool known() const noexcept { return slow_from_us > 0; }
  };

  entry& entry_of(const event_view& span);
  static double surprise_of(const entry& e) noexcept;
  static std::string words_of(const entry& e);
  static double usual_share(const entry& e) noexcept;
  static void forget(entry& e, double keep) noexcept;
  void turn(std::int64_t now_ms);
  static void learn(entry& e, std::int64_t now_ms);
  operation_status status_of(const entry& e) const;
  static void save_entry(byte_writer& out, const entry& e);
  static bool restore_entry(byte_reader& in, entry& e);

  std::vector<entry> entries_;
  entry other_;
  std::int64_t since_ms_ = 0;   ///< `now` began; 0: not yet
  std::int64_t before_ms_ = 0;  ///< `before` began
  std::int64_t closed_ms_ = 0;  ///< of the tick closed last
  std::string telling_;
};

}  // namespace faultline
