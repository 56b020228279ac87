// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"

namespace faultline {

/// Reads what other rooms wrote as opaque bytes; fails when it cannot be read. One that is missing
/// lets everything pass.
struct content_readers {
  std::function<outcome<void>(std::string_view entity, std::string_view bytes)> snapshot;
  std::function<outcome<void>(std::string_view bytes)> block;
  std::function<outcome<void>(std::string_view bytes)> publisher;
  std::function<outcome<void>(std::string_view bytes)> correlator;
  std::function<outcome<void>(std::string_view bytes)> rules;
  std::function<outcome<void>(std::string_view bytes)> clock;  ///< of a partition
};

/// One line of a report: what was looked at.
struct checked_kind {
  std::string name;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

/// One thing that is not as it should be.
struct store_problem {
  std::string kind;   ///< of checked_kind::name
  std::string where;  ///< the file, or the record's key in words
  std::string what;
};

struct store_report {
  std::string directory;
  bool in_use = false;  ///< by a server: what it writes meanwhile is not looked at
  std::uint64_t format = 0;
  std::uint16_t partitions = 0;
  std::vector<checked_kind> kinds;
  std::vector<store_problem> problems;  ///< the first 1,000
  std::uint64_t problem_count = 0;
  bool clean() const noexcept { return problem_count == 0; }
};

/// Checks the store at @p path (as open_rocksdb_store_read_only() takes it) and writes nothing: the
/// checksums of every table, the write-ahead log, then every record of every format and how they
/// fit together. @p progress hears what is done and how many bytes of how many. Fails:
/// ec::not_found (no store there), ec::io_failed. Damage is no failure, it is in the report.
outcome<store_report> check_rocksdb_store(
    const std::string& path, const content_readers& readers,
    const std::function<void(const char* what, std::uint64_t done, std::uint64_t total)>& progress);

}  // namespace faultline
