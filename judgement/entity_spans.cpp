// SPDX-License-Identifier: Apache-2.0
#include "judgement/entity_spans.hpp"

#include <algorithm>

namespace faultline {

const std::array<const char*, entity_spans::channels> entity_spans::names{
    "span.requests_rate", "span.error_share", "span.p95_ms", worst_operation};

bool is_span_channel(std::string_view name) noexcept {
  return std::find(entity_spans::names.begin(), entity_spans::names.end(), name) !=
         entity_spans::names.end();
}

void entity_spans::take(const event_view& span) {
  durations_.add(static_cast<double>(span.duration_us));
  failed_ += span.status == span_status::error ? 1 : 0;
  operations_.take(span);
}

entity_spans::values entity_spans::close(event_time ts, double dt_s, bool learn) {
  values v;
  const auto spans = static_cast<double>(durations_.count());
  v.rate = spans / std::max(dt_s, 1e-3);
  v.error_share = failed_ / (spans + 1);
  v.p95_ms = durations_.quantile(0.95) / 1000;
  v.worst = operations_.close(ts, dt_s, learn);
  if (!operations_.telling().empty()) told_.push_back({ts, operations_.telling()});
  durations_.clear();
  failed_ = 0;
  return v;
}

std::string entity_spans::telling(event_time ts) const {
  for (const auto& t : told_)
    if (t.tick == ts) return t.text;
  return {};
}

void entity_spans::judged(event_time ts) {
  told_.erase(
      std::remove_if(told_.begin(), told_.end(), [&](const told& t) { return t.tick <= ts; }),
      told_.end());
}

std::size_t entity_spans::memory_bytes() const noexcept {
  return sizeof *this + durations_.memory_bytes() + operations_.memory_bytes() +
         told_.capacity() * sizeof(told);
}

void entity_spans::save(byte_writer& out) const {
  out.put(newest_ms_);
  out.put(failed_);
  durations_.save(out);
  operations_.save(out);
}

bool entity_spans::restore(byte_reader& in, std::uint8_t version) {
  if (version > 10) in.get(newest_ms_);
  if (!in.get(failed_) || !durations_.restore(in) || failed_ > durations_.count()) return false;
  return version < 12 || operations_.restore(in);
}

}  // namespace faultline
