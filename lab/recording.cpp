// SPDX-License-Identifier: Apache-2.0
#include "lab/recording.hpp"

#include <algorithm>
#include <utility>

#include "messages/durations.hpp"

namespace faultline {

namespace {

void cut(entity_series& series, event_time until) {
  const auto end = std::lower_bound(series.ts.begin(), series.ts.end(), until);
  series.ts.erase(end, series.ts.end());
  series.values.resize(series.ts.size() * series.metrics.size());
}

template <class Rows>
void cut_rows(Rows& rows, event_time until) {
  rows.erase(std::remove_if(rows.begin(), rows.end(),
                            [until](const auto& row) { return known_at(row) >= until; }),
             rows.end());
}

}  // namespace

std::optional<std::size_t> entity_series::column(std::string_view metric) const noexcept {
  const auto at = std::find(metrics.begin(), metrics.end(), metric);
  if (at == metrics.end()) return std::nullopt;
  return static_cast<std::size_t>(at - metrics.begin());
}

std::optional<std::size_t> telemetry::find(std::string_view id) const noexcept {
  for (std::size_t e = 0; e < entities.size(); ++e)
    if (entities[e].id == id) return e;
  return std::nullopt;
}

event_time known_at(const span_row& span) noexcept {
  constexpr std::uint64_t most = day_ms;
  return span.ts + milliseconds{std::min<std::uint64_t>(span.duration_us / 1000, most)};
}

telemetry before(telemetry whole, event_time until) {
  for (auto& series : whole.entities) cut(series, until);
  cut_rows(whole.logs, until);
  cut_rows(whole.spans, until);
  cut_rows(whole.changes, until);
  return whole;
}

event_time scored_from(const telemetry& t) noexcept {
  if (t.train_recording.empty()) return t.train_until;
  event_time first = event_time::max();
  for (const auto& series : t.entities)
    if (!series.ts.empty()) first = std::min(first, series.ts.front());
  return first == event_time::max() ? t.train_until : first;
}

outcome<telemetry> read_training_part(const std::filesystem::path& path, const telemetry& scored) {
  if (scored.train_recording.empty()) return before(scored, scored.train_until);
  auto other = read_telemetry((path / scored.train_recording).lexically_normal());
  if (!other) return other;
  if (!other->train_recording.empty())
    return failure{ec::malformed, other->name + ": a training recording names another one"};
  const event_time until = other->train_until;
  return before(std::move(*other), until);
}

}  // namespace faultline
