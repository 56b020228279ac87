// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "storage/internal/log_directory.hpp"
#include "storage/internal/publisher_deltas.hpp"
#include "storage/internal/rocksdb_database.hpp"
#include "storage/internal/rocksdb_letters.hpp"
#include "storage/store.hpp"

namespace faultline {

/// The event log in RocksDB. One batch per group; positions, counters and the map of segments are
/// also in memory, loaded at open.
class rocksdb_event_log final : public event_log {
public:
  rocksdb_event_log(rocksdb_database& database, rocksdb_letters& letters, std::uint16_t partitions);
  outcome<void> load();

  std::uint16_t partitions() const noexcept override { return partitions_; }
  outcome<std::vector<log_position>> append(const append_group& group,
                                            sync_when when = sync_when::now) override;
  bool has_space() override { return database_.has_space(); }
  outcome<std::vector<log_blob>> read(partition_id partition, log_position from,
                                      std::size_t max_blobs, std::size_t max_bytes) override;
  log_position last(partition_id partition) const override;
  log_position first(partition_id partition) const override;
  outcome<void> trim(partition_id partition, log_position below) override;
  outcome<void> load_publishers(const std::function<void(const publisher_row&)>& row,
                                const std::function<void(const publisher_delta&)>& delta) override;
  outcome<void> write_publishers(const std::vector<publisher_row>& rows) override;
  std::uint64_t last_publisher_delta() const override;
  std::map<std::string, std::uint64_t> counters() const override;
  std::uint64_t control_sequence() const override { return control_sequence_.load(); }

  /// What a mark of the log's age is: the segment written to now.
  std::uint64_t current_segment() const;
  /// Trims every partition to the segments that are younger than @p segment or within @p bytes,
  /// but never above @p covered (positions its checkpoint covers).
  outcome<void> sweep(std::uint64_t segment, std::uint64_t bytes,
                      const std::function<outcome<log_position>(partition_id)>& covered);

private:
  outcome<void> load_positions();
  outcome<log_position> newest_in(std::uint64_t segment, partition_id partition);
  outcome<void> load_counters();
  outcome<void> load_deltas();
  outcome<void> check(const append_group& group) const;
  /// What a group is to become, once it is written.
  struct staged_group {
    std::vector<log_position> positions;
    log_segment begun;                            ///< number 0: none is
    std::uint64_t delta_number = 0;               ///< of its publishers' deltas
    std::uint64_t forgotten_through = 0;          ///< the last delta that forgotten rows include
    std::map<std::string, std::uint64_t> totals;  ///< its counters added
    bool controls = false;                        ///< it has newer ones
  };
  void stage_publishers(const append_group& group, rocksdb::WriteBatch& batch,
                        staged_group& staged) const;
  void stage_sums(const append_group& group, rocksdb::WriteBatch& batch,
                  staged_group& staged) const;
  void written(const append_group& group, staged_group& staged);
  outcome<std::uint64_t> choose_segment(rocksdb::WriteBatch& batch, log_segment& next);
  outcome<void> put_blobs(const append_group& group, std::uint64_t segment,
                          rocksdb::WriteBatch& batch, std::vector<log_position>& positions) const;
  outcome<void> drop_segments();
  outcome<void> delete_files();

  rocksdb_database& database_;
  rocksdb_letters& letters_;
  const std::uint16_t partitions_;
  const std::uint64_t segment_bytes_;

  std::mutex appending_;             ///< positions are given and written under it, in order
  std::uint64_t bytes_written_ = 0;  ///< ever, guarded by appending_
  bool segment_is_ours_ = false;     ///< this run wrote to the newest; guarded by appending_

  std::vector<std::atomic<log_position>> last_;
  std::vector<std::atomic<log_position>> first_;

  mutable std::mutex directory_mutex_;
  log_directory directory_;

  std::mutex trimming_;

  std::mutex publishers_writing_;  ///< taken before publishers_mutex_
  mutable std::mutex publishers_mutex_;
  publisher_deltas deltas_;
  /// Rows without a window, with what they include: they go when every such delta has gone.
  std::map<std::string, std::uint64_t> forgotten_;

  std::atomic<std::uint64_t> control_sequence_{0};  ///< written under appending_

  mutable std::mutex counters_mutex_;
  std::map<std::string, std::uint64_t> counters_;
};

}  // namespace faultline
