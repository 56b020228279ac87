// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "processing/byte_io.hpp"

namespace faultline {

/// Quantiles of durations with a relative error of at most @p Percent, from counts in logarithmic
/// buckets (Masson, Rim and Lee, DDSketch, VLDB 2019). Two of them merge into that of both, in any
/// order.
template <int Percent>
class duration_sketch {
public:
  static constexpr double accuracy = Percent / 100.0;  ///< relative, of every quantile
  static constexpr double least_us = 1;                ///< shorter ones count as this
  static constexpr double most_us = 3.6e9;             ///< longer ones as this: an hour

  void add(double us);
  void merge(const duration_sketch& other);
  /// As merge(), of @p most durations that lie evenly among those of @p other.
  void merge_sample(const duration_sketch& other, std::uint32_t most);
  /// Every count is half of what it was, rounded down.
  void halve() noexcept;
  void clear() noexcept { buckets_.clear(), count_ = 0; }
  std::uint64_t count() const noexcept { return count_; }
  /// In microseconds; NaN where nothing was added. @p q 0..1
  double quantile(double q) const noexcept;

  /// sketch := buckets(u16) (index(u16) count(u32))*, indices rising
  void save(byte_writer& out) const;
  bool restore(byte_reader& in);
  std::size_t memory_bytes() const noexcept { return buckets_.capacity() * sizeof(bucket); }

private:
  struct bucket {
    std::uint16_t index = 0;
    std::uint32_t count = 0;
  };
  void add(std::uint16_t index, std::uint32_t count);

  std::vector<bucket> buckets_;  ///< by index
  std::uint64_t count_ = 0;
};

using latency_sketch = duration_sketch<2>;         ///< of what an entity does: some 30 buckets
using coarse_latency_sketch = duration_sketch<5>;  ///< where many are kept: some 12

extern template class duration_sketch<2>;
extern template class duration_sketch<5>;

}  // namespace faultline
