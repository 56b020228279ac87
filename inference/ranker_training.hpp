// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "inference/model_file.hpp"
#include "inference/ranker.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// One graph with its answer.
struct ranker_case {
  ranker_graph graph;
  int root = -1;         ///< index of the node that is the cause; -1: none of them
  int fault_class = -1;  ///< of the root, below ranker_shape::fault_classes; -1: not known
};

/// How to train. The defaults are those of the shipped model.
struct ranker_training_options {
  std::filesystem::path file;     ///< the model file to write
  model_description description;  ///< its card; seed and measures are filled in
  std::uint64_t seed = 1;
  std::size_t max_epochs = 40;
  std::size_t patience = 6;  ///< epochs without a better validation loss before the end
  std::size_t batch_graphs = 16;
  double learning_rate = 2e-3;  ///< falls geometrically to final_learning_rate
  double final_learning_rate = 2e-4;
  double gradient_clip = 1;
  double weight_decay = 1e-3;
  double class_weight = 0.3;      ///< of the fault class' cross entropy in the loss
  double node_drop = 0.1;         ///< chance that a node other than the root is taken out
  double channel_mask = 0.1;      ///< chance that a channel of a node is missing
  double amplitude_spread = 0.3;  ///< standard deviation of the log of a factor on all z of a graph
  std::size_t max_shift = 12;     ///< ticks that a graph's windows may move, either way
};

/// How often the model was right. Shares in [0, 1]; 0 where there were no such cases.
struct ranker_measures {
  double loss = 0;
  double top1 = 0;            ///< cases with a root: it comes first, before "none" too
  double top3 = 0;            ///< cases with a root: it is among the first three answers
  double none_right = 0;      ///< cases without a root: "none" comes first
  double class_accuracy = 0;  ///< fault class at the true root
};

/// After each epoch.
struct ranker_progress {
  std::size_t epoch = 0;  ///< from 1
  double train_loss = 0;
  ranker_measures validation;
  double cases_per_second = 0;
  bool best = false;
};

/// @returns false to stop now and keep the best epoch.
using ranker_callback = std::function<bool(const ranker_progress&)>;

struct ranker_report {
  std::size_t epochs = 0;
  std::size_t best_epoch = 0;
  double train_loss = 0;
  ranker_measures validation;  ///< of the best epoch
  double cases_per_second = 0;
  std::uint64_t parameters = 0;
  std::string sha256;  ///< of the file written
};

/// Trains the ranker: softmax cross entropy over the nodes and "none", plus the class of the root.
/// The same inputs and seed give the same file on the same build. Without validation cases the
/// training cases, as they are, decide when to stop.
/// @returns ec::invalid for a case or an option that makes no sense, ec::model_failed when the loss
/// leaves the finite numbers, ec::io_failed.
outcome<ranker_report> train_ranker(const std::vector<ranker_case>& train,
                                    const std::vector<ranker_case>& validation,
                                    const ranker_training_options& options,
                                    const ranker_callback& progress = {});

}  // namespace faultline
