// SPDX-License-Identifier: Apache-2.0
// Calls between entities, as spans show them: see span_joiner.
#include <mutex>

#include "actors/ingress.hpp"

namespace faultline {
namespace {

constexpr milliseconds calls_told_every{5'000};

}  // namespace

bool ingress::calls_due(arrival_time now) const {
  if (joiner_.is_crowded()) return true;
  return joiner_.has_calls() && (now < calls_told_ || now - calls_told_ >= calls_told_every);
}

/// What spans showed of one another becomes records of the callers: from here on the log knows.
void ingress::tell_calls(group_commit::intake& into, arrival_time now) {
  calls_told_ = now;
  event_view told;
  auto& sums = counters_.doors;
  for (const auto& calls : joiner_.drain()) {
    fill_event(calls, now, told);
    into.add(told);
    sums.derived.fetch_add(1, std::memory_order_relaxed);
  }
}

void ingress::count_spans() {
  auto& sums = counters_.doors;
  const auto& n = joiner_.counted();
  sums.spans_joined.store(n.joined, std::memory_order_relaxed);
  sums.spans_orphaned.store(n.orphans, std::memory_order_relaxed);
  sums.spans_left_early.store(n.left_early, std::memory_order_relaxed);
  sums.join_bytes.store(joiner_.memory_bytes(), std::memory_order_relaxed);
  sums.calls_dropped.store(n.dropped, std::memory_order_relaxed);
}

// Always: what there is no room for is shed by who sent how much, not left in buffers where the one
// who sends most has most. Calls wait here when no more spans come.
bool ingress::may_read_events() {
  const auto now = now_();
  const std::lock_guard<std::mutex> guard{publishers_.mutex()};
  if (calls_due(now) && into_.has_room()) {
    auto into = into_.begin();
    tell_calls(into, now);
    into.wake();
  }
  return true;
}

}  // namespace faultline
