// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "judgement/entity_core.hpp"
#include "messages/event.hpp"
#include "processing/byte_io.hpp"
#include "processing/latency_sketch.hpp"

namespace faultline {

/// What the logs and spans of one entity come to, as evidence: counts and durations of the last 64
/// minutes in steps of half a minute. Nothing here pages. An entity that sends neither has none.
///
/// Limits: `most_peers` peers that its spans name or show, the first ones; who has not been called
/// in any of the steps makes room, and calls of those that find none are counted. What is older
/// than the oldest step is left out. Where there is room for all, the order in which events of one
/// step come changes nothing but the last bits.
class told_series {
public:
  static constexpr std::int64_t step_ms = 30'000;
  static constexpr std::size_t steps = 128;
  static constexpr std::size_t most_peers = 16;
  static constexpr std::int64_t turn_steps = 10;  ///< "now" is one to two of these: five minutes

  void note_log(event_time ts, log_severity severity);
  void note_span(event_time ts, double duration_ms, bool failed, std::string_view callee);
  /// What lay within the spans of one step, of @p callee or (empty) of the entity itself.
  struct inner_calls {
    std::uint32_t calls = 0, failed = 0;
    std::uint64_t duration_us = 0;
    /// Of those whose durations are known one by one; nullptr: of none.
    const latency_sketch* took = nullptr;
  };
  void note_calls(event_time ts, const inner_calls& inner, std::string_view callee);

  /// Steps that had ended by @p as_of, as series: log.lines, log.warnings, log.errors,
  /// span.requests, span.errors, span.latency_ms (mean), span.self_ms (the same without what lay
  /// within, where that is known), and for each peer out_latency_ms.PEER and out_errors.PEER. Those
  /// of a kind never seen are left out. nullptr: no step has ended.
  std::shared_ptr<entity_window> window(event_time as_of) const;

  /// Calls that spans of others showed, of each peer in the last five to ten minutes up to
  /// @p as_of, the busiest first: without an operation, and what is usual of them is not known.
  std::vector<operation_status> calls(event_time as_of) const;

  /// Calls of peers that found no room, since the entity exists.
  std::uint64_t calls_left_out() const noexcept { return left_out_; }

  void save(byte_writer& out) const;
  /// @p version of the entity's snapshot: before 12 there are no `calls_left_out`, before 14 no
  /// durations of calls.
  bool restore(byte_reader& in, std::uint8_t version);
  std::size_t memory_bytes() const noexcept;

private:
  struct step {
    std::uint32_t lines = 0, warnings = 0, errors = 0;
    std::uint32_t spans = 0, failed = 0;
    float duration_ms = 0;  ///< sum
  };
  struct peer_step {
    std::uint32_t spans = 0, failed = 0;
    float duration_ms = 0;
  };
  /// What one turn showed of calls to a peer. `took` has no more of them than `calls`.
  struct turn {
    std::uint32_t calls = 0, failed = 0;
    latency_sketch took;

    void add(const inner_calls& more);
    void clear() noexcept { calls = failed = 0, took.clear(); }
  };
  struct peer {
    std::string name;
    std::array<peer_step, steps> at{};
    turn now, before;
    std::int64_t last_ms = 0;  ///< step of the newest of these calls
  };

  /// Index of the step @p ts lies in, made room for; `steps` when it is too old.
  std::size_t place(event_time ts);
  peer* peer_named(std::string_view name);
  peer* add(std::size_t at, std::string_view name, const peer_step& more);
  void turn_to(std::int64_t number) noexcept;
  bool restore_calls(byte_reader& in);

  std::int64_t first_ = 0;           ///< number of the first step ever; 0: none
  std::int64_t newest_ = 0;          ///< number of the newest
  std::int64_t turn_ = 0;            ///< number of the turn of `now`
  std::array<step, steps> steps_{};  ///< by number modulo `steps`
  std::vector<peer> peers_;          ///< of the empty name: all that lay within
  std::uint64_t left_out_ = 0;
  bool logs_ = false, spans_ = false;
};

/// Least scale of a series of counts around @p median: what a Poisson count spreads by. 0 for what
/// counts nothing.
double counting_noise(std::string_view series, double median) noexcept;

}  // namespace faultline
