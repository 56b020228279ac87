// SPDX-License-Identifier: Apache-2.0
//
// What an entity core says of its memory, against what malloc hands out. A program of its own, for
// it counts every allocation of its thread.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "judgement/entity_core.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace {

thread_local std::ptrdiff_t bytes_held = 0;
thread_local std::size_t allocations = 0;

void* counted_or_none(std::size_t bytes) noexcept {
  void* p = std::malloc(bytes);
  if (p == nullptr) return nullptr;
  ++allocations;
  bytes_held += static_cast<std::ptrdiff_t>(malloc_usable_size(p) + sizeof(std::size_t));
  return p;
}

void* counted(std::size_t bytes) {
  void* p = counted_or_none(bytes);
  if (p == nullptr) throw std::bad_alloc{};
  return p;
}

void discounted(void* p) noexcept {
  if (p == nullptr) return;
  bytes_held -= static_cast<std::ptrdiff_t>(malloc_usable_size(p) + sizeof(std::size_t));
  std::free(p);
}

}  // namespace

void* operator new(std::size_t n) { return counted(n); }
void* operator new[](std::size_t n) { return counted(n); }
// Sorting asks so; whose own comes with a sanitizer would be given back to ours.
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return counted_or_none(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return counted_or_none(n); }
void operator delete(void* p) noexcept { discounted(p); }
void operator delete[](void* p) noexcept { discounted(p); }
void operator delete(void* p, std::size_t) noexcept { discounted(p); }
void operator delete[](void* p, std::size_t) noexcept { discounted(p); }

namespace faultline {
namespace {

constexpr std::int64_t tick = 10'000;
constexpr std::size_t around_it =
    2944;  // actor, its behaviour, slot in the lane, entry, cell, links

constexpr std::size_t told = SIZE_MAX;

/// @p ticks rows of the first @p metrics of eight (or many), with a model's answers.
/// @returns what the core allocated for each of them that told nothing, else `told`
std::vector<std::size_t> live(entity_core& core, int ticks, std::size_t metrics) {
  noise n{10};
  std::vector<std::string> names;
  for (std::size_t m = 0; m < metrics; ++m)
    names.push_back("metric_" + std::to_string(m) + "_percent");
  std::vector<entity_decision> decisions;
  forecast_row row;
  forecast_result answer;
  std::vector<std::size_t> allocated;
  allocated.reserve(static_cast<std::size_t>(ticks));
  for (int i = 0; i < ticks; ++i) {
    event_view e;
    e.entity = core.id();
    e.has_ts = true;
    e.ts = event_time_of(test_start + i * tick);
    e.arrived = arrival_time_of(test_start + i * tick);
    const auto calm = calm_row(test_start + i * tick, n);
    for (std::size_t m = 0; m < metrics; ++m)
      e.metrics.push_back({metrics == calm.size() ? std::string_view{calm[m].first} : names[m],
                           calm[m % calm.size()].second, metric_kind::gauge});
    const auto before = allocations;
    core.observe(e, {0, static_cast<log_position>(i + 1), 0}, decisions);
    while (core.row_waiting()) {
      core.begin_tick(row);
      core.finish_tick(&answer, decisions);
    }
    core.take_blocks();
    allocated.push_back(decisions.empty() ? allocations - before : told);
    decisions.clear();
  }
  return allocated;
}

TEST(EntityMemory, SaysWhatMallocHandsOutAndLeavesRoomInTwelveKibibytes) {
  std::printf("metrics  said  malloc   (bytes of an entity core after 3000 ticks)\n");
  for (const std::size_t metrics : {1UL, 4UL, 8UL, 16UL, 64UL}) {
    const auto rules = test_rules();
    // Thread-local buffers, and the names of metrics, which entities share.
    entity_core other{"service/warm", rules};
    live(other, 100, metrics);
    const auto before = bytes_held;
    entity_core core{"service/checkout-in-production", rules};
    live(core, 3000, metrics);
    const auto held = static_cast<std::size_t>(bytes_held - before) + sizeof(entity_core);
    const auto said = core.memory_bytes();
    std::printf("%7zu %5zu  %6zu\n", metrics, said, held);
    EXPECT_GE(static_cast<double>(said), 0.93 * static_cast<double>(held)) << metrics;
    EXPECT_LE(static_cast<double>(said), 1.07 * static_cast<double>(held)) << metrics;
    if (metrics == 8) {
      EXPECT_LE(held + around_it, 12U * 1024);
    }
  }
}

TEST(EntityMemory, ATickAllocatesNothingButTheBlockOfAWindowThatIsFull) {
  entity_core core{"service/checkout-in-production", test_rules()};
  const auto allocated = live(core, 3000, 8);
  constexpr std::size_t grown = 1025;     // scales are new at 1,024 ticks, then at 4,096
  constexpr std::size_t window = 64;      // ticks that go to disk together
  constexpr std::size_t of_a_window = 3;  // the block, and the list that hands it out
  for (std::size_t tick_number = grown; tick_number <= allocated.size(); ++tick_number) {
    const bool full = tick_number % window == 0;
    if (allocated[tick_number - 1] == told) continue;
    ASSERT_EQ(allocated[tick_number - 1], full ? of_a_window : 0U) << "tick " << tick_number;
  }
}

}  // namespace
}  // namespace faultline
