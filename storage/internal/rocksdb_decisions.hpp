// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <vector>

#include "storage/internal/rocksdb_database.hpp"
#include "storage/store.hpp"

namespace faultline {

/// The one decision log in RocksDB, numbered from 1 and kept for ever: it is small, and what-if
/// reads it from the start.
class rocksdb_decisions final : public decision_log {
public:
  explicit rocksdb_decisions(rocksdb_database& database) : database_{database} {}
  outcome<void> load();

  outcome<std::uint64_t> append(const decision_append& batch, sync_when when) override;
  outcome<std::vector<decision>> read(std::uint64_t from, std::size_t limit) override;
  std::uint64_t last() const override { return last_.load(std::memory_order_acquire); }
  outcome<std::map<partition_id, std::uint64_t>> outbox_consumed() override;
  outcome<control_mark> controls() override;

private:
  rocksdb_database& database_;
  std::mutex appending_;
  std::atomic<std::uint64_t> last_{0};
};

}  // namespace faultline
