// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/memory_store.hpp"
#include "storage/store.hpp"
#include "tests/support/scratch_directory.hpp"

namespace faultline::testing {

/// A directory that ends with the test.
class temporary_directory {
public:
  const std::string& path() const { return path_; }
  std::string store() const { return path_ + "/store"; }

private:
  scratch_directory own_;
  std::string path_ = own_.path().string();
};

inline storage_options small_options() {
  storage_options o;
  o.partitions = 4;
  o.min_free_bytes = 1024 * 1024;
  o.cache_bytes = 8 * 1024 * 1024;
  o.write_buffer_bytes = 16 * 1024 * 1024;
  return o;
}

/// Nothing is forgotten and nothing is written: the same store goes on.
struct memory_store_maker {
  storage_options options = small_options();
  std::unique_ptr<store> open() { return open_memory_store(options); }
  std::unique_ptr<store> reopen(std::unique_ptr<store> kept) { return kept; }
};

/// reopen() closes the store and reads it again from its files.
struct rocksdb_store_maker {
  temporary_directory directory;
  storage_options options = small_options();
  std::unique_ptr<store> open() {
    options.path = directory.path();
    auto opened = open_rocksdb_store(options);
    if (!opened) {
      ADD_FAILURE() << opened.error().what;
      return nullptr;
    }
    return std::move(*opened);
  }
  std::unique_ptr<store> reopen(std::unique_ptr<store> closed) {
    closed.reset();
    return open();
  }
};

using store_makers = ::testing::Types<memory_store_maker, rocksdb_store_maker>;

template <class Maker>
class store_contract : public ::testing::Test {
protected:
  Maker maker;
};

/// The first of "e0", "e1", ... that belongs to @p partition of @p count, from number @p from on.
inline std::string entity_in(partition_id partition, std::uint16_t count, int from = 0) {
  for (int i = from;; ++i) {
    std::string name = "e" + std::to_string(i);
    if (partition_of(name, count) == partition) return name;
  }
}

inline append_group group_of(std::vector<log_append> log) {
  append_group g;
  g.log = std::move(log);
  return g;
}

inline std::vector<std::string> bytes_of(const std::vector<log_blob>& blobs) {
  std::vector<std::string> out;
  for (const auto& b : blobs) out.push_back(b.bytes);
  return out;
}

}  // namespace faultline::testing
