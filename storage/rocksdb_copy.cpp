// SPDX-License-Identifier: Apache-2.0
// A copy of the database while it is in use.
#include <rocksdb/utilities/checkpoint.h>

#include <memory>

#include "storage/internal/rocksdb_database.hpp"

namespace faultline {

outcome<void> rocksdb_database::copy_to(const std::string& directory) {
  if (auto may = may_write(write_kind::work); !may) return may;
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> maker{made};
  // The memtables go to tables first (0): what is in the write-ahead log is then little.
  if (status.ok()) status = maker->CreateCheckpoint(directory, 0);
  if (status.ok()) return {};
  const ec code = status.IsNoSpace() ? ec::no_space : ec::io_failed;
  return failure{code, directory + ": " + status.ToString()};
}

}  // namespace faultline
