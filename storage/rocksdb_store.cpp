// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "storage/internal/keys.hpp"
#include "storage/internal/retention_marks.hpp"
#include "storage/internal/rocksdb_checkpoints.hpp"
#include "storage/internal/rocksdb_database.hpp"
#include "storage/internal/rocksdb_decisions.hpp"
#include "storage/internal/rocksdb_event_log.hpp"
#include "storage/internal/rocksdb_feed.hpp"
#include "storage/internal/rocksdb_letters.hpp"
#include "storage/internal/rocksdb_notes.hpp"
#include "storage/internal/rows.hpp"
#include "storage/internal/upgrade.hpp"
#include "storage/store.hpp"

namespace faultline {
namespace {

class rocksdb_store final : public store {
public:
  rocksdb_store(std::unique_ptr<rocksdb_database> database, std::uint16_t partitions)
      : database_{std::move(database)},
        letters_{*database_},
        events_{*database_, letters_, partitions},
        checkpoints_{*database_, partitions},
        decisions_{*database_},
        feed_{*database_},
        notes_{*database_},
        log_bytes_{database_->options().log_bytes},
        letter_retention_{database_->options().dead_letter_retention},
        log_marks_{database_->options().log_retention},
        feed_marks_{database_->options().feed_retention} {}

  outcome<void> load();

  event_log& events() override { return events_; }
  checkpoint_store& checkpoints() override { return checkpoints_; }
  decision_log& decisions() override { return decisions_; }
  feed_store& feed() override { return feed_; }
  dead_letter_store& dead_letters() override { return letters_; }
  poison_store& poison() override { return letters_; }
  note_store& notes() override { return notes_; }
  std::uint64_t bytes_on_disk() const override { return database_->bytes_on_disk(); }
  store_memory memory_held() const override { return database_->memory_held(); }
  outcome<void> sync() override { return database_->sync(); }
  std::uint64_t written() const override { return database_->written(); }
  std::uint64_t durable() const override { return database_->durable(); }
  outcome<void> flush() override { return database_->flush(); }
  outcome<void> copy_to(const std::string& directory) override {
    return database_->copy_to(directory);
  }
  outcome<void> sweep_retention(arrival_time now) override;
  space_report tend_space() override { return database_->tend_space(); }
  void set_retention(const storage_options& options) override;

private:
  outcome<void> load_marks(const std::string& prefix, retention_marks& marks);
  outcome<void> write_marks(arrival_time now);
  outcome<void> sweep_log(arrival_time now);

  std::unique_ptr<rocksdb_database> database_;
  rocksdb_letters letters_;
  rocksdb_event_log events_;
  rocksdb_checkpoints checkpoints_;
  rocksdb_decisions decisions_;
  rocksdb_feed feed_;
  rocksdb_notes notes_;

  std::mutex sweeping_;  ///< guards what follows
  std::uint64_t log_bytes_;
  std::chrono::seconds letter_retention_;
  retention_marks log_marks_;   ///< number: segment of the log
  retention_marks feed_marks_;  ///< number: seq of the feed
};

outcome<void> rocksdb_store::load() {
  if (auto done = letters_.load(); !done) return done;
  if (auto done = events_.load(); !done) return done;
  if (auto done = checkpoints_.load(); !done) return done;
  if (auto done = decisions_.load(); !done) return done;
  if (auto done = feed_.load(); !done) return done;
  if (auto done = load_marks(keys::log_mark(0).substr(0, 1), log_marks_); !done) return done;
  return load_marks(keys::feed_mark(0).substr(0, 1), feed_marks_);
}

outcome<void> rocksdb_store::load_marks(const std::string& prefix, retention_marks& marks) {
  scan found{*database_, family::meta, prefix, keys::after_prefix(prefix)};
  for (; found.valid(); found.next()) {
    const auto number = rows::read_number(found.value());
    if (!number) return number.error();
    const auto at = keys::number_at(found.key(), keys::meta_offset, 8);
    marks.add(arrival_time_of(static_cast<std::int64_t>(at)), *number);
  }
  return found.end();
}

outcome<void> rocksdb_store::sweep_retention(arrival_time now) {
  if (unix_ms(now) < 0) return failure{ec::invalid, "a time before 1970"};
  if (auto healthy = database_->check(); !healthy) return healthy;
  if (auto writable = database_->writable(); !writable) return writable;
  const std::lock_guard sweeping{sweeping_};
  if (auto done = write_marks(now); !done) return done;
  if (auto done = sweep_log(now); !done) return done;
  if (auto done = feed_.drop_below(feed_marks_.reached(now)); !done) return done;
  if (auto done = feed_.sweep_records(); !done) return done;
  return letters_.drop_before(now - letter_retention_);
}

void rocksdb_store::set_retention(const storage_options& options) {
  const std::lock_guard sweeping{sweeping_};
  log_bytes_ = options.log_bytes;
  letter_retention_ = options.dead_letter_retention;
  log_marks_.set_retention(options.log_retention);
  feed_marks_.set_retention(options.feed_retention);
}

/// Notes how far log and feed are now, and forgets the notes that have served.
outcome<void> rocksdb_store::write_marks(arrival_time now) {
  rocksdb::WriteBatch out;
  auto* meta = database_->at(family::meta);
  const auto at = unix_ms(now);
  if (log_marks_.due(now))
    out.Put(meta, keys::log_mark(at), rows::number(events_.current_segment()));
  if (feed_marks_.due(now)) out.Put(meta, keys::feed_mark(at), rows::number(feed_.last()));
  for (const auto& mark : log_marks_.served(now)) out.Delete(meta, keys::log_mark(unix_ms(mark)));
  for (const auto& mark : feed_marks_.served(now)) out.Delete(meta, keys::feed_mark(unix_ms(mark)));
  if (out.Count() == 0) return {};
  if (auto done = database_->write(out, false, write_kind::work); !done) return done;
  if (log_marks_.due(now)) log_marks_.add(now, events_.current_segment());
  if (feed_marks_.due(now)) feed_marks_.add(now, feed_.last());
  log_marks_.forget_served(now);
  feed_marks_.forget_served(now);
  return {};
}

outcome<void> rocksdb_store::sweep_log(arrival_time now) {
  const auto covered = [this](partition_id p) -> outcome<log_position> {
    const auto checkpoint = checkpoints_.load_checkpoint(p);
    if (!checkpoint) return checkpoint.error();
    return checkpoint->position;
  };
  if (auto done = events_.sweep(log_marks_.reached(now), log_bytes_, covered); !done) {
    return done;
  }
  const auto consumed = decisions_.outbox_consumed();
  if (!consumed) return consumed.error();
  for (const auto& [partition, seq] : *consumed) {
    if (partition >= events_.partitions()) continue;
    const auto first = events_.first(partition);
    if (auto done = checkpoints_.sweep_outbox(partition, seq, first); !done) return done;
  }
  return {};
}

outcome<std::unique_ptr<store>> load_store(outcome<std::unique_ptr<rocksdb_database>> database) {
  if (!database) return database.error();
  const auto partitions = (*database)->partitions();
  auto opened = std::make_unique<rocksdb_store>(std::move(*database), partitions);
  if (auto loaded = opened->load(); !loaded) return loaded.error();
  return std::unique_ptr<store>{std::move(opened)};
}

}  // namespace

outcome<std::unique_ptr<store>> open_rocksdb_store(
    const storage_options& options, const std::function<void(const std::string&)>& say) {
  try {
    auto database = rocksdb_database::open(options.path + "/store", options);
    if (database && (*database)->format() < store_format) {
      if (auto done = upgrade_store(**database, say); !done) return done.error();
    }
    return load_store(std::move(database));
  } catch (const std::exception& error) {
    return failure{ec::io_failed, options.path + ": " + error.what()};
  }
}

outcome<std::unique_ptr<store>> open_rocksdb_store_read_only(const storage_options& options) {
  try {
    return load_store(rocksdb_database::open_read_only(store_directory(options.path), options));
  } catch (const std::exception& error) {
    return failure{ec::io_failed, options.path + ": " + error.what()};
  }
}

std::string store_directory(const std::string& path) {
  std::error_code error;
  const bool itself = std::filesystem::exists(path + "/CURRENT", error);
  return itself ? path : path + "/store";
}

}  // namespace faultline
