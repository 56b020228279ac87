// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/internal/rocksdb_database.hpp"
#include "storage/store_check.hpp"

namespace faultline {

/// Gathers a report: counts by kind, in order of first mention, and problems.
class report_writer {
public:
  explicit report_writer(store_report& report) : report_{report} {}
  /// Counts one thing of @p kind.
  void count(const char* kind, std::uint64_t bytes, std::uint64_t things = 1);
  void problem(const char* kind, std::string where, std::string what);

private:
  store_report& report_;
};

using check_progress =
    std::function<void(const char* what, std::uint64_t done, std::uint64_t total)>;

/// Whether a process holds the lock of the store in @p directory.
bool store_in_use(const std::string& directory);

/// Verifies the checksums of every table in @p directory that is in use by @p database (all, where
/// it is nullptr: the store does not open).
void check_tables(const std::string& directory, rocksdb_database* database, report_writer& report,
                  const check_progress& progress);

/// Names a write-ahead log that ends within a record. Such a store opens: what is cut off is taken
/// for a write that was never acknowledged.
void check_wal_end(const std::string& directory, report_writer& report);

/// Reads every record, and how they fit together.
void check_records(rocksdb_database& database, const content_readers& readers,
                   report_writer& report, const check_progress& progress);

}  // namespace faultline
