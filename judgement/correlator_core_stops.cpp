// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/alert_lifecycle.hpp"
#include "judgement/correlator_core_impl.hpp"

namespace faultline {

// Entities of which nothing is heard any more from the same moment on have one thing in common: who
// sends for them, or the way to us. Silences are told when each entity's own patience is over, but
// when each was last heard of shows that they began together: they are one incident, whether
// anything connects the entities or not.

namespace {

/// Last events are of one moment when they lie within so many intervals of either entity: a
/// collector sends for all once an interval.
constexpr double intervals_apart = 2;
constexpr std::int64_t least_apart_ms = 10'000;

}  // namespace

std::optional<stop_mark> stop_of(const alert& a) {
  if (!a.source.empty() || a.metric != silence_metric || a.contributors.empty())
    return std::nullopt;
  const alert_contributor& silence = a.contributors.front();
  const auto ms = [](double s) {
    return milliseconds{static_cast<std::int64_t>(1000 * std::clamp(s, 0.0, 1e9))};
  };
  return stop_mark{a.started - ms(silence.actual), ms(silence.expected)};
}

bool together(const stop_mark& a, const stop_mark& b) {
  const auto apart =
      a.last_heard > b.last_heard ? a.last_heard - b.last_heard : b.last_heard - a.last_heard;
  const auto intervals = std::chrono::duration<double, std::milli>{
      intervals_apart * static_cast<double>(std::max(a.interval, b.interval).count())};
  return apart <= milliseconds{least_apart_ms} || apart <= intervals;
}

/// The oldest incident that @p a fits and that holds what stopped with it.
std::optional<incident_key> correlator_core::impl::stopped_with(const alert& a) const {
  const auto stop = stop_of(a);
  if (!stop) return std::nullopt;
  for (const auto& [key, i] : incidents)
    if (i.stopped && together(*i.stopped, *stop) && fits(i, a.started)) return key;
  return std::nullopt;
}

/// @p a has come into @p i. The first that stopped says when that was. @returns whether @p a
/// stopped with it.
bool correlator_core::impl::note_stop(tracked_incident& i, const alert& a) {
  const auto stop = stop_of(a);
  if (!stop) return false;
  const bool first = !i.stopped;
  if (first) i.stopped = stop;
  const bool with = together(*i.stopped, *stop);
  if (with) ++i.stops;
  return with && !first;
}

/// What follows from the members of @p i, after others than newcomers have changed them.
void correlator_core::impl::count_stops(tracked_incident& i) const {
  i.stopped.reset();
  i.stops = 0;
  for (const std::string& id : i.record.alerts) note_stop(i, alerts.at(id).alert);
}

}  // namespace faultline
