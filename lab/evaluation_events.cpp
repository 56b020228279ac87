// SPDX-License-Identifier: Apache-2.0
#include "lab/evaluation_events.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace faultline {

namespace {

/// Indices of @p rows in the order in which they are known; equal stamps stay in their order.
template <class Row>
std::vector<std::size_t> by_time(const std::vector<Row>& rows) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return known_at(rows[a]) < known_at(rows[b]);
  });
  return order;
}

/// The row at place @p at of @p order, when it is due by @p limit; nullptr otherwise.
template <class Row>
const Row* due(const std::vector<Row>& rows, const std::vector<std::size_t>& order, std::size_t at,
               event_time limit) {
  return at < order.size() && known_at(rows[order[at]]) <= limit ? &rows[order[at]] : nullptr;
}

}  // namespace

evaluation_events::evaluation_events(const telemetry& source)
    : source_{source},
      rows_{source},
      change_order_{by_time(source.changes)},
      log_order_{by_time(source.logs)},
      span_order_{by_time(source.spans)} {
  first_ = rows_.peek().value_or(event_time::max());
  if (!source.changes.empty()) first_ = std::min(first_, source.changes[change_order_[0]].ts);
  if (!source.logs.empty()) first_ = std::min(first_, source.logs[log_order_[0]].ts);
  for (const span_row& span : source.spans) first_ = std::min(first_, span.ts);
  if (first_ == event_time::max()) first_ = source.train_until;
}

const event_view* evaluation_events::next() {
  while (step()) {
    if (event_.type == event_type::metric && event_.metrics.empty()) continue;
    event_.has_ts = true;
    return &event_;
  }
  return nullptr;
}

bool evaluation_events::step() {
  event_.clear();
  const auto known = [&](event_time at) { event_.arrived = arrival_time_of(unix_ms(at)); };
  if (edge_ < source_.edges.size()) {
    const dependency& edge = source_.edges[edge_++];
    known(first_);
    return take(edge.from, edge.to, edge.kind, first_);
  }
  const event_time row_at = rows_.peek().value_or(event_time::max());
  const auto* change = due(source_.changes, change_order_, change_, row_at);
  const auto* log = due(source_.logs, log_order_, log_, row_at);
  const auto* span = due(source_.spans, span_order_, span_, row_at);
  const event_time log_at = log != nullptr ? log->ts : row_at;
  const event_time span_at = span != nullptr ? known_at(*span) : row_at;
  // Of one time a change comes first, then a line, a span, a row.
  if (change != nullptr && change->ts <= std::min(log_at, span_at)) {
    ++change_;
    known(change->ts);
    return take(*change);
  }
  if (log != nullptr && log_at <= span_at) {
    ++log_;
    known(log_at);
    return take(*log);
  }
  if (span != nullptr) {
    ++span_;
    known(span_at);
    return take(*span);
  }
  known(row_at);
  const auto row = rows_.next();
  return row && take(*row);
}

bool evaluation_events::take(const std::string& from, const std::string& to, edge_kind kind,
                             event_time ts) {
  event_.type = event_type::edge;
  event_.entity = from;
  event_.depends_on.push_back(to);
  event_.edge = kind;
  event_.ts = ts;
  return true;
}

bool evaluation_events::take(const change_row& change) {
  event_.type = event_type::change;
  event_.entity = change.entity;
  event_.change = change.kind;
  event_.summary = change.summary;
  event_.ts = change.ts;
  return true;
}

bool evaluation_events::take(const log_line& log) {
  event_.type = event_type::log;
  event_.entity = log.entity;
  event_.body = log.body;
  event_.severity = log.severity;
  event_.ts = log.ts;
  return true;
}

bool evaluation_events::take(const span_row& span) {
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

bool evaluation_events::take(const telemetry_row& row) {
  const entity_series& series = source_.entities[row.entity];
  event_.type = event_type::metric;
  event_.entity = series.id;
  event_.ts = row.ts;
  for (std::size_t i = 0; i < row.count; ++i)
    if (std::isfinite(row.values[i]))
      event_.metrics.push_back({series.metrics[i], row.values[i], metric_kind::gauge});
  return true;
}

std::size_t count_events(const telemetry& t) noexcept {
  std::size_t events = t.logs.size() + t.spans.size() + t.changes.size() + t.edges.size();
  for (const auto& series : t.entities) events += series.rows();
  return events;
}

}  // namespace faultline
