// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/internal/rocksdb_database.hpp"
#include "storage/store.hpp"

namespace faultline {

/// Snapshots, window blocks, outboxes and checkpoints in RocksDB. Partitions do not wait for each
/// other.
class rocksdb_checkpoints final : public checkpoint_store {
public:
  rocksdb_checkpoints(rocksdb_database& database, std::uint16_t partitions);
  outcome<void> load();

  outcome<std::vector<outbox_entry>> write(const checkpoint_batch& batch, sync_when when) override;
  outcome<partition_checkpoint> load_checkpoint(partition_id partition) override;
  outcome<partition_rules> load_rules(partition_id partition) override;
  outcome<void> load_snapshots(partition_id partition,
                               const std::function<void(entity_snapshot)>& each) override;
  outcome<std::optional<entity_snapshot>> load_snapshot(std::string_view entity) override;
  outcome<bool> load_summaries(partition_id partition,
                               const std::function<void(entity_summary)>& each) override;
  outcome<void> write_summaries(partition_id partition,
                                const std::vector<entity_summary>& all) override;
  outcome<std::vector<quarantine_row>> load_quarantine(partition_id partition) override;
  outcome<std::vector<window_block>> load_blocks(std::string_view entity) override;
  outcome<std::vector<outbox_entry>> read_outbox(partition_id partition, std::uint64_t from,
                                                 std::size_t limit) override;

  /// Removes entries of the outbox with seq <= @p consumed and a cause below @p first_position, but
  /// never the newest (its seq goes on from there). At most a few thousand per call.
  outcome<void> sweep_outbox(partition_id partition, std::uint64_t consumed,
                             log_position first_position);

private:
  struct outbox_state {
    std::mutex writing;
    std::uint64_t last = 0;   ///< seq of the newest entry, guarded by writing
    std::uint64_t first = 0;  ///< no entry below it is left, guarded by writing
  };

  outcome<void> check(const checkpoint_batch& batch) const;
  outcome<std::vector<outbox_entry>> stage_outbox(const checkpoint_batch& batch, std::uint64_t last,
                                                  rocksdb::WriteBatch& out);
  outcome<void> stage_retired(const checkpoint_batch& batch, rocksdb::WriteBatch& out);
  void stage_state(const checkpoint_batch& batch, rocksdb::WriteBatch& out) const;

  rocksdb_database& database_;
  const std::uint16_t partitions_;
  std::unique_ptr<outbox_state[]> outboxes_;
};

}  // namespace faultline
