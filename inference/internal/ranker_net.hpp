// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to the room: the ranker's network, the same code for training and for ranking.

#include <ATen/ATen.h>

#include <vector>

#include "inference/internal/ranker_batches.hpp"
#include "inference/internal/seeded_rng.hpp"
#include "inference/model_file.hpp"

namespace faultline {

/// What the network says about a batch. Places without a node hold numbers without meaning, but
/// for node_logit, which is very low there.
struct ranker_output {
  at::Tensor node_logit;   ///< [graphs][width]
  at::Tensor null_logit;   ///< [graphs]
  at::Tensor class_logit;  ///< [graphs][width][classes]
  at::Tensor attention;    ///< [nodes][ticks], packed as in ranker_batch
};

/// A shared 1-D CNN over each node's window (dilations 1, 2, 4: it sees 29 ticks), attention over
/// its ticks, then two rounds of attention among neighbours (Velickovic et al. 2018; a bias per
/// head for the kind and direction of an edge, Ying et al. 2021, Graphormer) and heads that see the
/// whole graph's mean and maximum. Nothing depends on the order of nodes.
class ranker_net {
public:
  static std::vector<expected_tensor> expected_tensors();

  /// Random weights, to be trained: they require gradients.
  explicit ranker_net(seeded_rng& rng);
  /// Weights of a file. @pre check_tensors(content, expected_tensors())
  explicit ranker_net(const model_content& content);

  ranker_output forward(ranker_batch& batch) const;
  /// In the order of expected_tensors().
  const std::vector<at::Tensor>& weights() const noexcept { return weights_; }

private:
  struct encoded {
    at::Tensor nodes;      ///< [nodes][width of an embedding]
    at::Tensor attention;  ///< [nodes][ticks]
  };
  /// What pooling over its ticks leaves of each window.
  struct pooled_windows {
    at::Tensor attention;  ///< [nodes][ticks]
    at::Tensor mean;       ///< [nodes][filters], by attention
    at::Tensor most;       ///< [nodes][filters]
  };
  encoded encode(const ranker_batch& batch) const;
  pooled_windows pool(const ranker_batch& batch, std::size_t first, std::size_t count) const;
  at::Tensor attend(const at::Tensor& e, const at::Tensor& relation, std::size_t round) const;
  ranker_output read_out(const at::Tensor& e, const at::Tensor& present) const;

  std::vector<at::Tensor> weights_;
};

}  // namespace faultline
