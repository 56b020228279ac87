// SPDX-License-Identifier: Apache-2.0
//
// What an observation costs in allocations on its way from its partition through its entity and the
// lane. A program of its own, for it counts every operator new of its thread.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

#include "actors/entity.hpp"
#include "actors/lane.hpp"
#include "messages/record.hpp"
#include "tests/actors/fake_models.hpp"
#include "tests/support/actor_fixture.hpp"

namespace {
thread_local std::size_t allocations = 0;

void* counted(std::size_t bytes) {
  ++allocations;
  if (void* p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
  throw std::bad_alloc{};
}
}  // namespace

void* operator new(std::size_t n) { return counted(n); }
void* operator new[](std::size_t n) { return counted(n); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace faultline {
namespace {

constexpr std::int64_t start_ms = 1'750'000'000'000;

class EntityAllocations : public actor_fixture {
protected:
  EntityAllocations() {
    inference = std::make_unique<lane>(std::make_unique<fake_model>(64), lane_options{}, counters);
    auto peers = std::make_shared<entity_peers>();
    peers->inference = inference.get();
    peers->counters = &counters;
    peers->credit = credit;
    auto birth = std::make_shared<entity_birth>();
    birth->id = "host/a";
    auto rules = std::make_shared<judgement_rules>();
    rules->processing.accept_past = true;
    birth->rules = rules;
    birth->cell = std::make_shared<entity_cell>();
    it = spawn(entity, birth, std::shared_ptr<const entity_peers>{peers});
  }
  ~EntityAllocations() override { inference->stop(); }

  /// Row @p n of eight metrics, of a blob that is there already, until the lane has answered its
  /// tick and given its credit back. @returns what was allocated for it
  std::size_t row(int n) {
    blob_writer writer;
    event_view e;
    e.entity = "host/a";
    e.has_ts = true;
    e.ts = event_time_of(start_ms + n * 10'000);
    e.arrived = arrival_time_of(start_ms + n * 10'000);
    for (const char* name :
         {"cpu", "memory", "disk", "network", "requests", "errors", "p50", "p99"})
      e.metrics.push_back({name, 10.0 + 0.01 * (n % 7), metric_kind::gauge});
    writer.add(e);
    const auto position = static_cast<log_position>(n + 1);
    const auto blob = std::make_shared<const log_blob>(log_blob{0, position, writer.take(), 1});
    partition_time clock;
    clock.event = e.ts;
    clock.arrived = e.arrived;
    const auto offset = static_cast<std::uint32_t>(extent_at(blob->bytes, 0)->begin);
    credit->outstanding.fetch_add(1);  // as its partition does
    counters.in_flight.fetch_add(1);
    const auto before = allocations;
    caf::anon_send(it, observation{blob, offset, 0, clock, false, true});
    for (run(); credit->outstanding.load() != 0; run()) std::this_thread::yield();
    return allocations - before;
  }

  node_counters counters;
  std::shared_ptr<partition_credit> credit = std::make_shared<partition_credit>();
  std::unique_ptr<lane> inference;
  entity_actor it;
};

TEST_F(EntityAllocations, AnObservationIsOneMessageAndNothingElse) {
  int n = 0;
  for (; n < 1100; ++n) row(n);  // channels, slots and buffers have grown, scales are no longer new
  std::size_t all = 0;
  constexpr int observations = 60;  // and no window becomes full among them
  while (n % 64 != 1) row(n++);
  for (int i = 0; i < observations; ++i, ++n) all += row(n);
  std::printf("%zu allocations of %d observations\n", all, observations);
  constexpr std::size_t of_the_test = 2;  // its scheduler's queue grows now and then
  EXPECT_LE(all, observations + of_the_test);
  EXPECT_EQ(counters.events_taken.load(), static_cast<std::uint64_t>(n));
  EXPECT_GE(counters.lane_rows.load(), static_cast<std::uint64_t>(observations));
}

}  // namespace
}  // namespace faultline
