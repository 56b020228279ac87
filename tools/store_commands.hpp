// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "messages/outcome.hpp"
#include "storage/store.hpp"
#include "storage/store_check.hpp"
#include "tools/output.hpp"

namespace faultline {

/// Readers of what judgement and processing wrote into the store.
content_readers all_readers();

/// The report of `faultline store check`, for people (@p c) or as JSON.
std::string report_text(const store_report& report, const colours& c);
std::string report_json(const store_report& report);

/// What `faultline store dump` writes.
struct dump_request {
  std::string what;                       ///< one of dump_subjects()
  std::optional<partition_id> partition;  ///< nothing: all
  std::uint64_t from = 0;                 ///< position, seq or id
  std::uint64_t limit = ~std::uint64_t{0};
};
const std::vector<std::string>& dump_subjects();

/// Hands out one JSON object per record, decoded. @p line returns false to end it.
/// Fails: ec::invalid (no such partition), or as the store does.
outcome<void> dump_store(store& from, const dump_request& request,
                         const std::function<bool(const std::string& json)>& line);

}  // namespace faultline
