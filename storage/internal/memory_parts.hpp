// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "storage/internal/publisher_deltas.hpp"
#include "storage/options.hpp"
#include "storage/store.hpp"

// The parts of the store in memory. Each guards itself with one mutex.

namespace faultline {

class memory_letters final : public dead_letter_store, public poison_store {
public:
  explicit memory_letters(const storage_options& options) : options_{options} {}
  outcome<void> append(const std::vector<dead_letter>& letters) override;
  outcome<page> read(const letter_filter& filter) override;
  outcome<std::optional<dead_letter>> find(std::uint64_t id) override;
  std::uint64_t total() const override;
  std::uint64_t oldest() const override;
  std::uint64_t bytes() const override;
  std::map<std::string, std::uint64_t> by_reason() const override;
  outcome<void> skip(const record_address& where, const dead_letter& why) override;
  outcome<std::vector<record_address>> load(partition_id partition) override;
  void forget_skipped(partition_id partition, log_position below);
  void drop_before(arrival_time oldest);

private:
  static std::uint64_t size_of(const dead_letter& l);
  void keep(const dead_letter& letter);
  void drop_front();

  const storage_options options_;
  mutable std::mutex mutex_;
  std::deque<dead_letter> letters_;
  std::uint64_t last_ = 0;
  std::uint64_t bytes_ = 0;
  std::map<std::string, std::uint64_t> by_reason_;
  std::set<std::tuple<partition_id, log_position, std::uint32_t>> skipped_;
};

class memory_event_log final : public event_log {
public:
  memory_event_log(const storage_options& options, memory_letters& letters)
      : letters_{letters}, logs_(options.partitions) {}

  std::uint16_t partitions() const noexcept override {
    return static_cast<std::uint16_t>(logs_.size());
  }
  outcome<std::vector<log_position>> append(const append_group& group,
                                            sync_when when = sync_when::now) override;
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
  std::uint64_t control_sequence() const override;

  std::uint64_t bytes() const;
  /// The last position of every partition, for an age mark.
  std::vector<log_position> positions() const;
  /// Drops the oldest positions <= @p covered that are <= @p old, or while the log is above @p
  /// bytes.
  void sweep(partition_id partition, log_position old, log_position covered, std::uint64_t bytes);

private:
  struct partition_log {
    std::deque<log_blob> blobs;
    log_position last = 0;
  };
  void drop_front(partition_log& log);

  memory_letters& letters_;
  mutable std::mutex mutex_;
  std::vector<partition_log> logs_;
  std::uint64_t bytes_ = 0;
  std::map<std::string, publisher_row> rows_;
  std::map<std::uint64_t, std::vector<publisher_delta>> deltas_;
  publisher_deltas open_;
  std::map<std::string, std::uint64_t> counters_;
  std::uint64_t control_sequence_ = 0;
};

class memory_checkpoints final : public checkpoint_store {
public:
  explicit memory_checkpoints(const storage_options& options)
      : options_{options}, partitions_(options.partitions) {}

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
  void sweep_outbox(partition_id partition, std::uint64_t consumed, log_position first_position);

private:
  struct partition_state {
    partition_checkpoint checkpoint;
    partition_rules rules;
    std::map<std::string, entity_snapshot, std::less<>> snapshots;
    std::map<std::string, quarantine_row, std::less<>> quarantine;
    bool summaries_whole = false;
    std::map<std::string, std::map<std::uint32_t, window_block>, std::less<>> blocks;  ///< by slot
    std::deque<outbox_entry> outbox;
    std::set<std::pair<std::string, std::string>> index;
    std::uint64_t last = 0;
  };
  outcome<void> check(const checkpoint_batch& batch) const;
  const partition_state& of(std::string_view entity) const;

  const storage_options options_;
  mutable std::mutex mutex_;
  std::vector<partition_state> partitions_;
};

class memory_notes final : public note_store {
public:
  outcome<void> write(const note_rows& rows, sync_when) override {
    const std::lock_guard lock{mutex_};
    for (const auto& [name, bytes] : rows) {
      if (bytes)
        rows_[name] = *bytes;
      else
        rows_.erase(name);
    }
    return {};
  }
  outcome<std::vector<std::pair<std::string, std::string>>> load(std::string_view prefix,
                                                                 std::string_view after,
                                                                 std::size_t limit) override {
    const std::lock_guard lock{mutex_};
    std::vector<std::pair<std::string, std::string>> out;
    auto at = after.empty() ? rows_.lower_bound(std::string{prefix})
                            : rows_.upper_bound(std::string{after});
    for (; at != rows_.end() && at->first.substr(0, prefix.size()) == prefix && out.size() < limit;
         ++at)
      out.push_back(*at);
    return out;
  }

private:
  std::mutex mutex_;
  std::map<std::string, std::string> rows_;
};

class memory_decisions final : public decision_log {
public:
  outcome<std::uint64_t> append(const decision_append& batch, sync_when when) override;
  outcome<std::vector<decision>> read(std::uint64_t from, std::size_t limit) override;
  std::uint64_t last() const override;
  outcome<std::map<partition_id, std::uint64_t>> outbox_consumed() override;
  outcome<control_mark> controls() override;

private:
  mutable std::mutex mutex_;
  std::vector<std::string> decisions_;
  std::map<partition_id, std::uint64_t> consumed_;
  control_mark controls_;
};

class memory_feed final : public feed_store {
public:
  outcome<std::vector<feed_record>> append(const feed_append& batch, sync_when when) override;
  outcome<page> read(std::uint64_t from, std::size_t limit, std::string_view prefix) override;
  std::uint64_t last() const override;
  std::uint64_t oldest() const override;
  outcome<correlator_checkpoint> load_correlator() override;
  outcome<std::vector<std::pair<std::string, std::string>>> records(std::string_view prefix,
                                                                    std::string_view after,
                                                                    std::size_t limit) override;
  outcome<std::optional<std::string>> record(std::string_view key) override;
  outcome<std::uint64_t> record_seq(std::string_view key) override;
  /// Removes messages below @p below but the newest, and resolved records whose last message is
  /// gone.
  void drop_below(std::uint64_t below);

private:
  struct current {
    std::string bytes;
    std::uint64_t feed_seq = 0;
  };
  mutable std::mutex mutex_;
  std::deque<feed_record> messages_;
  std::uint64_t last_ = 0;
  correlator_checkpoint correlator_;
  std::map<std::string, current, std::less<>> records_;
};

}  // namespace faultline
