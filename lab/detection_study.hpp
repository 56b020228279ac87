// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/evaluation.hpp"
#include "lab/fault_head.hpp"
#include "lab/scoring.hpp"
#include "lab/statistics.hpp"
#include "lab/threshold_rules.hpp"

namespace faultline {

/// What is kept of one fault for figures over many recordings.
struct fault_outcome {
  std::string set, recording, id, type, form;
  bool visible = true;  ///< also where it is not known
  bool impact = false;
  std::vector<std::string> unseen;
  bool paged = false;       ///< an episode of one of its entities BEGINS in its window
  bool overlapped = false;  ///< one is on in its window
  double ramp_s = 0;        ///< until it is whole
  double effect_s = 0;      ///< from its start to its full effect
  double delay_ticks = 0;   ///< from its first visible row to the page, where paged
  double lead_s = 0;        ///< from the page to its full effect, where paged
};

/// What is kept of one entity.
struct entity_outcome {
  std::string set, recording, entity;
  double free_days = 0;
  entity_verdict verdict;
};

/// Quality of the scores without any threshold, of one entity with faults.
struct ranking_outcome {
  std::string set, recording, entity;
  double average_precision = 0, vus_pr = 0, chance = 0;
};

/// One way of judging, over all recordings of a study.
struct detector_outcome {
  std::string name;
  double promised_per_month = 0;  ///< false episodes per entity and 30 days
  bool oracle = false;            ///< its threshold was chosen on the scored rows
  std::vector<fault_outcome> faults;
  std::vector<entity_outcome> entities;
  std::vector<ranking_outcome> rankings;      ///< of detectors with scores
  reliability probabilities;                  ///< of the score as the probability of a fault
  std::map<std::string, head_study> heads{};  ///< by set, of detectors with a forecaster
};

/// A way of running our own judgement.
struct study_variant {
  std::string name = "faultline";
  evaluation_options options;
  bool with_forecaster = true;
  bool with_rankings = true;  ///< AP, VUS-PR and reliability of its scores
};

struct study_options {
  std::vector<study_variant> variants;
  bool baselines = true;          ///< thresholds at the variants' budgets, and oracles
  double max_alarm_share = 0.01;  ///< of fault-free time, for oracles
  std::size_t vus_buffer = 100;
};

/// The usual variants: one for each budget, in false episodes per entity and month.
std::vector<study_variant> variants_at(const evaluation_options& options,
                                       const std::vector<double>& per_month, bool forecaster);

/// At one budget: as it is, without the forecaster, and without each view in turn.
std::vector<study_variant> ablation_variants(const evaluation_options& options, bool forecaster);

/// A recording as the study knows it once it was run.
struct judged_recording {
  std::string set;
  std::string name;
  std::vector<std::string> entities;
  scored_truth truth;
};

/// Runs recordings one after the other through our judgement and the baselines. Labels are looked
/// at after the runs only. Thresholds of detectors that are no oracles come from training rows.
class detection_study {
public:
  explicit detection_study(study_options options) : options_{std::move(options)} {}

  /// @p progress is handed events of all variants.
  void add(const std::string& set, const evaluation_input& input, const labels& truth,
           const evaluation_models& models, const evaluation_progress& progress = {});
  /// Events add() judges for @p input.
  std::uint64_t work(const evaluation_input& input) const;
  /// The variants, then the baselines, then the oracles.
  std::vector<detector_outcome> finish();

private:
  struct kept : judged_recording {
    threshold_levels levels;
    std::vector<std::vector<float>> scores;  ///< of the first variant
  };
  void run_variant(std::size_t v, const evaluation_input& input, const labels& truth, kept& into,
                   const evaluation_models& models, const evaluation_progress& progress);
  void add_baselines(double per_month, std::vector<detector_outcome>& out) const;
  void add_oracles(const detector_outcome& like, std::vector<detector_outcome>& out) const;

  study_options options_;
  std::vector<detector_outcome> variants_;
  std::vector<kept> kept_;
  global_limit global_;
};

// ---- figures -----------------------------------------------------------------------------------

/// A share with a bootstrap interval over cases or entities.
struct share_figure {
  std::size_t of = 0;
  double value = 0;
  interval95 range;
};

/// What a table shows of one detector. Faults that nobody can see do not count, but where a page
/// begins in their window it is no false one.
struct detection_figures {
  std::string detector, set;
  double promised_per_month = 0;
  bool oracle = false;
  share_figure paged, paged_with_impact, paged_unseen, overlapped;
  std::size_t false_episodes = 0;
  double entity_days = 0;
  double false_per_month = 0;  ///< per entity and 30 days of fault-free time
  interval95 false_range;      ///< Poisson
  double alarm_share = 0;      ///< of fault-free rows
  double precision = 0;
  std::optional<double> delay_median_ticks, delay_p90_ticks;  ///< abrupt faults that were paged
  std::size_t abrupt = 0;
  share_figure warned;  ///< progressive, ramp of 30 min and more: at least 5 min before full effect
  std::optional<double> lead_linear, lead_exponential;  ///< median share of the ramp, unpaged = 0
  std::optional<double> lead_median_min;                ///< of the progressive ones that were paged
  std::optional<double> ratio_median, ratio_p90;        ///< realised / promised by entity
  double ratio_pooled = 0;
  interval95 ratio_range;                                   ///< Poisson
  std::optional<double> average_precision, chance, vus_pr;  ///< means over entities with faults
  double brier = 0, calibration_error = 0;                  ///< 0 without scores
};

/// What is known of the forecaster's head. @p set: of one set only; empty: pooled.
head_study head_of(const detector_outcome& outcome, const std::string& set);

/// @p set: of one set only; empty: pooled.
detection_figures figures_of(const detector_outcome& outcome, const std::string& set,
                             std::uint64_t seed);

}  // namespace faultline
