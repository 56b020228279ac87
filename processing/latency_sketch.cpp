// SPDX-License-Identifier: Apache-2.0
#include "processing/latency_sketch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace faultline {
namespace {

template <class Sketch>
constexpr double growth = (1 + Sketch::accuracy) / (1 - Sketch::accuracy);

template <class Sketch>
std::uint16_t index_of(double us) noexcept {
  static const double per_step = 1 / std::log(growth<Sketch>);
  const double within = us >= Sketch::least_us ? std::min(us, Sketch::most_us) : Sketch::least_us;
  return static_cast<std::uint16_t>(std::ceil(std::log(within) * per_step));
}

/// The value whose relative distance to both ends of the bucket is the same.
template <class Sketch>
double value_of(std::uint16_t index) noexcept {
  return 2 * std::pow(growth<Sketch>, index) / (growth<Sketch> + 1);
}

}  // namespace

template <int Percent>
void duration_sketch<Percent>::add(double us) {
  add(index_of<duration_sketch>(us), 1);
}

template <int Percent>
void duration_sketch<Percent>::merge(const duration_sketch& other) {
  for (const bucket& b : other.buckets_) add(b.index, b.count);
}

template <int Percent>
void duration_sketch<Percent>::merge_sample(const duration_sketch& other, std::uint32_t most) {
  if (other.count_ <= most) return merge(other);
  const double step = static_cast<double>(other.count_) / most;
  double below = 0, next = step / 2;
  for (const bucket& b : other.buckets_) {
    below += b.count;
    std::uint32_t taken = 0;
    for (; next < below && next < static_cast<double>(other.count_); next += step) ++taken;
    if (taken != 0) add(b.index, taken);
  }
}

template <int Percent>
void duration_sketch<Percent>::halve() noexcept {
  count_ = 0;
  for (bucket& b : buckets_) count_ += b.count /= 2;
  buckets_.erase(std::remove_if(buckets_.begin(), buckets_.end(),
                                [](const bucket& b) { return b.count == 0; }),
                 buckets_.end());
}

template <int Percent>
void duration_sketch<Percent>::add(std::uint16_t index, std::uint32_t count) {
  const auto at = std::lower_bound(buckets_.begin(), buckets_.end(), index,
                                   [](const bucket& b, std::uint16_t i) { return b.index < i; });
  if (at != buckets_.end() && at->index == index)
    at->count += std::min(count, std::numeric_limits<std::uint32_t>::max() - at->count);
  else
    buckets_.insert(at, {index, count});
  count_ += count;
}

template <int Percent>
double duration_sketch<Percent>::quantile(double q) const noexcept {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(count_ - 1);
  double below = 0;
  for (const bucket& b : buckets_) {
    below += b.count;
    if (below > rank) return value_of<duration_sketch>(b.index);
  }
  return value_of<duration_sketch>(buckets_.back().index);
}

template <int Percent>
void duration_sketch<Percent>::save(byte_writer& out) const {
  out.put(static_cast<std::uint16_t>(buckets_.size()));
  for (const bucket& b : buckets_) {
    out.put(b.index);
    out.put(b.count);
  }
}

template <int Percent>
bool duration_sketch<Percent>::restore(byte_reader& in) {
  std::uint16_t size = 0;
  if (!in.get(size) || size > index_of<duration_sketch>(most_us) + 1U) return false;
  clear();
  for (std::uint16_t n = 0; n < size; ++n) {
    bucket b;
    if (!in.get(b.index) || !in.get(b.count) || b.count == 0 ||
        b.index > index_of<duration_sketch>(most_us))
      return false;
    if (!buckets_.empty() && b.index <= buckets_.back().index) return false;
    buckets_.push_back(b);
    count_ += b.count;
  }
  return true;
}

template class duration_sketch<2>;
template class duration_sketch<5>;

}  // namespace faultline
