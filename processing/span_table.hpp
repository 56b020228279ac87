// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace faultline {

/// What is known of keys for a while, in as much memory as that takes: buckets of sixteen places,
/// one bucket for each key: a look is a few cache lines, all at once, and nothing is allocated. A
/// full bucket gives the place of its oldest. grow() doubles it; it never shrinks.
///
/// @tparam Value plain, all zeros when it says nothing.
template <class Value>
class span_table {
public:
  static constexpr std::size_t ways = 16;

  struct place {
    std::uint64_t* key = nullptr;  ///< 0: free
    Value* value = nullptr;
  };

  std::size_t bytes() const noexcept { return buckets_ * sizeof(bucket); }
  std::size_t places() const noexcept { return buckets_ * ways; }
  std::size_t buckets() const noexcept { return buckets_; }

  /// The value of @p key; nullptr: it is not here.
  Value* find(std::uint64_t key) noexcept {
    if (buckets_ == 0) return nullptr;
    bucket& b = of(key);
    for (std::size_t i = 0; i < ways; ++i)
      if (b.keys[i] == key) return &b.values[i];
    return nullptr;
  }
  /// Calls @p each with every place of @p key, which may free it.
  template <class Each>
  void visit(std::uint64_t key, Each each) {
    if (buckets_ == 0) return;
    bucket& b = of(key);
    for (std::size_t i = 0; i < ways; ++i)
      if (b.keys[i] == key) each(place{&b.keys[i], &b.values[i]});
  }
  /// The same of all places in use of bucket @p number.
  template <class Each>
  void visit_bucket(std::size_t number, Each each) {
    bucket& b = all_[number];
    for (std::size_t i = 0; i < ways; ++i)
      if (b.keys[i] != 0) each(place{&b.keys[i], &b.values[i]});
  }
  /// A free place for @p key, else that of whom @p age makes the oldest. @pre buckets() != 0
  template <class Age>
  place place_for(std::uint64_t key, Age age) noexcept {
    bucket& b = of(key);
    std::size_t oldest = key % ways;  // of several as old, not always the same one
    for (std::size_t i = 0; i < ways; ++i) {
      if (b.keys[i] == 0) return {&b.keys[i], &b.values[i]};
      if (age(b.values[i]) > age(b.values[oldest])) oldest = i;
    }
    return {&b.keys[oldest], &b.values[oldest]};
  }
  /// Twice as many buckets; @p first where there were none. All keys stay.
  void grow(std::size_t first) {
    const std::size_t more = buckets_ == 0 ? first : 2 * buckets_;
    // From the system as zeros: pages that no key has come to cost nothing.
    std::unique_ptr<bucket[], released> fresh{
        static_cast<bucket*>(std::calloc(more, sizeof(bucket)))};
    if (fresh == nullptr) return;
    const std::size_t before = buckets_;
    fresh.swap(all_);
    buckets_ = more;
    for (std::size_t n = 0; n < before; ++n)
      for (std::size_t i = 0; i < ways; ++i)
        if (const auto key = fresh[n].keys[i]; key != 0) {
          bucket& b = of(key);  // one of two: it has room for all of the one it comes from
          std::size_t free = 0;
          while (b.keys[free] != 0) ++free;
          b.keys[free] = key, b.values[free] = fresh[n].values[i];
        }
  }

private:
  struct bucket {
    std::array<std::uint64_t, ways> keys;
    std::array<Value, ways> values;
  };
  struct released {
    void operator()(bucket* p) const noexcept { std::free(p); }
  };

  bucket& of(std::uint64_t key) noexcept {
    __extension__ using wide = unsigned __int128;
    return all_[static_cast<std::size_t>((static_cast<wide>(key) * buckets_) >> 64)];
  }

  std::unique_ptr<bucket[], released> all_;
  std::size_t buckets_ = 0;
};

}  // namespace faultline
