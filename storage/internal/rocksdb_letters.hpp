// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "storage/internal/rocksdb_database.hpp"
#include "storage/internal/rows.hpp"
#include "storage/store.hpp"

namespace faultline {

/// The letters that are kept: their ids, and how many bytes had ever been written before the oldest
/// and after the newest.
struct letter_span {
  std::uint64_t oldest = 1;
  std::uint64_t last = 0;
  std::uint64_t begin_bytes = 0;
  std::uint64_t end_bytes = 0;
};

/// Dead letters and skipped records. Letters are numbered from 1; the number of the newest is the
/// total. The event log writes letters too, in its own batch.
class rocksdb_letters final : public dead_letter_store, public poison_store {
public:
  explicit rocksdb_letters(rocksdb_database& database) : database_{database} {}
  outcome<void> load();

  outcome<void> append(const std::vector<dead_letter>& letters) override;
  outcome<page> read(const letter_filter& filter) override;
  outcome<std::optional<dead_letter>> find(std::uint64_t id) override;
  std::uint64_t total() const override;
  std::uint64_t oldest() const override;
  std::uint64_t bytes() const override;
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
    letter_span kept_;
  };

  /// Removes letters that arrived before @p oldest.
  outcome<void> drop_before(arrival_time oldest);

private:
  outcome<rows::letter_row> row(std::uint64_t id);
  outcome<std::uint64_t> bytes_before(const letter_span& written, std::uint64_t id);
  letter_span trimmed(letter_span kept, const letter_span& written);
  letter_span kept() const;

  rocksdb_database& database_;
  std::mutex writing_;        ///< one writer of letters at a time; taken before mutex_
  mutable std::mutex mutex_;  ///< guards what follows
  std::map<std::string, std::uint64_t> by_reason_;
  letter_span kept_;
};

}  // namespace faultline
