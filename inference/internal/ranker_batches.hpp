// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to the room: graphs side by side as flat arrays, for training and for ranking alike, and
// the changes to a training case that must not change its answer. No LibTorch here.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "inference/internal/seeded_rng.hpp"
#include "inference/ranker.hpp"
#include "inference/ranker_training.hpp"

namespace faultline {

/// How one node stands to another that it attends to.
enum class ranker_relation : std::size_t {
  itself,
  i_call_it,
  it_calls_me,
  i_run_on_it,
  it_runs_on_me
};
inline constexpr std::size_t ranker_relations = 5;

/// Most nodes of a graph.
inline constexpr std::size_t ranker_max_nodes = 512;

/// Graphs of at most `width` nodes each; a place that no node takes stands only to itself.
struct ranker_batch {
  std::size_t graphs = 0;
  std::size_t width = 0;              ///< a multiple of 8, so that few shapes occur
  std::size_t nodes = 0;              ///< over all graphs, padding not counted
  std::vector<float> z;               ///< [nodes][channels][ticks]
  std::vector<float> mask;            ///< [nodes][channels][ticks]
  std::vector<std::int64_t> place;    ///< [nodes]: graph x width + index
  std::vector<float> relation;        ///< [graphs][relations][width][width], 0 or 1
  std::vector<float> present;         ///< [graphs][width], 0 or 1
  std::vector<std::int64_t> answer;   ///< [graphs]: index of the root, or width for none
  std::vector<std::int64_t> classes;  ///< [graphs]: class of the root, or -1
};

/// @returns ec::invalid when the graph has no or too many nodes, or an edge leads nowhere.
outcome<void> check_graph(const ranker_graph& graph);

/// Packs checked graphs.
ranker_batch pack_graphs(const std::vector<const ranker_graph*>& graphs);

/// Packs checked cases with their answers.
ranker_batch pack_cases(const std::vector<const ranker_case*>& cases);

/// A copy with nodes dropped, channels masked, amplitudes scaled and windows shifted.
ranker_case augmented(const ranker_case& original, const ranker_training_options& options,
                      seeded_rng& rng);

}  // namespace faultline
