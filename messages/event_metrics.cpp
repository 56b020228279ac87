// SPDX-License-Identifier: Apache-2.0
//
// The metrics of one event: which names count, and what a name or a map that comes again changes.
#include "messages/internal/event_builder.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "messages/text.hpp"

namespace faultline {

void event_builder::open_values(metric_kind kind) {
  bool& seen = saw_[static_cast<std::size_t>(kind)];
  kind_ = kind;
  if (seen) {  // the key came twice and the last counts: nothing is left of the first one
    for (std::size_t i = now_.metrics.from; i < metrics_.size(); ++i) {
      metric_point& m = metrics_[i];
      if (m.kind != kind || m.name.empty()) continue;
      m.name = {};
      ++taken_back_;
      gaps_ = true;
    }
  }
  seen = true;
}

/// For one name more, where as many stand there as may. What was taken back is no name, and is
/// cleared away when it is as much again: each time that costs as little as reading it did.
bool event_builder::make_room() {
  const auto from = metrics_.begin() + now_.metrics.from;
  const auto here = static_cast<std::size_t>(metrics_.end() - from);
  if (here - taken_back_ == payload_limits::metrics) {
    note(event_type::metric, reject_reason::too_many_values, "more than 256 metrics in one event");
    return false;
  }
  if (here < 2 * payload_limits::metrics) return true;
  metrics_.erase(
      std::remove_if(from, metrics_.end(), [](const metric_point& m) { return m.name.empty(); }),
      metrics_.end());
  taken_back_ = 0;
  next_generation();
  for (std::size_t i = now_.metrics.from; i < metrics_.size(); ++i)
    put(find_slot(metrics_[i].name), i);
  return true;
}

void event_builder::metric_name(std::string_view name) {
  name_ok_ = false;
  if (name.empty() || name.size() > payload_limits::metric_name_bytes)
    return note(event_type::metric, reject_reason::bad_metric_name,
                "a metric name is empty or longer than 128 bytes");
  if (check_name(name) != text_fault::none)
    return note(event_type::metric, reject_reason::bad_metric_name,
                "a metric name is not UTF-8 or has control characters");
  name_ok_ = true;
  name_ = keep(name);
}

event_builder::slot& event_builder::find_slot(std::string_view name) noexcept {
  // At most 512 of 1024 slots are in use, so that a free one is always near.
  const std::uint64_t hash = XXH3_64bits(name.data(), name.size());
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  std::size_t at = hash % slots_.size();
  for (;; at = (at + 1) % slots_.size()) {
    slot& s = slots_[at];
    if (s.generation != generation_) {
      s.tag = tag;
      return s;
    }
    if (s.tag == tag && metrics_[s.metric].name == name) return s;
  }
}

void event_builder::next_generation() noexcept {
  if (++generation_ != 0) return;
  slots_.fill({});  // the counter went round: old entries must not look fresh
  generation_ = 1;
}

void event_builder::add_value(double v) {
  if (!name_ok_) return;
  if (!std::isfinite(v)) gaps_ = true;
  slot* s = &find_slot(name_);
  if (s->generation == generation_) {
    metrics_[s->metric].value = v;
    metrics_[s->metric].kind = kind_;
    return;
  }
  if (metrics_.size() - now_.metrics.from >= payload_limits::metrics) {
    if (!make_room()) return;
    s = &find_slot(name_);
  }
  put(*s, metrics_.size());
  metrics_.push_back({name_, v, kind_});
}

void event_builder::close_gaps() {
  const auto from = metrics_.begin() + now_.metrics.from;
  const auto none = [](const metric_point& m) { return m.name.empty() || !std::isfinite(m.value); };
  for (auto m = from; m != metrics_.end(); ++m)
    if (!m->name.empty() && none(*m)) dropped_.push_back(m->name);
  metrics_.erase(std::remove_if(from, metrics_.end(), none), metrics_.end());
}

}  // namespace faultline
