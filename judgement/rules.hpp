// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "judgement/entity_core.hpp"
#include "judgement/options.hpp"
#include "messages/decision.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// All that decides and can be set, as one record of the decision log holds it (commands
/// `configuration` and `model`) and control records carry it into the partitions.
struct rules_record {
  judgement_rules rules;
  correlation_options correlation;
  root_cause_options root_cause;
  model_identity ranker;
  /// Sha-256 of the forecaster that the configuration names: an activated one stays in force until
  /// the configuration names another file than it did then.
  std::string configured_model;
  std::uint32_t logic = logic_version;
};

/// One JSON object with all members, in a fixed order: equal rules are equal bytes.
std::string encode_rules(const rules_record& r);

/// Reads what encode_rules wrote. Members that are missing keep their default, unknown ones are
/// left out, so that builds before and after can be read. Fails: ec::malformed.
outcome<rules_record> decode_rules(std::string_view json);

}  // namespace faultline
