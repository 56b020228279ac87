// SPDX-License-Identifier: Apache-2.0
#include "judgement/rca_features.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "judgement/cause_question.hpp"
#include "judgement/evidence_edges.hpp"
#include "processing/fast_math.hpp"

namespace faultline {
namespace {

constexpr std::size_t most_nodes = 512;
constexpr float most_z = 8;
constexpr std::size_t callers_latency = 8;
constexpr std::size_t callers_errors = 9;

/// One series on its way into a channel.
struct channel_series {
  const entity_window* window = nullptr;
  const std::vector<float>* values = nullptr;
  const seen_series* seen = nullptr;
  std::size_t end = 0;  ///< of the part that may be looked at
};

double strength_of(const channel_series& s) { return s.seen->shows ? s.seen->shows->strength : 0; }

/// The tick that contains as_of lands in the last place of the channel.
void write_channel(const channel_series& s, const entity_window& frame, event_time as_of,
                   std::array<float, ranker_shape::ticks>& z,
                   std::array<float, ranker_shape::ticks>& mask) {
  const std::int64_t tick = std::max<std::int64_t>(1, frame.tick_ms);
  const fresh_baseline& base = *s.seen->base;
  const auto& ts = s.window->ts;
  // Older ticks have no place: the newest that is too old is where to begin.
  const event_time oldest =
      as_of - milliseconds{tick * static_cast<std::int64_t>(ranker_shape::ticks)};
  const auto from =
      static_cast<std::size_t>(std::upper_bound(ts.begin(), ts.end(), oldest) - ts.begin());
  const std::size_t end = std::min(s.end, s.values->size());
  if (from >= end) return;
  const float* values = s.values->data();
  std::vector<float> tamed(end - from);  // in a loop of its own, for vectors
  for (std::size_t n = from; n < end; ++n) {
    const auto deviation =
        static_cast<float>(std::clamp((values[n] - base.median) / base.scale, -1e9, 1e9));
    tamed[n - from] = clamped(fast_asinh(deviation), -most_z, most_z);
  }
  std::int64_t back = 0;
  for (std::size_t n = from; n < end; ++n) {
    // Dividing costs more than all the rest, and most ticks are one behind the other.
    back = n > from && ts[n] - ts[n - 1] == milliseconds{tick}
               ? back - 1
               : (unix_ms(as_of) - unix_ms(ts[n])) / tick;
    if (!std::isfinite(values[n])) continue;
    if (back < 0 || back >= static_cast<std::int64_t>(ranker_shape::ticks)) continue;
    const std::size_t at = ranker_shape::ticks - 1 - static_cast<std::size_t>(back);
    z[at] = tamed[n - from];
    mask[at] = 1;
  }
}

}  // namespace

ranker_graph ranker_graph_of(const rca_question& question) {
  return ranker_graph_of(question, look_at(question, evidence_weights{}));
}

ranker_graph ranker_graph_of(const rca_question& question, const seen_question& seen) {
  const std::size_t count = std::min(question.nodes.size(), most_nodes);
  ranker_graph graph;
  graph.nodes.resize(count);
  using channels = std::array<channel_series, ranker_shape::channels>;
  std::vector<channels> best(count);
  const auto callees = callees_in(question);
  for (std::size_t n = 0; n < count; ++n) {
    const entity_window& w = question.nodes[n].window;
    for (std::size_t m = 0; m < w.metrics.size(); ++m) {
      const seen_series& series = seen.series[n][m];
      const metric_meaning& meaning = series.meaning;
      if (meaning.scope == metric_scope::machine || meaning.role == metric_role::none) continue;
      std::size_t node = n;
      auto channel = static_cast<std::size_t>(meaning.role);
      if (meaning.scope == metric_scope::out) {
        const auto peer = peer_of(question, n, callees[n], meaning.peer);
        if (!peer || *peer >= count) continue;
        node = *peer;
        channel = meaning.role == metric_role::errors ? callers_errors : callers_latency;
      }
      if (!series.base) continue;
      const channel_series one{&w, &w.metrics[m].values, &series, seen.parts[n].end};
      channel_series& known = best[node][channel];
      if (known.window == nullptr || strength_of(one) > strength_of(known)) known = one;
    }
  }
  for (std::size_t n = 0; n < count; ++n) {
    for (std::size_t c = 0; c < ranker_shape::channels; ++c) {
      const channel_series& s = best[n][c];
      if (s.window == nullptr) continue;
      write_channel(s, *s.window, question.as_of, graph.nodes[n].z[c], graph.nodes[n].mask[c]);
    }
  }
  for (const auto& [from, to, edge] : placed_edges(question)) {
    if (from >= count || to >= count) continue;
    graph.edges.push_back({static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to),
                           edge->kind == edge_kind::runs_on});
  }
  return graph;
}

}  // namespace faultline
