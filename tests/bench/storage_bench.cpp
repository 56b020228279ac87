// SPDX-License-Identifier: Apache-2.0
// What the memory costs: group commits, sweeps of snapshots, recovery reads. An event counts as 200
// bytes.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "storage/store.hpp"

namespace faultline {
namespace {

constexpr std::size_t event_bytes = 200;
constexpr std::uint16_t partitions = 64;

/// Opens a new store in a directory of its own; both end with it.
class bench_store {
public:
  explicit bench_store(bool sync) {
    std::string name = (std::filesystem::temp_directory_path() / "faultline-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) return;
    options_.path = name;
    options_.sync = sync;
    options_.partitions = partitions;
    reopen();
  }
  ~bench_store() {
    store_.reset();
    std::error_code error;
    if (!options_.path.empty()) std::filesystem::remove_all(options_.path, error);
  }
  bench_store(const bench_store&) = delete;
  bench_store& operator=(const bench_store&) = delete;

  void reopen() {
    store_.reset();
    auto opened = open_rocksdb_store(options_);
    if (opened) store_ = std::move(*opened);
  }
  bool opened() const { return store_ != nullptr; }
  store& operator*() { return *store_; }
  store* operator->() { return store_.get(); }

private:
  storage_options options_;
  std::unique_ptr<store> store_;
};

/// Bytes as telemetry has them: half of them random, so that compression is not flattered.
std::string telemetry(std::size_t bytes) {
  std::mt19937_64 random{7};
  std::string out(bytes, '\0');
  for (std::size_t i = 0; i < bytes; i += 2) out[i] = static_cast<char>(random());
  return out;
}

append_group group_of_64() {
  append_group group;
  for (partition_id p = 0; p < partitions; ++p) {
    group.log.push_back({p, telemetry(4096), 4096 / event_bytes});
  }
  group.publishers = {{"publisher", 1, 1}};
  group.counters = {{"accepted", 64 * 4096 / event_bytes}};
  return group;
}

/// One group commit: 64 blobs of 4 KiB. Argument: sync.
void BM_GroupCommit(benchmark::State& state) {
  bench_store store{state.range(0) != 0};
  if (!store.opened()) return state.SkipWithError("the store did not open");
  const append_group group = group_of_64();
  for (auto _ : state) {
    if (!store->events().append(group)) return state.SkipWithError("append failed");
  }
  state.SetBytesProcessed(state.iterations() * 64 * 4096);
  state.counters["events"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 64 * 4096 / event_bytes,
                         benchmark::Counter::kIsRate);
}
BENCHMARK(BM_GroupCommit)
    ->ArgName("sync")
    ->Arg(0)
    ->Arg(1)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// One sweep: 1000 snapshots of 5 KiB of one partition, entities seen before. Not synced.
void BM_SnapshotSweep(benchmark::State& state) {
  bench_store store{true};
  if (!store.opened()) return state.SkipWithError("the store did not open");
  checkpoint_batch batch;
  const std::string bytes = telemetry(5 * 1024);
  for (int i = 0; batch.snapshots.size() < 1000; ++i) {
    const std::string entity = "entity-" + std::to_string(i);
    if (partition_of(entity, partitions) == 0) batch.snapshots.push_back({entity, 1, 0, bytes});
  }
  log_position position = 0;
  for (auto _ : state) {
    batch.checkpoint = partition_checkpoint{++position, position};
    if (!store->checkpoints().write(batch)) return state.SkipWithError("write failed");
  }
  state.SetItemsProcessed(state.iterations() * 1000);
  state.SetBytesProcessed(state.iterations() * 1000 * 5 * 1024);
}
BENCHMARK(BM_SnapshotSweep)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);

/// Recovery: the whole of a reopened log of 256 MiB, partition by partition.
void BM_RecoveryRead(benchmark::State& state) {
  bench_store store{false};
  if (!store.opened()) return state.SkipWithError("the store did not open");
  const append_group group = group_of_64();
  for (int i = 0; i < 1024; ++i) {
    if (!store->events().append(group)) return state.SkipWithError("append failed");
  }
  store.reopen();
  if (!store.opened()) return state.SkipWithError("the store did not open again");
  for (auto _ : state) {
    for (partition_id p = 0; p < partitions; ++p) {
      for (log_position from = 1; from <= store->events().last(p);) {
        const auto blobs = store->events().read(p, from, 256, 1 << 20);
        if (!blobs || blobs->empty()) return state.SkipWithError("read failed");
        from = blobs->back().position + 1;
      }
    }
  }
  state.SetBytesProcessed(state.iterations() * 1024 * 64 * 4096);
  state.counters["events"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 1024 * 64 * 4096 / event_bytes,
                         benchmark::Counter::kIsRate);
}
BENCHMARK(BM_RecoveryRead)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);

/// Opening a store whose last 64 MiB stand in the WAL alone.
void BM_Reopen(benchmark::State& state) {
  bench_store store{false};
  if (!store.opened()) return state.SkipWithError("the store did not open");
  const append_group group = group_of_64();
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 256; ++i) {
      if (!store->events().append(group)) return state.SkipWithError("append failed");
    }
    state.ResumeTiming();
    store.reopen();
    if (!store.opened()) return state.SkipWithError("the store did not open again");
  }
}
BENCHMARK(BM_Reopen)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(5);

}  // namespace
}  // namespace faultline
