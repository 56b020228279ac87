// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace faultline {

/// The file a human must look at when the store in @p directory does not open because of @p error
/// (RocksDB's words): from the error, from @p log (RocksDB's log of the attempt), or the manifest.
std::string damaged_file(const std::string& directory, const std::string& error,
                         const std::string& log);

/// A table in @p directory whose index or properties cannot be read; empty when there is none.
/// RocksDB blames the manifest for some of these.
std::string unreadable_table(const std::string& directory);

/// What is missing from @p directory although other files of a store stand there; empty when it is
/// whole or no store at all. RocksDB would begin a new, empty store in its place.
std::string missing_file(const std::string& directory);

}  // namespace faultline
