// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "messages/event.hpp"
#include "processing/latency_sketch.hpp"
#include "processing/span_table.hpp"

namespace faultline {

/// Spans that lay within spans of `caller`, summed over one step of event time.
struct joined_calls {
  std::string caller;
  std::string callee;  ///< `caller` itself: time within its own spans only, no call
  event_time step{};   ///< begin of the step in which the outer spans began
  std::uint32_t calls = 0, failed = 0;
  std::uint64_t duration_us = 0;  ///< of the inner spans, summed
  std::string durations;          ///< of the inner spans: a latency_sketch, as it is saved
};

/// The event that tells @p calls to the entity that made them; views point into @p calls.
void fill_event(const joined_calls& calls, arrival_time now, event_view& out);

/// Joins spans by trace and parent into calls between entities, whichever of the two comes first.
/// Pure: event time alone decides what is forgotten.
///
/// A span is remembered for 30 to 38 s of event time; what has found no outer span by then is an
/// orphan: counted, and no call. More spans than there is memory for: the older of them leave
/// before their time, which is counted. 16 bytes a span that may be an outer one, 20 a span that
/// waits for its outer one; of the places about half are taken when the memory doubles, up to the
/// limit. A span that names its peer has told the call itself: what lies within it counts as its
/// time only, not as a call.
///
/// How long each call took is kept in sketches, of those too that wait for one outer span in
/// numbers: in an eighth of the memory at most. Calls beyond that are counted and have no duration
/// in the sketch.
class span_joiner {
public:
  static constexpr std::int64_t memory_ms = 30'000;
  static constexpr std::int64_t step_ms = 10'000;
  static constexpr std::size_t most_sums = 8'192;
  static constexpr std::size_t most_sketch_bytes = std::size_t{8} * 1024 * 1024;  ///< of the sums
  static constexpr std::size_t usual_bytes = std::size_t{64} * 1024 * 1024;

  struct counts {
    std::uint64_t joined = 0;      ///< spans that found their outer span
    std::uint64_t orphans = 0;     ///< that did not while they were remembered, left early or not
    std::uint64_t left_early = 0;  ///< that were forgotten before half a minute was over
    std::uint64_t dropped = 0;     ///< calls beyond `most_sums` between two drains
  };

  /// @p most_bytes of what is remembered of spans; never less than some 300 KiB.
  explicit span_joiner(std::size_t most_bytes = usual_bytes) noexcept : most_bytes_{most_bytes} {}

  /// One span. Those of other types than event_type::span are passed over.
  void note(const event_view& span) { note(span, unix_ms(span.ts)); }
  /// @p now_ms: the span's time, and no later than ours, for a sender's clock that is ahead must
  /// not make all others old.
  void note(const event_view& span, std::int64_t now_ms);
  /// What was joined since the last time, ordered by caller, callee and step.
  std::vector<joined_calls> drain();
  bool has_calls() const noexcept { return !sums_.empty(); }
  /// Half of the room for sums is taken: they are to be drained though their time has not come.
  bool is_crowded() const noexcept {
    return sums_.size() >= most_sums / 2 || sketch_bytes_ >= most_sketch_bytes / 2;
  }
  const counts& counted() const noexcept { return counts_; }
  /// Spans remembered, as outer ones.
  std::size_t remembered() const noexcept { return remembered_; }
  std::size_t waiting() const noexcept { return waits_; }  ///< inner ones whose outer is not there
  std::size_t names() const noexcept { return name_of_.size(); }  ///< of entities, remembered
  std::size_t memory_bytes() const noexcept {
    return outer_.bytes() + inner_.bytes() + wait_bytes_;
  }

private:
  /// Whom it is of, and when it came: seconds / 2 of event time, modulo 256.
  struct mark {
    std::uint32_t entity : 24;
    std::uint32_t came : 8;
  };
  struct outer_span {
    mark who;
    std::uint32_t told_peer : 1;
    std::uint32_t step : 31;  ///< number of its step
  };
  /// Inner spans of one entity, whose outer one has not come.
  struct inner_spans {
    mark who;
    std::uint16_t calls, failed;
    float duration_us;
  };
  static std::uint64_t spans_of(const outer_span&) noexcept { return 1; }
  static std::uint64_t spans_of(const inner_spans& v) noexcept { return v.calls; }
  struct open_sum {
    joined_calls told;
    latency_sketch took;
  };
  struct known_name {
    std::string text;
    std::uint64_t hash = 0;
    std::uint32_t uses = 0;
  };

  std::uint32_t use_name(std::string_view entity);
  void drop_name(std::uint32_t entity) noexcept;
  std::uint32_t age_of(const mark& m) const noexcept;
  template <class Value>
  typename span_table<Value>::place room_for(span_table<Value>& table, std::uint64_t key,
                                             std::size_t used);
  void forget(span_table<outer_span>::place p) noexcept;
  void forget(span_table<inner_spans>::place p) noexcept;
  void follow(std::int64_t now_ms);
  template <class Value>
  void sweep(span_table<Value>& table, std::size_t& hand, double share);
  void remember(std::uint64_t key, const event_view& span);
  void wait(std::uint64_t outer, const event_view& span);
  void find_inner(std::uint64_t key, const event_view& outer);
  void note_wait(std::uint64_t outer, const inner_spans& waits, double us);
  void end_wait(std::uint64_t outer, const inner_spans& waits, latency_sketch* took) noexcept;
  void add(std::string_view caller, const outer_span& outer, std::string_view callee,
           const inner_spans& inner, const latency_sketch& took);

  std::size_t most_bytes_;
  span_table<outer_span> outer_;   ///< by trace and id
  span_table<inner_spans> inner_;  ///< by trace and parent
  std::size_t outer_hand_ = 0, inner_hand_ = 0;
  std::size_t remembered_ = 0, waits_ = 0;
  std::vector<known_name> names_;
  std::vector<std::uint32_t> free_names_;
  std::unordered_map<std::uint64_t, std::uint32_t> name_of_;  ///< by hash
  std::int64_t now_ms_ = 0;                                   ///< newest event time
  std::int64_t swept_ms_ = 0;                                 ///< to which the hands have come
  bool forget_all_ = false;
  std::unordered_map<std::uint64_t, open_sum> sums_;
  std::size_t sketch_bytes_ = 0;
  /// Of several that wait for one outer span: by that and their entity.
  std::unordered_map<std::uint64_t, latency_sketch> waits_took_;
  std::size_t wait_bytes_ = 0;
  counts counts_;
};

}  // namespace faultline
