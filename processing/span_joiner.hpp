// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "messages/event.hpp"

namespace faultline {

/// Spans that lay within spans of `caller`, summed over one step of event time.
struct joined_calls {
  std::string caller;
  std::string callee;  ///< `caller` itself: time within its own spans only, no call
  event_time step{};   ///< begin of the step in which the outer spans began
  std::uint32_t calls = 0, failed = 0;
  std::uint64_t duration_us = 0;  ///< of the inner spans, summed
};

/// The event that tells @p calls to the entity that made them; views point into @p calls.
void fill_event(const joined_calls& calls, arrival_time now, event_view& out);

/// Joins spans by trace and parent into calls between entities, whichever of the two comes first.
/// Pure: event time alone decides what is forgotten.
///
/// A span is remembered for 30 to 60 s of event time, or until `most_spans` newer ones came; what
/// has found no outer span by then is an orphan: counted, and no call. A span that names its peer
/// has told the call itself: what lies within it counts as its time only.
class span_joiner {
public:
  static constexpr std::int64_t memory_ms = 30'000;
  static constexpr std::int64_t step_ms = 10'000;
  static constexpr std::size_t most_spans = 65'536;  ///< of a generation; there are two
  static constexpr std::size_t most_sums = 8'192;

  struct counts {
    std::uint64_t joined = 0;   ///< spans that found their outer span
    std::uint64_t orphans = 0;  ///< that did not, while both were remembered
    std::uint64_t dropped = 0;  ///< calls beyond `most_sums` between two drains
  };

  /// One span. Those of other types than event_type::span are passed over.
  void note(const event_view& span);
  /// What was joined since the last time, ordered by caller, callee and step.
  std::vector<joined_calls> drain();
  bool has_calls() const noexcept { return !sums_.empty(); }
  /// Half of the room for sums is taken: they are to be drained though their time has not come.
  bool is_crowded() const noexcept { return sums_.size() >= most_sums / 2; }
  const counts& counted() const noexcept { return counts_; }
  /// Spans remembered, waiting or not.
  std::size_t remembered() const noexcept;

private:
  struct outer_span {
    std::uint32_t entity = 0;  ///< index in `names`
    std::int64_t step = 0;
    bool told_peer = false;
  };
  /// An inner span whose outer one has not come yet.
  struct inner_span {
    std::uint32_t entity = 0;
    std::uint32_t next = 0;  ///< index + 1 of one more of the same outer span; 0: none
    bool failed = false;
    std::uint64_t duration_us = 0;
  };
  struct generation {
    std::unordered_map<std::uint64_t, outer_span> spans;     ///< by trace and id
    std::unordered_map<std::uint64_t, std::uint32_t> heads;  ///< by trace and parent: index + 1
    std::vector<inner_span> waiting;
    std::vector<std::string> names;
    std::unordered_map<std::string, std::uint32_t> index;
    std::uint64_t joined = 0;  ///< of `waiting`

    std::uint32_t name(std::string_view entity);
  };

  void grow_old(std::int64_t now_ms);
  void find_inner(generation& of, std::uint64_t key, const event_view& outer);
  void add(std::string_view caller, const outer_span& outer, std::string_view callee,
           std::uint64_t duration_us, bool failed);

  generation young_, old_;
  std::int64_t since_ms_ = 0;
  std::unordered_map<std::uint64_t, joined_calls> sums_;
  counts counts_;
};

}  // namespace faultline
