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
  fresh->name = name;
  fresh->at = {};
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

void told_series::add(std::size_t at, std::string_view name, const peer_step& more) {
  peer* p = peer_named(name);
  if (p == nullptr) {
    left_out_ += more.spans;
    return;
  }
  p->at[at].spans += more.spans;
  p->at[at].failed += more.failed;
  p->at[at].duration_ms += more.duration_ms;
}

void told_series::note_calls(event_time ts, const inner_calls& inner, std::string_view callee) {
  spans_ = true;
  const std::size_t at = place(ts);
  if (at == steps) return;
  const auto took = static_cast<float>(static_cast<double>(inner.duration_us) / 1000);
  const peer_step sum{inner.calls, inner.failed, std::min(took, 1e12F)};
  add(at, {}, sum);
  if (!callee.empty()) add(at, callee, sum);
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
//           left_out(u64)
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
  return in.ok() && (version < 12 || in.get(left_out_));
}

std::size_t told_series::memory_bytes() const noexcept {
  std::size_t bytes = sizeof *this + peers_.capacity() * sizeof(peer);
  for (const peer& p : peers_) bytes += p.name.capacity();
  return bytes;
}

double counting_noise(std::string_view series, double median) noexcept {
  if (series.find("latency") != std::string_view::npos) return 0;
  return std::sqrt(std::max(median, 0.0) + 1);
}

}  // namespace faultline
