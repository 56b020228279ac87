// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "inference/forecaster.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// Shape of the CNN-attention ranker's input.
namespace ranker_shape {
inline constexpr std::size_t ticks = 128;
/// The eight roles of forecast_shape plus "seen by callers: latency" and "seen by callers: errors".
inline constexpr std::size_t channels = 10;
/// Fault classes of the auxiliary head, in the order of judgement's fault_class.
inline constexpr std::size_t fault_classes = 9;
}  // namespace ranker_shape

/// One candidate: its window of standardised residuals against a fresh baseline, newest tick last.
struct ranker_node {
  std::array<std::array<float, ranker_shape::ticks>, ranker_shape::channels> z{};
  std::array<std::array<float, ranker_shape::ticks>, ranker_shape::channels> mask{};
};

/// A directed edge between candidates by index: `from` depends on `to`.
struct ranker_edge {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  bool runs_on = false;  ///< false: calls
};

struct ranker_graph {
  std::vector<ranker_node> nodes;
  std::vector<ranker_edge> edges;
};

/// Logits per node, one for "none of them", attention of every node over its own ticks (sums to 1).
struct ranker_scores {
  std::vector<float> node_logit;
  float null_logit = 0;
  std::vector<std::array<float, ranker_shape::fault_classes>> class_logit;
  std::vector<std::array<float, ranker_shape::ticks>> attention;
};

/// Ranks candidate causes. Equivariant to the order of nodes. One thread at a time.
class cause_ranker {
public:
  virtual ~cause_ranker() = default;
  virtual const model_identity& identity() const noexcept = 0;
  /// @pre 1 <= nodes <= 512. @returns ec::model_failed when a window or a score is not finite,
  /// ec::invalid for a graph of another size or an edge to a node that does not exist.
  virtual outcome<ranker_scores> rank(const ranker_graph& graph) = 0;
};

/// Loads a model file and ranks one node with it. @returns ec::model_failed with the reason, or
/// what the reader of model files returns.
outcome<std::unique_ptr<cause_ranker>> load_ranker(const std::filesystem::path& file);

}  // namespace faultline
