// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace faultline {

/// How many entities are taken. Keys under `entities:`.
struct entity_options {
  std::chrono::milliseconds retire_after{7LL * 24 * 3600 * 1000};
  std::uint32_t max_new_per_second = 1000;  ///< bursts of ten seconds' worth are taken
  /// Entities in memory; beyond it new ones are refused and told. 0: as many as `memory` holds.
  std::uint64_t max_active = 0;
  /// Bytes for entities in memory. 0: half of what the machine has.
  std::uint64_t memory = 0;
  /// Entities that one publisher may have introduced since start and that are still there; 0 = any
  /// number.
  std::uint64_t max_per_publisher = 200'000;
};

/// What an active entity of eight metrics takes, its actor and its places in tables included
/// (docs/performance.md has the table).
inline constexpr std::uint64_t active_entity_bytes = 12 * 1024;

/// entities.max_active as it holds on a machine with @p machine_bytes of memory.
constexpr std::uint64_t most_active(const entity_options& o, std::uint64_t machine_bytes) {
  if (o.max_active != 0) return o.max_active;
  const auto budget = o.memory != 0 ? o.memory : machine_bytes / 2;
  return budget / active_entity_bytes != 0 ? budget / active_entity_bytes : 1;
}

/// How doors gather and when they answer `retry`. Keys under `ingest:`.
struct intake_options {
  /// A group commit waits at most this long ...
  std::chrono::milliseconds group_delay{2};
  /// ... or until this much is waiting.
  std::size_t group_bytes = 256 * 1024;
  /// Bytes decoded but not yet handed to the store; beyond it doors answer `retry`.
  std::size_t max_pending_bytes = 16 * 1024 * 1024;
  /// Of a body by HTTP, once it is unpacked.
  std::size_t max_unpacked_bytes = std::size_t{16} * 1024 * 1024;
  /// Of all bodies of other protocols that wait to be read.
  std::size_t max_posted_bytes = std::size_t{64} * 1024 * 1024;
  /// What the joining of spans to calls may take: see span_joiner.
  std::size_t join_memory_bytes = std::size_t{64} * 1024 * 1024;
  /// Records in the log that no entity has applied; beyond it doors answer `retry`.
  std::uint64_t max_lag_records = 100'000;
  std::uint32_t retry_after_ms = 100;
  /// Records in the log that no entity has applied, from which on ticks are scored without the
  /// forecaster; 0 = never. Live data only.
  std::uint64_t degrade_lag_records = 75'000;
  /// A publisher whose clock is this far from ours is told of.
  std::chrono::milliseconds skew_limit{60'000};
};

/// How much replay a restart may cost. Keys under `recovery:`.
struct recovery_options {
  /// Work, at the rate measured, that a restart may have to replay.
  std::chrono::milliseconds max_replay{1200};
  /// How often the sweep looks for entities to snapshot.
  std::chrono::milliseconds sweep_interval{250};
  /// Records a second that a restart is taken to replay, until it was measured (replay_meter).
  std::uint64_t replay_rate = 150'000;
  /// Records that an entity has on average before it is snapshotted again, however short
  /// max_replay is.
  std::uint64_t records_per_snapshot = 8;
};

/// The inference lane. Keys under `lanes:`.
struct lane_options {
  std::size_t batch = 256;                   ///< the one padded shape
  std::chrono::microseconds max_wait{3000};  ///< for company, while more can come
};

/// CAF's scheduler. Keys under `actors:`.
struct actor_options {
  std::size_t threads = 0;               ///< 0 = number of cores
  std::size_t max_throughput = 50;       ///< messages an actor handles in one go
  std::uint32_t partition_credit = 256;  ///< at most so many observations under way, per partition
  std::chrono::milliseconds request_deadline{2000};
};

/// Cores by their number, in order; empty: any.
using core_set = std::vector<std::uint16_t>;

/// On which cores the server's threads may run. Keys under `placement:`. Threads that are not named
/// here run anywhere.
struct placement_options {
  core_set actors;     ///< workers of the actor system
  core_set inference;  ///< the lane of the forecaster
  core_set storage;    ///< the log's group commit and what blocks in RocksDB
  core_set doors;      ///< ZeroMQ, HTTP and the other protocols
};

}  // namespace faultline
