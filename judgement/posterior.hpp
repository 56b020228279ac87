// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "judgement/evidence.hpp"
#include "judgement/root_cause.hpp"

namespace faultline {

/// Weights of the posterior over causes. Fitted by coordinate search on the logarithmic loss over
/// simulated systems and the development sets, each set left out once (docs/evaluation.md); a log
/// posterior is
///   log pi(r) + log sum_k exp(own evidence of class k) + sum over what is seen of
///   [log(q e^LR + 1 - q) with r as the cause - the same without any cause]
///   + onset order + change + ranker,      divided by the temperature.
struct posterior_weights {
  evidence_weights evidence;

  /// q: chance that a symptom shows although the cause is elsewhere (b of modelling.md).
  double background = 0.015;
  /// q of the cause's own symptoms, external and internal.
  double self_external = 0.8;
  double self_internal = 0.9;
  /// rho: chance that one dependency step passes a symptom up to a caller, by kind.
  double calls = 0.75;
  double runs_on = 0.8;
  /// Share of rho with which internal metrics of a caller follow (back-pressure, retries).
  double internal_share = 0.3;
  /// q of an edge at the cause under a network fault.
  double edge = 0.6;
  /// q that calls stop: of a cause that makes them, of another callee of the same caller, which
  /// gives up before it comes so far, and of the callee itself where nobody hears of it or its
  /// calls may hang.
  double stopped_caller = 0.5;
  double stopped_by_callee = 0.25;
  double stopped_callee = 0.3;
  /// Steps beyond which nothing is passed.
  std::uint32_t reach = 6;

  /// Weight of the cause's own evidence for its class (w_int), of its external excess over its
  /// dependencies, and of order, change and ranker (w_m: decided by the gate of the training).
  double own = 1.0;
  /// Evidence, before that weight, for a class of which nothing is measured in an observed entity.
  double unseen = -1.8;
  double change = 0.6;
  double order = 1.4;
  double ranker = 0.1;

  /// Magnitude: a cause is seldom weaker than what it does not explain. Per e-fold by which its own
  /// strongest sign falls short of the strongest of all, up to `magnitude_most`.
  double magnitude = 1.0;
  double magnitude_most = 5;
  /// Symptoms of one trouble are not independent: their joint worth is this power of its sum.
  double joint = 0.8;

  /// Onset order: a cause that begins later than what it is to explain costs this much per
  /// deviation of both onsets, at most so much per entity and in all.
  double order_most_each = 1.5;
  double order_most = 4.0;
  /// Change events: mean age of a change that is the cause, and the window of all changes.
  double change_mean_s = 300;
  double change_window_s = 6 * 3600;

  /// An unobserved cause explains external symptoms of anyone with this chance.
  double unobserved_external = 0.6;
  double temperature = 1.5;
};

/// Terms of one candidate's sum, natural log units before the temperature.
struct cause_terms {
  std::array<double, fault_class_count> by_class{};     ///< own evidence of each class, weighted
  std::array<double, fault_class_count> class_share{};  ///< posterior over classes given this cause
  std::size_t best_class = 0;
  double own = 0;           ///< log mean over classes of exp(by_class)
  double own_symptoms = 0;  ///< its external and internal anomalies as symptoms of itself
  double explained =
      0;  ///< what it explains of others, edges included; negative where it should show
  double magnitude = 0;  ///< at most 0
  double order = 0;
  double change = 0;
  double ranker = 0;
  double total = 0;
  double support = 0;  ///< the same without the prior, tempered: against nothing wrong anywhere
  double probability = 0;
  std::vector<std::pair<std::size_t, double>> others;  ///< node, its part of `explained`; not zero
  std::vector<std::pair<std::size_t, double>> edges;   ///< index into evidence::edges, likewise
  std::vector<std::pair<std::size_t, double>> stops;   ///< index into evidence::stops, likewise
  std::optional<std::size_t> change_index;             ///< into question.changes
};

struct cause_posterior {
  std::vector<cause_terms> causes;  ///< as the question's nodes
  double unobserved = 1;
  bool ranked = false;  ///< the ranker took part
};

/// Chance that trouble of @p to shows at @p from, by most probable path along the edges.
using reach_table = std::vector<std::vector<double>>;
/// table[r][n]: chance that a symptom of cause r shows at node n (1 at n = r, 0 out of reach).
reach_table passing_chances(const rca_question& question, const posterior_weights& weights);

/// Combines the evidence. @param scores of the ranker for the same nodes, or nullptr.
cause_posterior weigh_causes(const rca_question& question, const evidence& seen,
                             const reach_table& passing, const root_cause_options& options,
                             const posterior_weights& weights, const ranker_scores* scores);

}  // namespace faultline
