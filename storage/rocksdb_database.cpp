// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rocksdb_database.hpp"

#include <rocksdb/env.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "messages/version.hpp"
#include "storage/internal/damaged_file.hpp"
#include "storage/internal/keys.hpp"
#include "storage/internal/rocksdb_settings.hpp"
#include "storage/internal/rows.hpp"

namespace faultline {
namespace {

namespace fs = std::filesystem;

failure no_space(const std::string& directory, std::uint64_t free, std::uint64_t needed) {
  return {ec::no_space, directory + ": " + std::to_string(free) + " bytes free, " +
                            std::to_string(needed) + " must stay free"};
}

failure open_failed(const std::string& directory, const rocksdb::Status& status,
                    const std::string& log) {
  const std::string text = status.ToString();
  const bool missing = text.find("No such file") != std::string::npos;
  if (status.IsCorruption() || missing) {
    auto file = damaged_file(directory, text, log);
    const bool manifest = file.find("/MANIFEST-") != std::string::npos;
    if (manifest && !missing)
      if (auto table = unreadable_table(directory); !table.empty()) file = std::move(table);
    const bool named = missing && manifest;
    return {ec::store_corrupt,
            file + " is damaged: " + text + (named ? "; " + directory + "/CURRENT names it" : "")};
  }
  if (text.find("lock file") != std::string::npos)
    return {ec::io_failed, directory + " is in use by another process: " + text};
  return {ec::io_failed, directory + ": " + text};
}

/// What RocksDB wrote into its log in @p directory since the start of this attempt.
std::string log_of_this_attempt(const std::string& directory) {
  std::ifstream log{directory + "/LOG"};
  return {std::istreambuf_iterator<char>{log}, {}};
}

/// Keeps what RocksDB says of damage, instead of a log file in the store.
class kept_log : public rocksdb::Logger {
public:
  kept_log() : rocksdb::Logger{rocksdb::InfoLogLevel::INFO_LEVEL} {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list values) override {
    std::array<char, 1024> line{};
    if (std::vsnprintf(line.data(), line.size(), format, values) < 0) return;
    const std::lock_guard lock{mutex_};
    if (text_.size() < most_bytes) text_.append(line.data()).append("\n");
  }
  std::string text() const {
    const std::lock_guard lock{mutex_};
    return text_;
  }

private:
  static constexpr std::size_t most_bytes = 1024 * 1024;
  mutable std::mutex mutex_;
  std::string text_;
};

/// CURRENT and the length of the manifest it names: they change before a server removes a file that
/// is needed to read what they said before.
std::string manifest_state(const std::string& directory) {
  std::ifstream current{directory + "/CURRENT"};
  std::string manifest;
  std::getline(current, manifest);
  std::error_code error;
  const auto size = fs::file_size(directory + "/" + manifest, error);
  return manifest + " " + (error ? error.message() : std::to_string(size));
}

/// Families of an existing store that this build does not know: a newer build wrote it.
outcome<void> refuse_unknown_families(const rocksdb::DBOptions& settings,
                                      const std::string& directory) {
  std::vector<std::string> names;
  const auto status = rocksdb::DB::ListColumnFamilies(settings, directory, &names);
  if (!status.ok()) return open_failed(directory, status, log_of_this_attempt(directory));
  for (const auto& name : names) {
    bool known = false;
    for (std::size_t i = 0; i < family_count; ++i) {
      known = known || name == name_of(static_cast<family>(i));
    }
    if (!known) {
      return failure{ec::unknown_version,
                     directory + " has the unknown part '" + name + "': written by a newer build"};
    }
  }
  return {};
}

}  // namespace

const char* name_of(family f) noexcept {
  switch (f) {
    case family::meta:
      return "default";
    case family::log:
      return "log";
    case family::publishers:
      return "publishers";
    case family::entities:
      return "entities";
    case family::blocks:
      return "blocks";
    case family::outbox:
      return "outbox";
    case family::decisions:
      return "decisions";
    case family::feed:
      return "feed";
    case family::letters:
      return "letters";
  }
  return "unknown";
}

void store_health::fail(const std::string& why) {
  const std::lock_guard lock{mutex_};
  if (failed_.load(std::memory_order_relaxed)) return;
  why_ = why;
  failed_.store(true, std::memory_order_release);
}

outcome<void> store_health::check() const {
  if (!failed_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock{mutex_};
  return failure{ec::store_unavailable, "the store has stopped: " + why_};
}

rocksdb_database::rocksdb_database(std::string directory, const storage_options& options,
                                   access how)
    : directory_{std::move(directory)},
      access_{how},
      options_{options},
      health_{std::make_shared<store_health>()},
      mark_{std::make_shared<manifest_mark>(directory_)},
      space_{options.min_free_bytes, [path = directory_] { return free_bytes_at(path); }},
      ballast_{options.path + "/ballast",
               how == access::write && options.min_free_bytes != 0 ? options.ballast_bytes : 0} {}

rocksdb_database::~rocksdb_database() {
  if (!db_) return;
  for (auto* handle : handles_) {
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(handle);
  }
  db_->Close();
  if (access_ == access::write) mark_->note();
}

outcome<std::unique_ptr<rocksdb_database>> rocksdb_database::open(const std::string& directory,
                                                                  const storage_options& options) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return failure{ec::io_failed, directory + ": " + error.message()};
  fs::permissions(directory, fs::perms::owner_all, error);
  if (error) return failure{ec::io_failed, directory + ": " + error.message()};
  if (const std::string missing = missing_file(directory); !missing.empty()) {
    return failure{ec::store_corrupt, missing + " is missing, other files of the store are there"};
  }
  if (auto whole = verify_manifest(directory); !whole) return whole.error();
  std::unique_ptr<rocksdb_database> opened{new rocksdb_database{directory, options, access::write}};
  if (!opened->room_for_work()) {
    return no_space(directory, opened->space_.current(), options.min_free_bytes / 2);
  }
  const bool created = !fs::exists(directory + "/CURRENT", error);
  if (auto done = opened->open_families(); !done) return done.error();
  if (auto known = opened->check_format(created); !known) return known.error();
  return opened;
}

outcome<void> rocksdb_database::open_families() {
  const auto settings = database_settings(options_, health_, mark_);
  std::error_code error;
  if (fs::exists(directory_ + "/CURRENT", error)) {
    if (auto known = refuse_unknown_families(settings, directory_); !known) return known;
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status =
      rocksdb::DB::Open(settings, directory_, family_settings(options_), &handles, &db);
  if (!status.ok()) return open_failed(directory_, status, log_of_this_attempt(directory_));
  db_.reset(db);
  std::copy(handles.begin(), handles.end(), handles_.begin());
  mark_->note();
  return health_->check();
}

outcome<std::unique_ptr<rocksdb_database>> rocksdb_database::open_read_only(
    const std::string& directory, const storage_options& options) {
  constexpr int attempts = 50;
  constexpr std::chrono::milliseconds pause{20};
  if (const std::string missing = missing_file(directory); !missing.empty()) {
    return failure{ec::store_corrupt, missing + " is missing, other files of the store are there"};
  }
  std::error_code error;
  if (!fs::exists(directory + "/CURRENT", error)) {
    return failure{ec::not_found, directory + " holds no store"};
  }
  if (auto whole = verify_manifest(directory); !whole) return whole.error();
  failure why;
  for (int i = 0; i < attempts; ++i) {
    if (i != 0) std::this_thread::sleep_for(pause);
    std::unique_ptr<rocksdb_database> opened{
        new rocksdb_database{directory, options, access::read}};
    const auto before = manifest_state(directory);
    const auto done =
        opened->read_families(rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords);
    // A server that writes meanwhile may have taken a file away before we came to it.
    if (manifest_state(directory) != before) {
      why = {ec::store_unavailable, directory + " changes faster than it can be opened"};
      continue;
    }
    if (!done) return done.error();
    if (auto known = opened->check_format(false); !known) return known.error();
    return opened;
  }
  return why;
}

outcome<void> rocksdb_database::open_strictly(const std::string& directory) {
  rocksdb_database opened{directory, storage_options{}, access::read};
  auto read = opened.read_families(rocksdb::WALRecoveryMode::kAbsoluteConsistency);
  if (read) return {};
  const auto& text = read.error().what;
  return failure{read.error().code, text.substr(0, text.find(" is damaged"))};
}

outcome<void> rocksdb_database::read_families(rocksdb::WALRecoveryMode mode) {
  auto settings = database_settings(options_, health_);
  settings.wal_recovery_mode = mode;
  const auto log = std::make_shared<kept_log>();
  settings.info_log = log;
  settings.create_if_missing = false;
  settings.create_missing_column_families = false;
  settings.max_open_files = -1;  // what is open stays readable when a server removes the file
  if (auto known = refuse_unknown_families(settings, directory_); !known) return known;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status =
      rocksdb::DB::OpenForReadOnly(settings, directory_, family_settings(options_), &handles, &db);
  if (!status.ok()) return open_failed(directory_, status, log->text());
  db_.reset(db);
  std::copy(handles.begin(), handles.end(), handles_.begin());
  return {};
}

outcome<void> rocksdb_database::write_format() {
  rocksdb::WriteBatch batch;
  batch.Put(at(family::meta), keys::format(), rows::numbers({store_format, partitions_}));
  batch.Delete(at(family::meta), keys::upgrade());
  if (auto done = write(batch, true, write_kind::work); !done) return done;
  format_ = store_format;
  return {};
}

outcome<void> rocksdb_database::check_format(bool created) {
  auto row = get(family::meta, keys::format());
  if (!row) return row.error();
  if (!row->has_value()) {
    if (!created) {
      // A first start that was killed between creating the files and the first write.
      scan anything{*this, family::meta, "", ""};
      if (anything.valid()) return failure{ec::store_corrupt, directory_ + " has no format number"};
    }
    if (access_ == access::read) return failure{ec::not_found, directory_ + " holds no store yet"};
    partitions_ =
        options_.partitions != 0 ? options_.partitions : storage_options::default_partitions;
    return write_format();
  }
  const auto numbers = rows::read_numbers(**row);
  if (!numbers) return numbers.error();
  if (numbers->size() < 2 || numbers->front() == 0 || (*numbers)[1] == 0 ||
      (*numbers)[1] > 65'535) {
    return failure{ec::store_corrupt, directory_ + " has no format number or no partitions"};
  }
  if (numbers->front() > store_format)
    return newer_version("the store in " + directory_, numbers->front(), store_format);
  format_ = numbers->front();
  partitions_ = static_cast<std::uint16_t>((*numbers)[1]);
  if (options_.partitions == 0 || options_.partitions == partitions_) return {};
  return failure{ec::invalid, directory_ + " has " + std::to_string(partitions_) +
                                  " partitions, storage.partitions says " +
                                  std::to_string(options_.partitions) +
                                  ". The number of a store cannot be changed: leave the key out, "
                                  "or name another storage.path for a new store"};
}

outcome<void> rocksdb_database::writable() const {
  if (access_ == access::write) return {};
  return failure{ec::unsupported, directory_ + " is open for reading"};
}

/// Whether work may be written, if need be in the room of the ballast.
bool rocksdb_database::room_for_work() {
  if (space_.writes_allowed()) return true;
  const std::lock_guard lock{ballast_mutex_};
  if (!ballast_.release()) return false;
  space_.forget();
  return space_.writes_allowed();
}

space_report rocksdb_database::tend_space() {
  space_report report;
  if (access_ == access::write) {
    room_for_work();
    mark_->note();
  }
  const std::lock_guard lock{ballast_mutex_};
  report.free_bytes = space_.current();
  // Twice: building it must not lead back to where it is given up, nor to where intake ends.
  const bool plenty = report.free_bytes >= space_.min_free() &&
                      report.free_bytes - space_.min_free() >= 2 * ballast_.bytes();
  if (!ballast_.there() && !ballast_unsupported_ && plenty) {
    const auto built = ballast_.build();
    if (!built) report.problem = built.error().what;
    ballast_unsupported_ = !built && built.error().code != ec::no_space;
  }
  report.ballast_bytes = ballast_.there() ? ballast_.bytes() : 0;
  return report;
}

// Where the directory is gone no space is left either, and waiting for it would never end.
outcome<void> rocksdb_database::still_there() {
  std::error_code error;
  if (fs::exists(directory_, error)) return {};
  health_->fail(directory_ + ": " + (error ? error.message() : "No such file or directory"));
  return health_->check();
}

outcome<void> rocksdb_database::may_write(write_kind kind) {
  if (auto healthy = health_->check(); !healthy) return healthy;
  if (auto writable = this->writable(); !writable) return writable;
  const bool allowed = kind == write_kind::intake ? space_.intake_allowed() : room_for_work();
  if (allowed) return {};
  if (auto there = still_there(); !there) return there;
  const auto needed = kind == write_kind::intake ? space_.min_free() : space_.min_free() / 2;
  return no_space(directory_, space_.current(), needed);
}

outcome<void> rocksdb_database::write(rocksdb::WriteBatch& batch, bool sync, write_kind kind) {
  if (auto may = may_write(kind); !may) return may;
  const auto status = db_->Write(rocksdb::WriteOptions{}, &batch);
  // Not a synced write of RocksDB: that makes every other writer wait for the disk as well.
  if (status.ok()) return sync ? this->sync() : outcome<void>{};
  health_->fail(status.ToString());
  return health_->check();
}

outcome<std::optional<std::string>> rocksdb_database::get(family f, const std::string& key) {
  if (auto healthy = health_->check(); !healthy) return healthy.error();
  std::string value;
  const auto status = db_->Get(rocksdb::ReadOptions{}, at(f), slice(key), &value);
  if (status.ok()) return std::optional<std::string>{std::move(value)};
  if (status.IsNotFound()) return std::optional<std::string>{};
  return read_failed(status, f);
}

failure rocksdb_database::read_failed(const rocksdb::Status& status, family f) const {
  const ec code = status.IsCorruption() ? ec::store_corrupt : ec::store_unavailable;
  return {code, directory_ + ", part '" + name_of(f) + "': " + status.ToString()};
}

std::uint64_t rocksdb_database::bytes_on_disk() const {
  std::error_code error;
  std::uint64_t sum = 0;
  for (fs::directory_iterator it{directory_, error}, end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;  // files come and go while we look
    const auto size = it->file_size(gone);
    if (!gone) sum += size;
  }
  return sum;
}

store_memory rocksdb_database::memory_held() const {
  store_memory held;
  for (auto* handle : handles_) {
    std::uint64_t bytes = 0;
    if (db_->GetIntProperty(handle, rocksdb::DB::Properties::kSizeAllMemTables, &bytes))
      held.write_buffers += bytes;
  }
  // One cache for all families: each says the whole.
  db_->GetIntProperty(handles_.front(), rocksdb::DB::Properties::kBlockCacheUsage, &held.cache);
  return held;
}

std::uint64_t rocksdb_database::about_keys(family f) const {
  std::uint64_t keys = 0;
  db_->GetIntProperty(at(f), rocksdb::DB::Properties::kEstimateNumKeys, &keys);
  return keys;
}

outcome<void> rocksdb_database::flush() {
  if (auto healthy = health_->check(); !healthy || access_ == access::read) return healthy;
  auto status = db_->FlushWAL(true);
  // Without room for the memtables the synced WAL is enough: they are rebuilt from it.
  const bool room = room_for_work();
  if (!room) static_cast<void>(still_there());
  if (status.ok() && room) {
    const std::vector<rocksdb::ColumnFamilyHandle*> all{handles_.begin(), handles_.end()};
    rocksdb::FlushOptions how;
    how.allow_write_stall = true;  // nobody writes any more: not to wait until tables are merged
    status = db_->Flush(how, all);
  }
  if (!status.ok()) health_->fail(status.ToString());
  return health_->check();
}

std::uint64_t rocksdb_database::log_segment_bytes() const {
  rocksdb::ColumnFamilyDescriptor log;
  const auto status = at(family::log)->GetDescriptor(&log);
  return status.ok() ? log.options.write_buffer_size / 2 : 32ULL * 1024 * 1024;
}

outcome<void> rocksdb_database::sync() {
  if (auto healthy = health_->check(); !healthy || access_ == access::read) return healthy;
  if (!options_.sync) return {};
  const auto mine = written();
  std::unique_lock lock{sync_mutex_};
  while (durable_.load() < mine) {
    if (syncing_) {
      sync_over_.wait(lock);
      if (auto healthy = health_->check(); !healthy) return healthy;
      continue;
    }
    syncing_ = true;
    lock.unlock();
    const auto covered = written();
    const auto status = db_->SyncWAL();
    if (!status.ok()) health_->fail(status.ToString());
    lock.lock();
    syncing_ = false;
    if (status.ok()) durable_.store(covered);
    sync_over_.notify_all();
    if (!status.ok()) return health_->check();
  }
  return {};
}

outcome<void> rocksdb_database::begin_flush(family f) {
  std::uint64_t waiting = 0;
  db_->GetIntProperty(at(f), rocksdb::DB::Properties::kNumImmutableMemTable, &waiting);
  if (waiting != 0) return {};
  rocksdb::FlushOptions how;
  how.wait = false;
  how.allow_write_stall = true;
  const auto status = db_->Flush(how, at(f));
  // RocksDB hands nothing over while writers wait for it: of tables, or of another memtable.
  if (!status.ok() && !status.IsTryAgain()) health_->fail(status.ToString());
  return health_->check();
}

scan::scan(rocksdb_database& database, family f, std::string from, std::string below, use why)
    : database_{database},
      family_{f},
      from_{std::move(from)},
      below_{std::move(below)},
      lower_{from_},
      upper_{below_} {
  rocksdb::ReadOptions how;
  how.iterate_lower_bound = &lower_;
  if (!below_.empty()) how.iterate_upper_bound = &upper_;
  if (why == use::bulk) {
    how.fill_cache = false;
    how.readahead_size = 2 * 1024 * 1024;
  }
  rows_.reset(database_.db().NewIterator(how, database_.at(family_)));
  rows_->Seek(lower_);
}

outcome<void> scan::end() const {
  if (auto healthy = database_.check(); !healthy) return healthy;
  const auto status = rows_->status();
  if (!status.ok()) return database_.read_failed(status, family_);
  return {};
}

}  // namespace faultline
