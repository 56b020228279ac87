// SPDX-License-Identifier: Apache-2.0
#include "tools/recording_events.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "lab/row_cursor.hpp"

namespace faultline {

namespace {

/// Indices of @p rows in order of time; equal stamps stay in their order.
template <class Row>
std::vector<std::size_t> by_time(const std::vector<Row>& rows) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rows[a].ts < rows[b].ts; });
  return order;
}

class recording_stream final : public event_input {
public:
  recording_stream(const telemetry& t, milliseconds shift)
      : source_{t},
        shift_{shift},
        rows_{t},
        log_order_{by_time(t.logs)},
        span_order_{by_time(t.spans)},
        change_order_{by_time(t.changes)} {
    for (const auto& series : t.entities) total_ += series.rows();
    total_ += t.logs.size() + t.spans.size() + t.changes.size() + t.edges.size();
    if (const auto span = span_of(t)) first_ = span->first;
  }

  outcome<bool> next(input_event& out) override {
    while (step()) {
      ++done_;
      if (event_.type == event_type::metric && event_.metrics.empty()) continue;
      event_.has_ts = true;
      event_.ts += shift_;
      out.bytes.clear();
      encode_event(event_, wire_encoding::msgpack, out.bytes);
      out.encoding = wire_encoding::msgpack;
      out.line = 0;
      out.ts = event_.ts;
      return true;
    }
    return false;
  }
  std::uint64_t done() const override { return done_; }
  std::uint64_t total() const override { return total_; }

private:
  template <class Row>
  bool is_next(const std::vector<Row>& rows, const std::vector<std::size_t>& order, std::size_t at,
               event_time limit) const {
    return at < order.size() && rows[order[at]].ts <= limit;
  }

  /// The next event into event_, not yet shifted.
  bool step() {
    event_.clear();
    if (edge_ < source_.edges.size()) return take(source_.edges[edge_++]);
    // The earliest of four lists; changes, logs, spans win against a row of the same stamp.
    event_time limit = rows_.peek().value_or(event_time::max());
    const auto earlier = [&](const auto& rows, const auto& order, std::size_t at) {
      if (at < order.size()) limit = std::min(limit, rows[order[at]].ts);
    };
    earlier(source_.changes, change_order_, change_);
    earlier(source_.logs, log_order_, log_);
    earlier(source_.spans, span_order_, span_);
    if (is_next(source_.changes, change_order_, change_, limit))
      return take(source_.changes[change_order_[change_++]]);
    if (is_next(source_.logs, log_order_, log_, limit))
      return take(source_.logs[log_order_[log_++]]);
    if (is_next(source_.spans, span_order_, span_, limit))
      return take(source_.spans[span_order_[span_++]]);
    const auto row = rows_.next();
    return row && take(*row);
  }

  bool take(const dependency& edge) {
    event_.type = event_type::edge;
    event_.entity = edge.from;
    event_.depends_on.push_back(edge.to);
    event_.edge = edge.kind;
    event_.ts = first_;
    return true;
  }
  bool take(const change_row& change) {
    event_.type = event_type::change;
    event_.entity = change.entity;
    event_.change = change.kind;
    event_.summary = change.summary;
    event_.ts = change.ts;
    return true;
  }
  bool take(const log_line& log) {
    event_.type = event_type::log;
    event_.entity = log.entity;
    event_.body = log.body;
    event_.severity = log.severity;
    event_.ts = log.ts;
    return true;
  }
  bool take(const span_row& span) {
    event_.type = event_type::span;
    event_.entity = span.entity;
    event_.trace = span.trace;
    event_.span = span.span;
    event_.parent = span.parent;
    event_.operation = span.operation;
    event_.peer = span.peer;
    event_.duration_us = span.duration_us;
    event_.status = span.status;
    event_.ts = span.ts;
    return true;
  }
  bool take(const telemetry_row& row) {
    const entity_series& series = source_.entities[row.entity];
    event_.type = event_type::metric;
    event_.entity = series.id;
    event_.ts = row.ts;
    for (std::size_t i = 0; i < row.count; ++i)
      if (std::isfinite(row.values[i]))
        event_.metrics.push_back({series.metrics[i], row.values[i], metric_kind::gauge});
    return true;
  }

  const telemetry& source_;
  milliseconds shift_;
  row_cursor rows_;
  std::vector<std::size_t> log_order_, span_order_, change_order_;
  std::size_t edge_ = 0, log_ = 0, span_ = 0, change_ = 0;
  event_time first_{};
  event_view event_;
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace

std::optional<time_span> span_of(const telemetry& t) {
  std::optional<time_span> span;
  const auto add = [&](event_time ts) {
    if (!span) span = time_span{ts, ts};
    span->first = std::min(span->first, ts);
    span->last = std::max(span->last, ts);
  };
  for (const auto& series : t.entities) {
    if (series.ts.empty()) continue;
    add(series.ts.front());
    add(series.ts.back());
  }
  for (const auto& log : t.logs) add(log.ts);
  for (const auto& row : t.spans) add(row.ts);
  for (const auto& change : t.changes) add(change.ts);
  return span;
}

std::unique_ptr<event_input> recording_input(const telemetry& t, milliseconds shift) {
  return std::make_unique<recording_stream>(t, shift);
}

}  // namespace faultline
