// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "judgement/posterior.hpp"
#include "lab/cause_scoring.hpp"
#include "lab/evaluation.hpp"
#include "lab/simulator.hpp"

namespace faultline {

/// One weight that is fitted, and where it may lie.
struct fitted_weight {
  const char* name;
  double posterior_weights::*member;
  double least, most;
};
const std::vector<fitted_weight>& fitted_weights();

/// How well weights rank one set. `loss`: mean of -log of the root's share among candidates.
struct fit_figures {
  std::size_t cases = 0;
  double loss = 0, first = 0, third = 0, ece = 0;
};

/// What the ranker of weight `weight` changes on one set, per case, against none: positive is
/// better. The interval is a paired bootstrap over cases (5 %).
struct gate_row {
  std::string set;
  double weight = 0;
  std::size_t cases = 0;
  double gain = 0;  ///< loss without it minus loss with it
  double low = 0, high = 0;
  double first_without = 0, first_with = 0;
};

/// Fits the weights of the posterior over causes by coordinate search on the logarithmic loss, and
/// decides by cases that no weight was fitted on whether the ranker earns one.
class cause_fitting {
public:
  explicit cause_fitting(cause_ranker* ranker) : ranker_{ranker} {}

  /// Adds the visible faults of a recording, their start given. @p share: what the set weighs in
  /// the objective; 0: it is only reported.
  void add(const std::string& set, double share, const evaluation_input& input,
           const labels& truth);
  /// The same of @p count systems of a split from number @p first on, 20 to 200 nodes, one fault
  /// each. @returns what simulate() returns.
  outcome<void> add_simulated(const std::string& set, double share, data_split split,
                              std::uint64_t first, std::size_t count,
                              const std::function<void(std::size_t)>& progress);

  /// @param leave_out a set that counts nothing; empty: none. @p told is called after each round
  /// with the objective. Deterministic.
  posterior_weights fit(const posterior_weights& start, const std::string& leave_out,
                        std::size_t rounds,
                        const std::function<void(std::size_t, double)>& told) const;
  /// By set, of the posterior alone.
  std::map<std::string, fit_figures> figures(const posterior_weights& w) const;
  /// Of every set, and the held-out ones pooled ("held out": of share 0), for each of @p weights.
  std::vector<gate_row> gate(const posterior_weights& w, const std::vector<double>& weights,
                             std::uint64_t seed) const;

private:
  struct one_case;
  struct verdict {
    double loss = 0;
    double top = 0;  ///< share of the first
    std::size_t rank = 0;
  };
  double objective(const posterior_weights& w, const posterior_weights& start,
                   const std::string& leave_out) const;
  static verdict judge(const one_case& c, const posterior_weights& w, bool ranked);

  cause_ranker* ranker_;
  std::vector<std::shared_ptr<const one_case>> cases_;
  std::map<std::string, double> shares_;
};

}  // namespace faultline
