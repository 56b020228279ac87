// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "storage/internal/rocksdb_database.hpp"

namespace faultline {

/// Brings the rows of a store of an earlier format to store_format, in place. Each write converts
/// some rows and notes how far it came, so that a store whose upgrade was interrupted goes on there
/// at the next open. @p say hears of it, a sentence at a time.
///
///   format 1 -> 2: dead letters say what their payload is, and how many bytes came before them
///   format 2 -> 3: snapshots are packed as they are written; those that are not are read as before
outcome<void> upgrade_store(rocksdb_database& database,
                            const std::function<void(const std::string&)>& say);

}  // namespace faultline
