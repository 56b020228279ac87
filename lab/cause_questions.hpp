// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "judgement/posterior.hpp"
#include "judgement/runner.hpp"
#include "lab/evaluation.hpp"

// What `evaluate rca` and its study share.
namespace faultline {

/// How long after an onset the ranking is taken: ten minutes, or two rows where rows are rarer.
milliseconds look_for(const telemetry& scored);

/// What the harness gives away of @p fault: its start, or, where the recording knows it, the last
/// row before its first visible effect; looked at look_for() later, or two minutes after the full
/// effect if that is later, and never after its end, or the first row where the fault is shorter.
given_onset given_for(const telemetry& scored, const fault_label& fault);

/// The question a root-cause run gets for @p onset, all entities of the recording being asked.
rca_question question_at(const telemetry& scored, const given_onset& onset, const runner& judge);

/// Causes that may be ranked, and the alerts of the question.
cause_answer answer_to(const rca_question& q, const telemetry& scored,
                       const root_cause_options& options, cause_ranker* ranker,
                       const posterior_weights& weights);

/// Faults that lie in the scored part.
std::vector<fault_label> scored_faults(const telemetry& scored, const labels& truth);

}  // namespace faultline
