// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inference/ranker.hpp"
#include "judgement/entity_core.hpp"
#include "judgement/options.hpp"
#include "messages/decision.hpp"
#include "processing/roles.hpp"

namespace faultline {

/// Classes of faults a cause may have; the ranker's auxiliary head uses this order.
enum class fault_class : std::uint8_t {
  cpu = 0,
  memory_leak,
  disk,
  network_delay,
  packet_loss,
  error_burst,
  dependency,
  change,
  load
};
inline constexpr std::size_t fault_class_count = 9;
const char* to_string(fault_class) noexcept;

/// One candidate with what it answered when asked.
struct rca_node {
  std::string entity;
  entity_window window;       ///< empty when it is known only from the graph
  bool incomplete = false;    ///< no answer in time, or its watermark had not passed as_of
  std::vector<alert> alerts;  ///< its firing alerts in this incident
};

struct rca_edge {
  std::string from;  ///< depends on
  std::string to;
  edge_kind kind = edge_kind::calls;
  double confidence = 1;  ///< 0..1, that the dependency is there
};

/// Everything a root-cause run may look at. The same question always gets the same answer.
struct rca_question {
  std::string incident;
  event_time onset{};  ///< start of the incident's first alert (ours, never a label)
  event_time as_of{};
  std::vector<rca_node> nodes;
  std::vector<rca_edge> edges;
  std::vector<change_note> changes;
  role_table roles;  ///< of the rules: what its metrics are about
};

/// Bayesian posterior over causes (modelling.md, tier 3): evidence per node against a fresh
/// baseline, topology, onset order, internal against external, edges, changes, the ranker; with an
/// unobserved cause, abstention, and the terms of the sum as sentences.
/// @param ranker may be nullptr. @returns causes sorted by probability; probabilities and
/// `unobserved` add up to 1.
root_cause_result find_root_cause(const rca_question& question, const root_cause_options& options,
                                  const std::vector<runbook>& runbooks, cause_ranker* ranker);

struct posterior_weights;
/// The same with other weights than the product's (judgement/posterior.hpp): for measurements.
root_cause_result find_root_cause(const rca_question& question, const root_cause_options& options,
                                  const std::vector<runbook>& runbooks, cause_ranker* ranker,
                                  const posterior_weights& weights);

}  // namespace faultline
