// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/spare_files.hpp"

#include <rocksdb/file_system.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace faultline {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

bool none_is_left(const IOStatus& status) {
  return status.IsIOError() && status.ToString().find(std::strerror(EMFILE)) != std::string::npos;
}

template <class Open>
IOStatus with_spare(const Open& open) {
  IOStatus first = open();
  if (!none_is_left(first)) return first;
  static std::mutex one_at_a_time;
  const std::lock_guard lock{one_at_a_time};
  rlimit soft{};
  if (::getrlimit(RLIMIT_NOFILE, &soft) != 0 || soft.rlim_cur >= soft.rlim_max) return first;
  const rlimit hard{soft.rlim_max, soft.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &hard) != 0) return first;
  IOStatus again = open();
  [[maybe_unused]] const int lowered = ::setrlimit(RLIMIT_NOFILE, &soft);  // cannot fail
  return again;
}

class spare_files final : public rocksdb::FileSystemWrapper {
public:
  explicit spare_files(const std::shared_ptr<rocksdb::FileSystem>& target)
      : FileSystemWrapper{target} {}
  const char* Name() const override { return "spare_files"; }

  IOStatus NewSequentialFile(const std::string& file, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* into,
                             IODebugContext* context) override {
    return with_spare([&] { return target()->NewSequentialFile(file, options, into, context); });
  }
  IOStatus NewRandomAccessFile(const std::string& file, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* into,
                               IODebugContext* context) override {
    return with_spare([&] { return target()->NewRandomAccessFile(file, options, into, context); });
  }
  IOStatus NewWritableFile(const std::string& file, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* into,
                           IODebugContext* context) override {
    return with_spare([&] { return target()->NewWritableFile(file, options, into, context); });
  }
  IOStatus ReopenWritableFile(const std::string& file, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* into,
                              IODebugContext* context) override {
    return with_spare([&] { return target()->ReopenWritableFile(file, options, into, context); });
  }
  IOStatus NewRandomRWFile(const std::string& file, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* into,
                           IODebugContext* context) override {
    return with_spare([&] { return target()->NewRandomRWFile(file, options, into, context); });
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* into,
                        IODebugContext* context) override {
    return with_spare([&] { return target()->NewDirectory(name, options, into, context); });
  }
  IOStatus GetChildren(const std::string& directory, const IOOptions& options,
                       std::vector<std::string>* into, IODebugContext* context) override {
    return with_spare([&] { return target()->GetChildren(directory, options, into, context); });
  }
  IOStatus NewLogger(const std::string& file, const IOOptions& options,
                     std::shared_ptr<rocksdb::Logger>* into, IODebugContext* context) override {
    return with_spare([&] { return target()->NewLogger(file, options, into, context); });
  }
};

}  // namespace

rocksdb::Env* env_with_spare_files() {
  // Never taken away: RocksDB's threads may outlive whatever ends with the process.
  static rocksdb::Env* const env =
      rocksdb::NewCompositeEnv(std::make_shared<spare_files>(rocksdb::FileSystem::Default()))
          .release();
  return env;
}

}  // namespace faultline
