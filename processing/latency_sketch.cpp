// SPDX-License-Identifier: Apache-2.0
#include "processing/latency_sketch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace faultline {
namespace {

constexpr double growth = (1 + latency_sketch::accuracy) / (1 - latency_sketch::accuracy);

std::uint16_t index_of(double us) noexcept {
  static const double per_step = 1 / std::log(growth);
  const double within = us >= latency_sketch::least_us ? std::min(us, latency_sketch::most_us)
                                                       : latency_sketch::least_us;
  return static_cast<std::uint16_t>(std::ceil(std::log(within) * per_step));
}

/// The value whose relative distance to both ends of the bucket is the same.
double value_of(std::uint16_t index) noexcept { return 2 * std::pow(growth, index) / (growth + 1); }

}  // namespace

void latency_sketch::add(double us) { add(index_of(us), 1); }

void latency_sketch::merge(const latency_sketch& other) {
  for (const bucket& b : other.buckets_) add(b.index, b.count);
}

void latency_sketch::add(std::uint16_t index, std::uint32_t count) {
  const auto at = std::lower_bound(buckets_.begin(), buckets_.end(), index,
                                   [](const bucket& b, std::uint16_t i) { return b.index < i; });
  if (at != buckets_.end() && at->index == index)
    at->count += std::min(count, std::numeric_limits<std::uint32_t>::max() - at->count);
  else
    buckets_.insert(at, {index, count});
  count_ += count;
}

double latency_sketch::quantile(double q) const noexcept {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(count_ - 1);
  double below = 0;
  for (const bucket& b : buckets_) {
    below += b.count;
    if (below > rank) return value_of(b.index);
  }
  return value_of(buckets_.back().index);
}

void latency_sketch::save(byte_writer& out) const {
  out.put(static_cast<std::uint16_t>(buckets_.size()));
  for (const bucket& b : buckets_) {
    out.put(b.index);
    out.put(b.count);
  }
}

bool latency_sketch::restore(byte_reader& in) {
  std::uint16_t size = 0;
  if (!in.get(size) || size > index_of(most_us) + 1U) return false;
  clear();
  for (std::uint16_t n = 0; n < size; ++n) {
    bucket b;
    if (!in.get(b.index) || !in.get(b.count) || b.count == 0 || b.index > index_of(most_us))
      return false;
    if (!buckets_.empty() && b.index <= buckets_.back().index) return false;
    buckets_.push_back(b);
    count_ += b.count;
  }
  return true;
}

}  // namespace faultline
