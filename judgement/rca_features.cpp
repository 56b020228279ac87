// SPDX-License-Identifier: Apache-2.0
#include "judgement/rca_features.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>

#include "judgement/evidence.hpp"

namespace faultline {
namespace {

constexpr std::size_t most_nodes = 512;
constexpr double most_z = 8;
constexpr std::size_t callers_latency = 8;
constexpr std::size_t callers_errors = 9;

/// One series on its way into a channel.
struct channel_series {
  const entity_window* window = nullptr;
  const std::vector<float>* values = nullptr;
  fresh_baseline base;
  window_parts parts;
  int worse = 0;
  std::optional<double> strength;  ///< found when two series want one channel
};

double strength_of(channel_series& s) {
  if (!s.strength) {
    const auto shows = deviation_of(*s.window, *s.values, s.worse, s.parts, evidence_weights{});
    s.strength = shows ? shows->strength : 0;
  }
  return *s.strength;
}

/// The tick that contains as_of lands in the last place of the channel.
void write_channel(const channel_series& s, const entity_window& frame, event_time as_of,
                   std::array<float, ranker_shape::ticks>& z,
                   std::array<float, ranker_shape::ticks>& mask) {
  const std::int64_t tick = std::max<std::int64_t>(1, frame.tick_ms);
  for (std::size_t n = 0; n < s.parts.end && n < s.values->size(); ++n) {
    const float x = (*s.values)[n];
    if (!std::isfinite(x)) continue;
    const std::int64_t back = (unix_ms(as_of) - unix_ms(s.window->ts[n])) / tick;
    if (back < 0 || back >= static_cast<std::int64_t>(ranker_shape::ticks)) continue;
    const std::size_t at = ranker_shape::ticks - 1 - static_cast<std::size_t>(back);
    const double deviation = (x - s.base.median) / s.base.scale;
    z[at] = static_cast<float>(std::clamp(std::asinh(deviation), -most_z, most_z));
    mask[at] = 1;
  }
}

std::string_view short_name(std::string_view entity) {
  const auto slash = entity.find('/');
  return slash == std::string_view::npos ? entity : entity.substr(slash + 1);
}

}  // namespace

ranker_graph ranker_graph_of(const rca_question& question) {
  const evidence_weights weights;
  const std::size_t count = std::min(question.nodes.size(), most_nodes);
  ranker_graph graph;
  graph.nodes.resize(count);
  using channels = std::array<channel_series, ranker_shape::channels>;
  std::vector<channels> best(count);
  std::map<std::string_view, std::size_t> by_name;
  std::map<std::string_view, std::size_t> by_id;
  for (std::size_t n = 0; n < count; ++n) {
    by_id.emplace(question.nodes[n].entity, n);
    by_name.emplace(short_name(question.nodes[n].entity), n);
  }
  for (std::size_t n = 0; n < count; ++n) {
    const entity_window& w = question.nodes[n].window;
    const window_parts parts = split(w, question.onset, question.as_of, weights);
    for (const metric_window& m : w.metrics) {
      const metric_meaning meaning = meaning_of(m.name);
      if (meaning.scope == metric_scope::machine || meaning.role == metric_role::none) continue;
      std::size_t node = n;
      auto channel = static_cast<std::size_t>(meaning.role);
      if (meaning.scope == metric_scope::out) {
        const auto peer = by_name.find(meaning.peer);
        if (peer == by_name.end()) continue;
        node = peer->second;
        channel = meaning.role == metric_role::errors ? callers_errors : callers_latency;
      }
      const auto base = baseline_of(m.values, parts, weights);
      if (!base) continue;
      channel_series one{&w, &m.values, *base, parts, meaning.worse, std::nullopt};
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
  for (const rca_edge& e : question.edges) {
    const auto from = by_id.find(e.from);
    const auto to = by_id.find(e.to);
    if (from == by_id.end() || to == by_id.end()) continue;
    graph.edges.push_back({static_cast<std::uint32_t>(from->second),
                           static_cast<std::uint32_t>(to->second), e.kind == edge_kind::runs_on});
  }
  return graph;
}

}  // namespace faultline
