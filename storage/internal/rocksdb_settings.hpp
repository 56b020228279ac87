// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/options.h>

#include <memory>
#include <vector>

#include "storage/internal/manifest_mark.hpp"
#include "storage/internal/rocksdb_database.hpp"
#include "storage/options.hpp"

namespace faultline {

/// Options of the database as a whole: safe recovery, bounded logs, memory and threads. @p mark
/// hears when the manifest has grown; none: nobody does.
rocksdb::DBOptions database_settings(const storage_options& options,
                                     std::shared_ptr<store_health> health,
                                     std::shared_ptr<manifest_mark> mark = nullptr);

/// Descriptors of all families, in the order of `family`.
std::vector<rocksdb::ColumnFamilyDescriptor> family_settings(const storage_options& options);

}  // namespace faultline
