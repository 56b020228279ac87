// SPDX-License-Identifier: Apache-2.0
#include "processing/span_joiner.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "messages/identity.hpp"

namespace faultline {
namespace {

std::uint64_t key_of(std::string_view trace, std::string_view span) {
  return stable_hash(span, stable_hash(trace));
}

std::int64_t step_of(event_time ts) {
  const std::int64_t ms = unix_ms(ts);
  return ms - (ms % span_joiner::step_ms + span_joiner::step_ms) % span_joiner::step_ms;
}

}  // namespace

void fill_event(const joined_calls& calls, arrival_time now, event_view& out) {
  out.clear();
  out.type = event_type::calls;
  out.entity = calls.caller;
  out.has_ts = true;
  out.ts = calls.step;
  out.arrived = now;
  out.peer = calls.callee;
  out.calls = calls.calls;
  out.failed = calls.failed;
  out.duration_us = calls.duration_us;
}

std::uint32_t span_joiner::generation::name(std::string_view entity) {
  const auto [at, fresh] =
      index.try_emplace(std::string{entity}, static_cast<std::uint32_t>(names.size()));
  if (fresh) names.emplace_back(entity);
  return at->second;
}

void span_joiner::grow_old(std::int64_t now_ms) {
  if (since_ms_ == 0) since_ms_ = now_ms;
  const bool full = std::max(young_.spans.size(), young_.waiting.size()) >= most_spans;
  if (!full && now_ms - since_ms_ < memory_ms) return;
  since_ms_ = std::max(since_ms_, now_ms);
  counts_.orphans += old_.waiting.size() - old_.joined;
  old_ = std::exchange(young_, {});
}

void span_joiner::note(const event_view& span) {
  if (span.type != event_type::span) return;
  grow_old(unix_ms(span.ts));
  const auto key = key_of(span.trace, span.span);
  const outer_span self{young_.name(span.entity), step_of(span.ts), !span.peer.empty()};
  if (!young_.spans.try_emplace(key, self).second || old_.spans.count(key) != 0) return;
  find_inner(old_, key, span);
  find_inner(young_, key, span);
  if (span.parent.empty()) return;
  const auto outer = key_of(span.trace, span.parent);
  const bool failed = span.status == span_status::error;
  for (const auto* of : {&young_, &old_}) {
    const auto found = of->spans.find(outer);
    if (found == of->spans.end()) continue;
    ++counts_.joined;
    return add(of->names[found->second.entity], found->second, span.entity, span.duration_us,
               failed);
  }
  auto& head = young_.heads[outer];
  young_.waiting.push_back({self.entity, head, failed, span.duration_us});
  head = static_cast<std::uint32_t>(young_.waiting.size());
}

// What came before the span that it lies in.
void span_joiner::find_inner(generation& of, std::uint64_t key, const event_view& outer) {
  const auto found = of.heads.find(key);
  if (found == of.heads.end()) return;
  const outer_span place{0, step_of(outer.ts), !outer.peer.empty()};
  for (auto at = found->second; at != 0;) {
    const inner_span& inner = of.waiting[at - 1];
    add(outer.entity, place, of.names[inner.entity], inner.duration_us, inner.failed);
    ++counts_.joined;
    ++of.joined;
    at = inner.next;
  }
  of.heads.erase(found);
}

void span_joiner::add(std::string_view caller, const outer_span& outer, std::string_view callee,
                      std::uint64_t duration_us, bool failed) {
  if (outer.told_peer) callee = caller;
  const auto key = stable_hash(callee, stable_hash(caller, static_cast<std::uint64_t>(outer.step)));
  auto at = sums_.find(key);
  if (at == sums_.end()) {
    if (sums_.size() >= most_sums) {
      ++counts_.dropped;
      return;
    }
    at = sums_.try_emplace(key).first;
    at->second.caller = caller, at->second.callee = callee;
    at->second.step = event_time_of(outer.step);
  }
  auto& sum = at->second;
  ++sum.calls;
  sum.failed += failed ? 1 : 0;
  sum.duration_us += duration_us;
}

std::vector<joined_calls> span_joiner::drain() {
  std::vector<joined_calls> all;
  all.reserve(sums_.size());
  for (auto& [key, sum] : sums_) all.push_back(std::move(sum));
  sums_.clear();
  std::sort(all.begin(), all.end(), [](const joined_calls& a, const joined_calls& b) {
    return std::tie(a.caller, a.callee, a.step) < std::tie(b.caller, b.callee, b.step);
  });
  return all;
}

std::size_t span_joiner::remembered() const noexcept {
  return young_.spans.size() + old_.spans.size();
}

}  // namespace faultline
