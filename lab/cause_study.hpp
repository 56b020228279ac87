// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "judgement/posterior.hpp"
#include "lab/cause_scoring.hpp"
#include "lab/evaluation.hpp"

namespace faultline {

class runner;

/// One way to rank. All rank the same questions.
struct cause_variant {
  std::string name;
  posterior_weights weights;
  bool ranker = true;
  bool graph = true;    ///< false: no edge is known
  bool edges = true;    ///< false: nobody measures what callers see of a callee
  bool alerts = true;   ///< false: which entities alert is not known
  bool told = true;     ///< false: no logs and spans are known
  bool words = true;    ///< false: what log lines say is not known
  bool changes = true;  ///< false: no change event is known
};

/// The product, and the product without each term of its sum.
std::vector<cause_variant> cause_ablations();

struct cause_study_options {
  evaluation_options judge;
  std::vector<cause_variant> variants;  ///< the first is the product
  bool baselines = true;
  bool own = false;        ///< also on our own onsets, which judges the recording once more
  std::size_t quiet = 20;  ///< questions in fault-free training time of each recording
};

/// Figures of one method on one set.
struct cause_row {
  std::string set, method;
  cause_figures figures;
  std::size_t quiet = 0, quiet_silent = 0;  ///< questions without a fault; of those, abstentions
};

/// Ranks the faults of recordings by the posterior, its variants and the baselines, and scores
/// them.
class cause_study {
public:
  explicit cause_study(cause_study_options options) : options_{std::move(options)} {}
  void add(const std::string& set, const evaluation_input& input, const labels& truth,
           const evaluation_models& models, const evaluation_progress& progress = {});
  /// By set, in the order they came, and within it by method.
  const std::vector<cause_row>& rows() const noexcept { return rows_; }
  /// 95th percentile of the milliseconds from windows to ranked list, by the product, over
  /// questions of at least @p nodes entities; and how many there were.
  std::pair<double, std::size_t> slowest_ms(std::size_t nodes) const;

private:
  cause_row& row(const std::string& set, const std::string& method);
  void ask(const std::string& set, const evaluation_input& input, const fault_label* fault,
           const given_onset& at, const runner& judge, const evaluation_models& models);
  void add_own(const std::string& set, const evaluation_input& input, const labels& truth,
               const evaluation_models& models, const evaluation_progress& progress);

  cause_study_options options_;
  std::vector<cause_row> rows_;
  std::vector<std::pair<std::size_t, double>> times_;  ///< entities, milliseconds
};

/// Systems of the simulator's second edition, test split, 20 to 200 nodes, one fault each: faults
/// of every type, then as many of the types no model was trained on. Set names "simulated" and
/// "simulated, unseen types". @p told: they send logs and spans, too: a line a minute of each node,
/// twenty traces a minute of the system. @returns what simulate() returns.
outcome<void> simulated_causes(
    std::size_t systems, std::uint64_t seed, bool told,
    const std::function<void(const std::string& set, const evaluation_input&, const labels&)>&
        each);

/// Markdown tables, one for each set, and one over all but @p apart.
std::string cause_markdown(const cause_study& study, const std::string& apart = "sock-shop");
/// The same figures as JSON.
std::string cause_json(const cause_study& study);

}  // namespace faultline
