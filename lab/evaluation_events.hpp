// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "lab/recording.hpp"
#include "lab/row_cursor.hpp"
#include "messages/event.hpp"

namespace faultline {

/// The events of a recording as the doors would hand them on: edges first (at the first stamp),
/// then changes, logs, spans and rows in the order in which they are known; at one time in that
/// order. A missing value is left out, a row without any value is passed over. All arrive when they
/// happen, a span when it ends. The telemetry must outlive this and stay as it is.
class evaluation_events {
public:
  explicit evaluation_events(const telemetry& source);

  /// The next event, valid until the next call; nullptr at the end.
  const event_view* next();

private:
  bool step();
  bool take(const std::string& from, const std::string& to, edge_kind kind, event_time ts);
  bool take(const change_row& change);
  bool take(const log_line& log);
  bool take(const span_row& span);
  bool take(const telemetry_row& row);

  const telemetry& source_;
  row_cursor rows_;
  std::vector<std::size_t> change_order_, log_order_, span_order_;
  std::size_t edge_ = 0, change_ = 0, log_ = 0, span_ = 0;
  event_time first_{};
  event_view event_;
};

/// Rows, logs, spans, changes and edges of @p t.
std::size_t count_events(const telemetry& t) noexcept;

}  // namespace faultline
