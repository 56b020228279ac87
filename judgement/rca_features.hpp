// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "inference/ranker.hpp"
#include "judgement/evidence.hpp"
#include "judgement/root_cause.hpp"

namespace faultline {

/// The ranker's view of a question; training and serving build it with this one function.
///
/// Per node the last ranker_shape::ticks ticks, the one that contains as_of last, as
/// asinh((x - median) / scale) against the same fresh baseline the evidence uses, clamped to
/// [-8, 8]; mask 1 where a value is known. Where several metrics share a role the one that left its
/// baseline most plainly is shown. Channel 8 is the latency callers see of the node,
/// channel 9 the errors they see. Nodes in the order of the question, at most 512 (the rest is
/// left out, so that node i of the graph is node i of the question).
ranker_graph ranker_graph_of(const rca_question& question);
/// @p seen of the same question.
ranker_graph ranker_graph_of(const rca_question& question, const seen_question& seen);

}  // namespace faultline
