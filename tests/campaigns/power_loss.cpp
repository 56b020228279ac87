// SPDX-License-Identifier: Apache-2.0
//
// A faultlined whose disk keeps what was synced and nothing else: SIGKILL is a power failure.
//
// Under RocksDB lies a file system that holds what is appended in the memory of the process until
// the file is synced; a part of it, drawn by FAULTLINE_POWER_SEED, goes to the file earlier, as
// disks do. Which files exist is written into the directory FAULTLINE_POWER_JOURNAL, for the
// campaign to undo after the kill (tests/campaigns/kill.py):
//
//   + NAME          created, its directory is not synced yet
//   r COPY TO FROM  renamed; COPY holds what TO was (- when it was not there)
//   =               the directory has been synced: what stands above is durable
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>

namespace faultline {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

std::string setting(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// What happened to names, for whoever undoes it. Shared by all files; lives as long as the
/// process.
class name_journal {
public:
  name_journal() : directory_{setting("FAULTLINE_POWER_JOURNAL")} {
    if (!directory_.empty()) out_.open(directory_ + "/journal", std::ios::app);
  }
  void created(const std::string& name) { write("+ " + name); }
  void synced() { write("="); }
  /// Call before the rename.
  void renames(const std::string& from, const std::string& to) {
    if (directory_.empty()) return;
    std::string copy = "-";
    if (std::filesystem::exists(to)) {
      copy = directory_ + "/" + std::to_string(++copies_);
      std::error_code error;
      std::filesystem::copy_file(to, copy, std::filesystem::copy_options::overwrite_existing,
                                 error);
    }
    write("r " + copy + " " + to + " " + from);
  }

private:
  void write(const std::string& line) {
    const std::lock_guard lock{mutex_};
    if (out_.is_open()) out_ << line << std::endl;
  }
  std::mutex mutex_;
  std::string directory_;
  std::ofstream out_;
  int copies_ = 0;
};

name_journal& journal() {
  static name_journal all;
  return all;
}

/// Keeps appended bytes to itself until they are synced; a file that is closed before loses them.
class unsynced_file : public rocksdb::FSWritableFileOwnerWrapper {
public:
  unsynced_file(std::unique_ptr<rocksdb::FSWritableFile> file, std::uint64_t seed)
      : FSWritableFileOwnerWrapper{std::move(file)}, chance_{seed} {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    const std::lock_guard lock{mutex_};
    pending_.append(data.data(), data.size());
    if (chance_() % 8 != 0) return IOStatus::OK();
    return hand_on(chance_() % (pending_.size() + 1), options, dbg);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("only with direct I/O, which the store does not use");
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&,
                            const rocksdb::DataVerificationInfo&, IODebugContext*) override {
    return IOStatus::NotSupported("only with direct I/O, which the store does not use");
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();  // promises nothing about the disk
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    const std::lock_guard lock{mutex_};
    if (auto done = hand_on(pending_.size(), options, dbg); !done.ok()) return done;
    return target()->Sync(options, dbg);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Sync(options, dbg);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    const std::lock_guard lock{mutex_};
    if (auto done = hand_on(pending_.size(), options, dbg); !done.ok()) return done;
    return target()->Truncate(size, options, dbg);
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions& options, IODebugContext* dbg) override {
    const std::lock_guard lock{mutex_};
    return target()->GetFileSize(options, dbg) + pending_.size();
  }

private:
  IOStatus hand_on(std::size_t bytes, const IOOptions& options, IODebugContext* dbg) {
    if (bytes == 0) return IOStatus::OK();
    auto done = target()->Append(Slice{pending_.data(), bytes}, options, dbg);
    pending_.erase(0, bytes);
    return done;
  }
  std::mutex mutex_;
  std::string pending_;
  std::mt19937_64 chance_;
};

class journalled_directory : public rocksdb::FSDirectoryWrapper {
public:
  using FSDirectoryWrapper::FSDirectoryWrapper;
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    auto done = FSDirectoryWrapper::Fsync(options, dbg);
    journal().synced();
    return done;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions& how) override {
    auto done = FSDirectoryWrapper::FsyncWithDirOptions(options, dbg, how);
    journal().synced();
    return done;
  }
};

class forgetful_disk : public rocksdb::FileSystemWrapper {
public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "forgetful_disk"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* dbg) override {
    journal().created(name);
    auto done = FileSystemWrapper::NewWritableFile(name, options, file, dbg);
    return wrap(std::move(done), file);
  }
  IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* dbg) override {
    auto done = FileSystemWrapper::ReopenWritableFile(name, options, file, dbg);
    return wrap(std::move(done), file);
  }
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const rocksdb::FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("the store recycles no files");
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* dbg) override {
    journal().renames(from, to);
    return FileSystemWrapper::RenameFile(from, to, options, dbg);
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext* dbg) override {
    auto done = FileSystemWrapper::NewDirectory(name, options, directory, dbg);
    if (done.ok()) *directory = std::make_unique<journalled_directory>(std::move(*directory));
    return done;
  }

private:
  IOStatus wrap(IOStatus done, std::unique_ptr<rocksdb::FSWritableFile>* file) {
    if (done.ok()) *file = std::make_unique<unsynced_file>(std::move(*file), seed_ + ++files_);
    return done;
  }
  std::uint64_t seed_ = std::strtoull(setting("FAULTLINE_POWER_SEED").c_str(), nullptr, 10) * 1000;
  std::atomic<std::uint64_t> files_{0};
};

}  // namespace
}  // namespace faultline

#define DB_OPEN \
  _ZN7rocksdb2DB4OpenERKNS_9DBOptionsERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEERKSt6vectorINS_22ColumnFamilyDescriptorESaISD_EEPSC_IPNS_18ColumnFamilyHandleESaISJ_EEPPS0_
#define EXPANDED(macro, name) macro(name)
#define REAL(name) __real_##name
#define WRAP(name) __wrap_##name

extern "C" {

rocksdb::Status EXPANDED(REAL, DB_OPEN)(const rocksdb::DBOptions&, const std::string&,
                                        const std::vector<rocksdb::ColumnFamilyDescriptor>&,
                                        std::vector<rocksdb::ColumnFamilyHandle*>*, rocksdb::DB**);

rocksdb::Status EXPANDED(WRAP,
                         DB_OPEN)(const rocksdb::DBOptions& options, const std::string& name,
                                  const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
                                  std::vector<rocksdb::ColumnFamilyHandle*>* handles,
                                  rocksdb::DB** db) {
  static const auto disk =
      std::make_shared<faultline::forgetful_disk>(rocksdb::FileSystem::Default());
  static const auto env = rocksdb::NewCompositeEnv(disk);
  rocksdb::DBOptions wrapped = options;
  wrapped.env = env.get();
  return EXPANDED(REAL, DB_OPEN)(wrapped, name, families, handles, db);
}

}  // extern "C"
