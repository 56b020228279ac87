// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "lab/recording.hpp"

namespace faultline {

/// One row of one entity. `values` points into the telemetry and has `count` entries.
struct telemetry_row {
  std::size_t entity = 0;  ///< index in telemetry::entities
  std::size_t index = 0;   ///< row number within the entity
  event_time ts{};
  const double* values = nullptr;
  std::size_t count = 0;
};

/// Hands out the rows of all entities in time order; equal stamps by entity index.
/// The telemetry must outlive the cursor and stay as it is. O(log entities) a row.
class row_cursor {
public:
  explicit row_cursor(const telemetry& source);
  /// Starts at the first row of each entity with a stamp at or after @p from.
  row_cursor(const telemetry& source, event_time from);

  /// The next row, or nothing at the end.
  std::optional<telemetry_row> next();
  /// Stamp of the row that next() will give, or nothing at the end.
  std::optional<event_time> peek() const;

private:
  struct head {
    event_time ts;
    std::size_t entity;
    std::size_t index;
  };
  static bool later(const head& a, const head& b) noexcept;
  void push(std::size_t entity, std::size_t index);

  const telemetry* source_;
  std::vector<head> heap_;
};

}  // namespace faultline
