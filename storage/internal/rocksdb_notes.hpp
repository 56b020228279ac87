// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storage/internal/rocksdb_database.hpp"
#include "storage/store.hpp"

namespace faultline {

class rocksdb_notes final : public note_store {
public:
  explicit rocksdb_notes(rocksdb_database& database) : database_{database} {}
  outcome<void> write(const note_rows& rows, sync_when when) override;
  outcome<std::vector<std::pair<std::string, std::string>>> load(std::string_view prefix,
                                                                 std::string_view after,
                                                                 std::size_t limit) override;

private:
  rocksdb_database& database_;
};

}  // namespace faultline
