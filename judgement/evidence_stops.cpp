// SPDX-License-Identifier: Apache-2.0
#include "judgement/evidence_stops.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "judgement/evidence_edges.hpp"

namespace faultline {
namespace {

/// Ticks in a row without a value: [first, end) of a window.
struct pause_run {
  std::size_t first = 0, end = 0;
  std::size_t length() const noexcept { return end - first; }
};

pause_run longest_pause(const std::vector<float>& values, const window_parts& parts) {
  pause_run best, now{parts.changed, parts.changed};
  for (std::size_t n = parts.changed; n < std::min(parts.end, values.size()); ++n) {
    now.end = n + 1;
    if (!std::isnan(values[n])) now.first = now.end;
    if (now.length() > best.length()) best = now;
  }
  return best;
}

/// Log of how much likelier the pause is when the calls have stopped, chance of one somewhere in
/// the part allowed for; nothing of what did not come in nearly every tick.
std::optional<double> pause_lr(const std::vector<float>& values, const window_parts& parts,
                               const pause_run& pause, const evidence_weights& w) {
  const std::size_t count = parts.last - parts.first;
  if (pause.length() < w.stop_ticks || count < w.min_baseline) return std::nullopt;
  const auto present =
      static_cast<double>(std::count_if(values.begin() + static_cast<std::ptrdiff_t>(parts.first),
                                        values.begin() + static_cast<std::ptrdiff_t>(parts.last),
                                        [](float v) { return !std::isnan(v); }));
  if (present < w.stop_regular * static_cast<double>(count)) return std::nullopt;
  const double missed = 1 - (present + 0.5) / (static_cast<double>(count) + 1);
  const auto places = static_cast<double>(parts.end - parts.changed - pause.length() + 1);
  const double each = std::min(w.stop_each, -std::log(missed));
  return std::min(w.stop_most, each * static_cast<double>(pause.length()) - std::log(places));
}

/// Whether @p w shows work in [from, to]: a call other than with @p peer, an answer, or traffic.
bool works(const entity_window& w, const std::vector<seen_series>& seen, event_time from,
           event_time to, std::string_view peer) {
  for (std::size_t m = 0; m < seen.size(); ++m) {
    const metric_meaning& what = seen[m].meaning;
    const bool call = what.scope == metric_scope::out || what.scope == metric_scope::in;
    if (call ? what.peer == peer
             : what.scope == metric_scope::machine ||
                   (what.role != metric_role::latency && what.role != metric_role::traffic))
      continue;
    const std::vector<float>& values = w.metrics[m].values;
    for (std::size_t n = 0; n < std::min(values.size(), w.ts.size()); ++n)
      if (w.ts[n] >= from && w.ts[n] <= to && values[n] > 0) return true;
  }
  return false;
}

class stop_gatherer {
public:
  stop_gatherer(const rca_question& q, const seen_question& seen, const evidence_weights& weights)
      : q_{q}, seen_{seen}, weights_{weights} {}

  /// Of the calls that the node of @p call measures.
  void look(const peer_metric& call) {
    const entity_window& w = call.window(q_);
    const window_parts& parts = (call.told ? seen_.told_parts : seen_.parts)[call.from];
    const std::vector<float>& values = w.metrics[call.metric].values;
    const pause_run pause = longest_pause(values, parts);
    const auto lr = pause_lr(values, parts, pause, weights_);
    if (!lr || *lr <= 0) return;
    const event_time since = w.ts[pause.first], until = w.ts[pause.end - 1];
    if (!caller_works(call, since, until)) return;
    stopped_calls& known = found_[{call.from, call.to}];
    if (known.lr >= *lr) return;
    const bool open = pause.end == std::min(parts.end, values.size());
    const auto lasting = until - since + milliseconds{w.tick_ms};
    known = {call.from,
             call.to,
             *lr,
             since,
             until,
             w.tick_ms,
             open && lasting < milliseconds{weights_.stop_hang_ms},
             w.metrics[call.metric].name};
  }

  std::vector<stopped_calls> found() const {
    std::vector<stopped_calls> all;
    for (const auto& [ends, stop] : found_) all.push_back(stop);
    return all;
  }

private:
  bool caller_works(const peer_metric& call, event_time since, event_time until) const {
    const std::string_view peer = call.series(seen_).meaning.peer;
    const rca_node& caller = q_.nodes[call.from];
    if (works(caller.window, seen_.series[call.from], since, until, peer)) return true;
    return caller.window.told != nullptr &&
           works(*caller.window.told, seen_.told[call.from], since, until, peer);
  }

  const rca_question& q_;
  const seen_question& seen_;
  const evidence_weights& weights_;
  std::map<std::pair<std::size_t, std::size_t>, stopped_calls> found_;
};

}  // namespace

std::vector<stopped_calls> stops_of(const rca_question& q, const seen_question& seen,
                                    const std::vector<peer_metric>& calls,
                                    const evidence_weights& weights) {
  stop_gatherer stops{q, seen, weights};
  for (const peer_metric& call : calls)
    if (call.series(seen).meaning.role == metric_role::latency) stops.look(call);
  return stops.found();
}

}  // namespace faultline
