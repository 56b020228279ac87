// SPDX-License-Identifier: Apache-2.0
#include "judgement/told_series.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace faultline {
namespace {

constexpr std::size_t longest_name = 256;
constexpr float nothing = std::numeric_limits<float>::quiet_NaN();

std::int64_t number_of(event_time ts) {
  const std::int64_t ms = unix_ms(ts);
  return ms / told_series::step_ms - (ms % told_series::step_ms < 0 ? 1 : 0);
}

std::size_t slot_of(std::int64_t number) {
  constexpr auto size = static_cast<std::int64_t>(told_series::steps);
  return static_cast<std::size_t>((number % size + size) % size);
}

std::int64_t turn_of(event_time ts) { return number_of(ts) / told_series::turn_steps; }

float mean_of(float sum, std::uint32_t count) {
  return count == 0 ? nothing : sum / static_cast<float>(count);
}

}  // namespace

std::size_t told_series::place(event_time ts) {
  constexpr auto kept = static_cast<std::int64_t>(steps);
  const std::int64_t number = number_of(ts);
  if (first_ == 0) first_ = newest_ = number;
  if (number <= newest_ - kept) return steps;
  first_ = std::min(first_, number);
  for (std::int64_t n = std::max(newest_ + 1, number - kept + 1); n <= number; ++n) {
    steps_[slot_of(n)] = {};
    for (peer& p : peers_) p.at[slot_of(n)] = {};
  }
  newest_ = std::max(newest_, number);
  return slot_of(number);
}

told_series::peer* told_series::peer_named(std::string_view name) {
  for (peer& p : peers_) {
    if (p.name == name) return &p;
  }
  if (name.size() > longest_name) return nullptr;
  const auto named = static_cast<std::size_t>(
      std::count_if(peers_.begin(), peers_.end(), [](const peer& p) { return !p.name.empty(); }));
  peer* fresh = nullptr;
  if (named < most_peers || name.empty()) {
    fresh = &peers_.emplace_back();
  } else {
    const auto idle = std::find_if(peers_.begin(), peers_.end(), [](const peer& p) {
      const auto quiet = [](const peer_step& s) { return s.spans == 0; };
      return !p.name.empty() && std::all_of(p.at.begin(), p.at.end(), quiet);
    });
    if (idle == peers_.end()) return nullptr;
    fresh = &*idle;
  }
  *fresh = {};
  fresh->name = name;
  return fresh;
}

void told_series::note_log(event_time ts, log_severity severity) {
  logs_ = true;
  const std::size_t at = place(ts);
  if (at == steps) return;
  ++steps_[at].lines;
  if (severity >= log_severity::error) ++steps_[at].errors;
  if (severity == log_severity::warn) ++steps_[at].warnings;
}

void told_series::note_span(event_time ts, double duration_ms, bool failed,
                            std::string_view callee) {
  spans_ = true;
  const std::size_t at = place(ts);
  if (at == steps) return;
  const auto took = static_cast<float>(std::min(duration_ms, 1e9));
  ++steps_[at].spans;
  steps_[at].failed += failed ? 1 : 0;
  steps_[at].duration_ms += took;
  if (!callee.empty()) add(at, callee, {1, failed ? 1U : 0U, took});
}

told_series::peer* told_series::add(std::size_t at, std::string_view name, const peer_step& more) {
  peer* p = peer_named(name);
  if (p == nullptr) {
    left_out_ += more.spans;
    return nullptr;
  }
  p->at[at].spans += more.spans;
  p->at[at].failed += more.failed;
  p->at[at].duration_ms += more.duration_ms;
  return p;
}

void told_series::turn::add(const inner_calls& more) {
  calls += more.calls;
  failed += more.failed;
  if (more.took != nullptr) took.merge(*more.took);
}

// The time of the calls alone turns: in whatever order they come, what a turn holds is the same.
void told_series::turn_to(std::int64_t number) noexcept {
  if (number <= turn_) return;
  for (peer& p : peers_) {
    p.before.clear();
    if (number == turn_ + 1) std::swap(p.before, p.now);
    p.now.clear();
  }
  turn_ = number;
}

void told_series::note_calls(event_time ts, const inner_calls& inner, std::string_view callee) {
  spans_ = true;
  const std::size_t at = place(ts);
  if (at == steps) return;
  const auto took = static_cast<float>(static_cast<double>(inner.duration_us) / 1000);
  const peer_step sum{inner.calls, inner.failed, std::min(took, 1e12F)};
  add(at, {}, sum);
  if (callee.empty()) return;
  turn_to(turn_of(ts));
  peer* const p = add(at, callee, sum);
  const auto ago = turn_ - turn_of(ts);
  if (p == nullptr || ago > 1) return;
  (ago == 0 ? p->now : p->before).add(inner);
  p->last_ms = std::max(p->last_ms, unix_ms(ts));
}

std::vector<operation_status> told_series::calls(event_time as_of) const {
  constexpr std::int64_t told_within_ms = 40'000;  // the door's memory of spans, and its pace
  const auto ago = std::max<std::int64_t>(turn_of(as_of) - turn_, 0);
  const std::int64_t begin_ms =
      std::max(first_, (turn_ - (ago == 0 ? 1 : 0)) * turn_steps) * step_ms;
  std::vector<operation_status> all;
  for (const peer& p : peers_) {
    if (ago > 1 || p.now.calls + (ago == 0 ? p.before.calls : 0) == 0) continue;
    turn recent = p.now;
    if (ago == 0) recent.add({p.before.calls, p.before.failed, 0, &p.before.took});
    operation_status& s = all.emplace_back();
    s.peer = p.name;
    const auto end_ms = std::max(p.last_ms + step_ms / 3, unix_ms(as_of) - told_within_ms);
    s.rate = recent.calls * 1000.0 / static_cast<double>(std::max(end_ms - begin_ms, step_ms / 3));
    s.error_share = static_cast<double>(recent.failed) / recent.calls;
    s.p50_ms = recent.took.quantile(0.5) / 1000;
    s.p95_ms = recent.took.quantile(0.95) / 1000;
    s.p99_ms = recent.took.quantile(0.99) / 1000;
    s.usual_p95_ms = s.usual_error_share = std::numeric_limits<double>::quiet_NaN();
    s.last_ms = p.last_ms;
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.rate > b.rate; });
  return all;
}

std::shared_ptr<entity_window> told_series::window(event_time as_of) const {
  // The step that contains as_of has not ended. Behind the newest nothing was said: zeros.
  const std::int64_t end = number_of(as_of);
  const std::int64_t begin =
      std::max(first_, std::max(newest_, end - 1) - static_cast<std::int64_t>(steps) + 1);
  if (first_ == 0 || begin >= end) return nullptr;
  auto w = std::make_shared<entity_window>();
  w->tick_ms = step_ms;
  for (std::int64_t n = begin; n < end; ++n) w->ts.push_back(event_time_of((n + 1) * step_ms));
  const auto add = [&](std::string name, const std::function<float(std::size_t)>& value,
                       bool mean) {
    metric_window& m = w->metrics.emplace_back();
    m.name = std::move(name);
    for (std::int64_t n = begin; n < end; ++n) {
      m.values.push_back(n <= newest_ ? value(slot_of(n)) : (mean ? nothing : 0.0F));
    }
  };
  const auto count = [&](const char* name, std::uint32_t step::*member) {
    add(
        name, [&](std::size_t s) { return static_cast<float>(steps_[s].*member); }, false);
  };
  if (logs_) {
    count("log.lines", &step::lines);
    count("log.warnings", &step::warnings);
    count("log.errors", &step::errors);
  }
  if (!spans_) return w;
  count("span.requests", &step::spans);
  count("span.errors", &step::failed);
  add(
      "span.latency_ms",
      [&](std::size_t s) { return mean_of(steps_[s].duration_ms, steps_[s].spans); }, true);
  for (const peer& p : peers_) {
    if (p.name.empty()) {
      add(
          "span.self_ms",
          [&](std::size_t s) {
            const float own = steps_[s].duration_ms - p.at[s].duration_ms;
            return mean_of(std::max(own, 0.0F), steps_[s].spans);
          },
          true);
      continue;
    }
    add(
        "out_latency_ms." + p.name,
        [&](std::size_t s) { return mean_of(p.at[s].duration_ms, p.at[s].spans); }, true);
    add(
        "out_errors." + p.name, [&](std::size_t s) { return static_cast<float>(p.at[s].failed); },
        false);
  }
  return w;
}

// series := first(i64) newest(i64) flags(u8: 1 logs, 2 spans) step* peers(u8, (name peer_step*)*)
//           left_out(u64) turn(i64) calls*;  of each peer in the order above
// calls  := now before last(i64);  now, before := calls(u32) failed(u32) sketch
void told_series::save(byte_writer& out) const {
  out.put(first_);
  out.put(newest_);
  out.put(static_cast<std::uint8_t>((logs_ ? 1 : 0) | (spans_ ? 2 : 0)));
  out.put(steps_);
  out.put(static_cast<std::uint8_t>(peers_.size()));
  for (const peer& p : peers_) {
    out.put_text(p.name);
    out.put(p.at);
  }
  out.put(left_out_);
  out.put(turn_);
  for (const peer& p : peers_) {
    for (const turn* t : {&p.now, &p.before}) {
      out.put(t->calls);
      out.put(t->failed);
      t->took.save(out);
    }
    out.put(p.last_ms);
  }
}

bool told_series::restore_calls(byte_reader& in) {
  in.get(turn_);
  for (peer& p : peers_) {
    for (turn* t : {&p.now, &p.before}) {
      in.get(t->calls);
      in.get(t->failed);
      if (!t->took.restore(in) || t->failed > t->calls || t->took.count() > t->calls) return false;
    }
    in.get(p.last_ms);
  }
  return in.ok();
}

bool told_series::restore(byte_reader& in, std::uint8_t version) {
  std::uint8_t flags = 0, count = 0;
  in.get(first_);
  in.get(newest_);
  in.get(flags);
  if (!in.get(steps_) || !in.get(count) || count > most_peers + 1 || flags > 3) return false;
  if (newest_ < first_) return false;
  logs_ = (flags & 1) != 0;
  spans_ = (flags & 2) != 0;
  for (const step& s : steps_) {
    if (!std::isfinite(s.duration_ms)) return false;
  }
  for (std::uint8_t n = 0; n < count; ++n) {
    peer& p = peers_.emplace_back();
    if (!in.get_text(p.name, longest_name) || !in.get(p.at)) return false;
    for (const peer_step& s : p.at) {
      if (!std::isfinite(s.duration_ms)) return false;
    }
  }
  if (version > 11) in.get(left_out_);
  return in.ok() && (version < 14 || restore_calls(in));
}

std::size_t told_series::memory_bytes() const noexcept {
  std::size_t bytes = sizeof *this + peers_.capacity() * sizeof(peer);
  for (const peer& p : peers_)
    bytes += p.name.capacity() + p.now.took.memory_bytes() + p.before.took.memory_bytes();
  return bytes;
}

double counting_noise(std::string_view series, double median) noexcept {
  if (series.find("latency") != std::string_view::npos) return 0;
  return std::sqrt(std::max(median, 0.0) + 1);
}

}  // namespace faultline
