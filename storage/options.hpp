// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace faultline {

/// Where and how the store keeps things. Keys under `storage:` and `retention:`.
struct storage_options {
  std::string path = "/var/lib/faultline";
  /// fsync before every acknowledgement: survives power loss, not only kill -9.
  bool sync = true;
  /// Number of partitions. 0: the store's own, default_partitions for a new one. Another number
  /// than an existing store has is refused: it cannot be changed.
  std::uint16_t partitions = 0;
  static constexpr std::uint16_t default_partitions = 64;
  /// Below this much free space nothing is appended: doors answer `retry`.
  std::uint64_t min_free_bytes = 512ULL * 1024 * 1024;
  /// Size of a file that is given up when less than half of min_free is left, so that what was
  /// taken in can be worked off and the store can be opened and ended. 0: none.
  std::uint64_t ballast_bytes = 64ULL * 1024 * 1024;
  /// One block cache for everything.
  std::size_t cache_bytes = 128ULL * 1024 * 1024;
  /// Memtables together.
  std::size_t write_buffer_bytes = 256ULL * 1024 * 1024;
  /// A dead letter keeps at most this much of its payload. One that was cut cannot be replayed.
  std::size_t dead_letter_bytes = 64ULL * 1024;
  /// Dead letters kept, by number and by bytes: beyond it the oldest go, whatever their age.
  std::uint64_t dead_letter_count = 100'000;
  std::uint64_t dead_letter_total_bytes = 256ULL * 1024 * 1024;
  /// Blocks of the live window kept per entity (64 ticks each).
  std::uint32_t blocks_per_entity = 9;

  std::chrono::seconds log_retention{24 * 3600};
  std::uint64_t log_bytes = 20ULL * 1024 * 1024 * 1024;
  std::chrono::seconds feed_retention{30 * 24 * 3600};
  std::chrono::seconds dead_letter_retention{7 * 24 * 3600};
};

}  // namespace faultline
