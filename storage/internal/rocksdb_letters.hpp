// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "storage/internal/rocksdb_database.hpp"
#include "storage/store.hpp"

namespace faultline {

/// Dead letters and skipped records. Letters are numbered from 1; the number of the newest is the
/// total. The event log writes letters too, in its own batch.
class rocksdb_letters final : public dead_letter_store, public poison_store {
public:
  explicit rocksdb_letters(rocksdb_database& database) : database_{database} {}
  outcome<void> load();

  outcome<void> append(const std::vector<dead_letter>& letters) override;
  outcome<std::vector<dead_letter>> newest(std::size_t limit) override;
  std::uint64_t total() const override;
  std::map<std::string, std::uint64_t> by_reason() const override;

  outcome<void> skip(const record_address& where, const dead_letter& why) override;
  outcome<std::vector<record_address>> load(partition_id partition) override;

  /// Letters on their way into a batch. Holds the room of letters from staging to the write, so
  /// that totals reach the disk in order.
  class staged {
  public:
    /// Adds @p letters with their totals to @p batch; nothing when there are none.
    staged(rocksdb_letters& owner, const std::vector<dead_letter>& letters,
           rocksdb::WriteBatch& batch);
    /// The batch is durable: the totals hold.
    void written();

  private:
    rocksdb_letters& owner_;
    std::unique_lock<std::mutex> writing_;
    std::map<std::string, std::uint64_t> totals_;
    std::uint64_t last_ = 0;
    std::uint64_t oldest_ = 0;
  };

  /// Removes letters that arrived before @p oldest.
  outcome<void> drop_before(arrival_time oldest);

private:
  rocksdb_database& database_;
  std::mutex writing_;        ///< one writer of letters at a time; taken before mutex_
  mutable std::mutex mutex_;  ///< guards what follows
  std::map<std::string, std::uint64_t> by_reason_;
  std::uint64_t last_ = 0;
  std::uint64_t oldest_ = 1;
};

}  // namespace faultline
