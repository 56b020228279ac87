// SPDX-License-Identifier: Apache-2.0
#include "lab/row_cursor.hpp"

#include <algorithm>

namespace faultline {

bool row_cursor::later(const head& a, const head& b) noexcept {
  return a.ts != b.ts ? a.ts > b.ts : a.entity > b.entity;
}

row_cursor::row_cursor(const telemetry& source) : row_cursor{source, event_time::min()} {}

row_cursor::row_cursor(const telemetry& source, event_time from) : source_{&source} {
  heap_.reserve(source.entities.size());
  for (std::size_t e = 0; e < source.entities.size(); ++e) {
    const auto& ts = source.entities[e].ts;
    const auto first = std::lower_bound(ts.begin(), ts.end(), from);
    push(e, static_cast<std::size_t>(first - ts.begin()));
  }
}

void row_cursor::push(std::size_t entity, std::size_t index) {
  const auto& series = source_->entities[entity];
  if (index >= series.rows()) return;
  heap_.push_back({series.ts[index], entity, index});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

std::optional<telemetry_row> row_cursor::next() {
  if (heap_.empty()) return std::nullopt;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  const head top = heap_.back();
  heap_.pop_back();
  push(top.entity, top.index + 1);
  const auto& series = source_->entities[top.entity];
  return telemetry_row{top.entity, top.index, top.ts, series.row(top.index), series.metrics.size()};
}

std::optional<event_time> row_cursor::peek() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().ts;
}

}  // namespace faultline
