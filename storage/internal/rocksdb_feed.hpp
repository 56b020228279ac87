// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/internal/rocksdb_database.hpp"
#include "storage/store.hpp"

namespace faultline {

/// The feed in RocksDB: numbered messages, the correlator's checkpoint, and current records.
class rocksdb_feed final : public feed_store {
public:
  explicit rocksdb_feed(rocksdb_database& database) : database_{database} {}
  outcome<void> load();

  outcome<std::vector<feed_record>> append(const feed_append& batch, sync_when when) override;
  outcome<page> read(std::uint64_t from, std::size_t limit, std::string_view prefix) override;
  std::uint64_t last() const override;
  std::uint64_t oldest() const override { return oldest_.load(std::memory_order_acquire); }
  outcome<correlator_checkpoint> load_correlator() override;
  outcome<std::vector<std::pair<std::string, std::string>>> records(std::string_view prefix,
                                                                    std::string_view after,
                                                                    std::size_t limit) override;
  outcome<std::optional<std::string>> record(std::string_view key) override;
  outcome<std::uint64_t> record_seq(std::string_view key) override;

  /// Removes messages below @p below, but never the newest.
  outcome<void> drop_below(std::uint64_t below);
  /// Removes resolved records whose last message was dropped, and copies by time whose record has
  /// moved or is gone. Goes on where the last call ended, in steps between which others write, so
  /// far that sixty calls come by all there is: some hundreds of records, or up to 16,384. One call
  /// at a time.
  outcome<void> sweep_records();

private:
  outcome<void> sweep_step(std::uint64_t span);
  outcome<bool> is_left_over(std::string_view key, std::uint64_t feed_seq);

  rocksdb_database& database_;
  std::mutex writing_;
  std::uint64_t through_ = 0;     ///< guarded by writing_
  std::string sweep_from_;        ///< empty: a round begins; of the one call of sweep_records()
  std::uint64_t sweep_pace_ = 0;  ///< records a call, in this round; of the same
  std::uint64_t appended_ = 0;    ///< seq of the newest message written; guarded by writing_
  /// The newest message that is on the disk, and those behind it: seq, rocksdb_database::written().
  mutable std::mutex ends_mutex_;
  mutable std::deque<std::pair<std::uint64_t, std::uint64_t>> ends_;  ///< guarded by ends_mutex_
  mutable std::uint64_t last_ = 0;                                    ///< guarded by ends_mutex_
  std::atomic<std::uint64_t> oldest_{1};
};

}  // namespace faultline
