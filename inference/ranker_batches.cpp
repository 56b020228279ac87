// SPDX-License-Identifier: Apache-2.0
#include "inference/internal/ranker_batches.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace faultline {
namespace {

using namespace ranker_shape;

/// Sets relation k of the pair (i, j) in graph g.
void relate(ranker_batch& batch, std::size_t g, ranker_relation k, std::size_t i, std::size_t j) {
  const std::size_t kind = static_cast<std::size_t>(k);
  batch.relation[((g * ranker_relations + kind) * batch.width + i) * batch.width + j] = 1;
}

void pack_graph(const ranker_graph& graph, std::size_t g, ranker_batch& batch) {
  constexpr std::size_t node_floats = channels * ticks;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const ranker_node& node = graph.nodes[i];
    static_assert(sizeof node.z == node_floats * sizeof(float));
    const std::size_t at = batch.nodes * node_floats;
    std::memcpy(batch.z.data() + at, node.z.data(), sizeof node.z);
    std::memcpy(batch.mask.data() + at, node.mask.data(), sizeof node.mask);
    batch.place[batch.nodes++] = static_cast<std::int64_t>(g * batch.width + i);
    batch.present[g * batch.width + i] = 1;
  }
  for (std::size_t i = 0; i < batch.width; ++i) relate(batch, g, ranker_relation::itself, i, i);
  for (const ranker_edge& e : graph.edges) {
    relate(batch, g, e.runs_on ? ranker_relation::i_run_on_it : ranker_relation::i_call_it, e.from,
           e.to);
    relate(batch, g, e.runs_on ? ranker_relation::it_runs_on_me : ranker_relation::it_calls_me,
           e.to, e.from);
  }
}

/// Moves the window of a channel by @p shift ticks; what comes in from outside is missing.
void shift_channel(std::array<float, ticks>& values, int shift) {
  std::array<float, ticks> moved{};
  for (int t = 0; t < static_cast<int>(ticks); ++t) {
    const int from = t - shift;
    if (from >= 0 && from < static_cast<int>(ticks)) {
      moved[static_cast<std::size_t>(t)] = values[static_cast<std::size_t>(from)];
    }
  }
  values = moved;
}

void change_node(ranker_node& node, float factor, int shift, double channel_mask, seeded_rng& rng) {
  for (std::size_t c = 0; c < channels; ++c) {
    if (rng.chance(channel_mask)) {
      node.z[c].fill(0);
      node.mask[c].fill(0);
      continue;
    }
    for (float& v : node.z[c]) v *= factor;
    if (shift == 0) continue;
    shift_channel(node.z[c], shift);
    shift_channel(node.mask[c], shift);
  }
}

}  // namespace

outcome<void> check_graph(const ranker_graph& graph) {
  const std::size_t n = graph.nodes.size();
  if (n == 0 || n > ranker_max_nodes) {
    return failure{ec::invalid, "ranker: a graph has 1 to 512 nodes, not " + std::to_string(n)};
  }
  for (const ranker_edge& e : graph.edges) {
    if (e.from >= n || e.to >= n) {
      return failure{ec::invalid, "ranker: an edge leads to a node that does not exist"};
    }
  }
  return {};
}

ranker_batch pack_graphs(const std::vector<const ranker_graph*>& graphs) {
  ranker_batch batch;
  batch.graphs = graphs.size();
  std::size_t nodes = 0;
  for (const ranker_graph* graph : graphs) {
    nodes += graph->nodes.size();
    batch.width = std::max(batch.width, (graph->nodes.size() + 7) / 8 * 8);
  }
  batch.z.resize(nodes * channels * ticks);
  batch.mask.resize(nodes * channels * ticks);
  batch.place.resize(nodes);
  batch.relation.assign(batch.graphs * ranker_relations * batch.width * batch.width, 0);
  batch.present.assign(batch.graphs * batch.width, 0);
  for (std::size_t g = 0; g < graphs.size(); ++g) pack_graph(*graphs[g], g, batch);
  return batch;
}

ranker_batch pack_cases(const std::vector<const ranker_case*>& cases) {
  std::vector<const ranker_graph*> graphs;
  for (const ranker_case* c : cases) graphs.push_back(&c->graph);
  ranker_batch batch = pack_graphs(graphs);
  for (const ranker_case* c : cases) {
    batch.answer.push_back(c->root >= 0 ? c->root : static_cast<std::int64_t>(batch.width));
    batch.classes.push_back(c->root >= 0 ? c->fault_class : -1);
  }
  return batch;
}

ranker_case augmented(const ranker_case& original, const ranker_training_options& options,
                      seeded_rng& rng) {
  ranker_case out;
  out.fault_class = original.fault_class;
  const auto factor = static_cast<float>(std::exp(options.amplitude_spread * rng.normal()));
  const int reach = static_cast<int>(std::min(options.max_shift, ticks / 2));
  const int shift = static_cast<int>(rng.below(2 * static_cast<std::size_t>(reach) + 1)) - reach;
  constexpr std::uint32_t gone = ~std::uint32_t{0};
  std::vector<std::uint32_t> renamed(original.graph.nodes.size(), gone);
  for (std::size_t i = 0; i < original.graph.nodes.size(); ++i) {
    const bool root = static_cast<int>(i) == original.root;
    const bool last_chance = out.graph.nodes.empty() && i + 1 == original.graph.nodes.size();
    if (!root && !last_chance && rng.chance(options.node_drop)) continue;
    if (root) out.root = static_cast<int>(out.graph.nodes.size());
    renamed[i] = static_cast<std::uint32_t>(out.graph.nodes.size());
    out.graph.nodes.push_back(original.graph.nodes[i]);
    change_node(out.graph.nodes.back(), factor, shift, options.channel_mask, rng);
  }
  for (const ranker_edge& e : original.graph.edges) {
    if (renamed[e.from] == gone || renamed[e.to] == gone) continue;
    out.graph.edges.push_back({renamed[e.from], renamed[e.to], e.runs_on});
  }
  return out;
}

}  // namespace faultline
