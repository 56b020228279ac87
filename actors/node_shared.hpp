// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_set>

namespace faultline {

/// What the node counts: one struct, read by /metrics and by the lag limit. `appended` is what the
/// log took, `finished` what entities have applied (or partitions counted otherwise): their
/// difference is the lag.
struct node_counters {
  std::atomic<std::uint64_t> appended{0};
  std::atomic<std::uint64_t> finished{0};
  std::atomic<std::uint64_t> in_flight{0};  ///< observations in entities' mailboxes
  std::atomic<std::uint64_t> entities{0};
  std::atomic<std::uint64_t> events_taken{0};
  std::atomic<std::uint64_t> events_late{0};
  std::atomic<std::uint64_t> events_kept{0};
  std::atomic<std::uint64_t> events_replayed{0};  ///< at or below what a snapshot covers
  std::atomic<std::uint64_t> events_poison{0};
  std::atomic<std::uint64_t> events_quarantined{0};
  std::atomic<std::uint64_t> ticks_scored{0};    ///< with the LSTM
  std::atomic<std::uint64_t> ticks_degraded{0};  ///< by the cheap views alone
  std::atomic<std::uint64_t> model_faults{0};
  std::atomic<std::uint64_t> lane_passes{0};
  std::atomic<std::uint64_t> lane_rows{0};
  std::atomic<std::uint64_t> knocks{0};       ///< results that woke their entity
  std::atomic<std::uint64_t> knocks_loud{0};  ///< of these, the ones nobody waited for
  std::atomic<std::uint64_t> entity_restarts{0};
  std::atomic<std::uint64_t> partition_restarts{0};
  std::atomic<std::uint64_t> snapshots{0};
  std::atomic<std::uint64_t> snapshot_bytes{0};
  std::atomic<std::uint64_t> decisions{0};
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> committed_bytes{0};
  std::atomic<std::uint64_t> retries_told{0};
  std::atomic<std::uint64_t> duplicates{0};
  std::atomic<std::uint64_t> conflicts{0};
  std::atomic<std::uint64_t> shed{0};
  std::atomic<std::uint64_t> partitions_ready{0};

  std::uint64_t lag() const noexcept {
    const auto done = finished.load(std::memory_order_relaxed);
    const auto in = appended.load(std::memory_order_relaxed);
    return in > done ? in - done : 0;
  }
};

/// Observations a partition may have on their way to its entities (rule: credit on every edge).
struct partition_credit {
  std::atomic<std::int64_t> outstanding{0};
  std::atomic<std::int64_t> limit{1};  ///< follows the number of entities, see partition_state
  std::atomic<bool> starving{false};

  /// Gives @p n back. @returns true when the partition starves and there is room again: tell it,
  /// once.
  bool give_back(std::int64_t n) noexcept {
    const auto left = outstanding.fetch_sub(n) - n;
    return left <= limit.load(std::memory_order_relaxed) / 2 && starving.load() &&
           starving.exchange(false);
  }
};

/// What a partition and one of its entities share: enough to know, when the entity dies, which
/// record it died of and how much credit it still held.
struct entity_cell {
  std::atomic<std::uint64_t> released{0};
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> position{0};
  std::atomic<std::uint32_t> index{0};
};

/// Which entities exist, so that doors can bound the rate of new ones. A set of 64-bit hashes.
class entity_registry {
public:
  /// @returns true when @p hash was not known.
  bool add(std::uint64_t hash) {
    auto& s = shard(hash);
    const std::lock_guard<std::mutex> lock{s.mutex};
    const bool fresh = s.known.insert(hash).second;
    if (fresh) size_.fetch_add(1, std::memory_order_relaxed);
    return fresh;
  }
  bool knows(std::uint64_t hash) {
    auto& s = shard(hash);
    const std::lock_guard<std::mutex> lock{s.mutex};
    return s.known.count(hash) != 0;
  }
  void remove(std::uint64_t hash) {
    auto& s = shard(hash);
    const std::lock_guard<std::mutex> lock{s.mutex};
    if (s.known.erase(hash) != 0) size_.fetch_sub(1, std::memory_order_relaxed);
  }
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

private:
  struct shard_type {
    std::mutex mutex;
    std::unordered_set<std::uint64_t> known;
  };
  shard_type& shard(std::uint64_t hash) { return shards_[hash >> 60]; }
  shard_type shards_[16];
  std::atomic<std::size_t> size_{0};
};

}  // namespace faultline
