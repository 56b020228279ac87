// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

// The rows of a closed store as bytes: to write what an earlier or a later build would have
// written, or what no build would.

namespace faultline::testing {

class raw_store {
public:
  explicit raw_store(const std::string& directory) {
    std::vector<std::string> names;
    EXPECT_TRUE(rocksdb::DB::ListColumnFamilies({}, directory, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions{});
    rocksdb::DB* db = nullptr;
    EXPECT_TRUE(rocksdb::DB::Open({}, directory, families, &handles_, &db).ok());
    db_.reset(db);
  }
  ~raw_store() {
    for (auto* h : handles_) db_->DestroyColumnFamilyHandle(h);
  }
  raw_store(const raw_store&) = delete;
  raw_store& operator=(const raw_store&) = delete;

  void put(const std::string& family, const std::string& key, const std::string& value) {
    ASSERT_TRUE(db_->Put({}, handle(family), key, value).ok());
  }
  void remove(const std::string& family, const std::string& key) {
    ASSERT_TRUE(db_->Delete({}, handle(family), key).ok());
  }
  std::string get(const std::string& family, const std::string& key) {
    std::string value;
    EXPECT_TRUE(db_->Get({}, handle(family), key, &value).ok()) << family;
    return value;
  }
  void each(const std::string& family,
            const std::function<void(const std::string& key, const std::string& value)>& row) {
    const std::unique_ptr<rocksdb::Iterator> it{db_->NewIterator({}, handle(family))};
    for (it->SeekToFirst(); it->Valid(); it->Next())
      row(it->key().ToString(), it->value().ToString());
  }

private:
  rocksdb::ColumnFamilyHandle* handle(const std::string& name) {
    for (auto* h : handles_) {
      if (h->GetName() == name) return h;
    }
    ADD_FAILURE() << "no family " << name;
    return handles_.front();
  }

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

}  // namespace faultline::testing
