// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "messages/identity.hpp"

namespace faultline {

/// A segment of the log: what was written between two points in time, over all partitions.
struct log_segment {
  std::uint64_t number = 0;
  std::vector<log_position> starts;  ///< per partition, the first position that may stand in it
  std::uint64_t bytes_before = 0;    ///< bytes ever written to the log before it began
};

/// Which segment holds which positions. The newest segment is never dropped.
///
/// Threads: none of its own; the event log guards it.
class log_directory {
public:
  void add(log_segment segment);
  bool empty() const noexcept { return segments_.empty(); }
  const log_segment& newest() const { return segments_.rbegin()->second; }  ///< @pre !empty()
  const log_segment& oldest() const { return segments_.begin()->second; }   ///< @pre !empty()
  const log_segment* find(std::uint64_t number) const;

  /// Numbers of the segments that may hold positions >= @p from of @p partition, in order.
  std::vector<std::uint64_t> holding(partition_id partition, log_position from) const;

  /// The segments at the front of which nothing is readable when `first` are the partitions' first
  /// positions: numbers below the result can go.
  std::uint64_t droppable_below(const std::vector<log_position>& first) const;
  void drop_below(std::uint64_t number);

  /// The smallest segment from which on at most @p bytes were written, of @p written ever.
  std::uint64_t first_within(std::uint64_t bytes, std::uint64_t written) const;

private:
  std::map<std::uint64_t, log_segment> segments_;
};

}  // namespace faultline
