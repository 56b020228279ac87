// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/forecaster.hpp"
#include "inference/ranker.hpp"
#include "judgement/rules.hpp"
#include "storage/store.hpp"
#include "tools/what_if_compare.hpp"

namespace faultline {

/// Rules of the decision log by the number of their decision.
using recorded_rules = std::map<std::uint64_t, rules_record>;

/// Fails: ec::not_found when none was ever recorded.
outcome<recorded_rules> read_rules(store& from);

/// Models of a store by sha-256, each loaded when it is asked for.
class model_shelf {
public:
  explicit model_shelf(std::string storage_path) : path_{std::move(storage_path)} {}
  forecaster* model(const std::string& sha256);
  /// Those that were asked for and could not be had.
  const std::vector<std::string>& missing() const noexcept { return missing_; }

private:
  std::string path_;
  std::map<std::string, std::unique_ptr<forecaster>> models_;
  std::vector<std::string> missing_;
};

struct what_if_plan {
  const recorded_rules* rules = nullptr;
  model_shelf* models = nullptr;
  cause_ranker* ranker = nullptr;
  std::vector<runbook> runbooks;
  std::int64_t from = 0;  ///< event time from which `limits` hold
  /// Take the place of the limits on record; nothing: what is on record.
  std::optional<std::vector<operator_limit>> limits;
};

/// Judges the whole retained log of @p from again, partitions merged in the order of arrival.
/// Fails: what reading the store fails with.
outcome<what_if_run> replay_log(store& from, const what_if_plan& plan);

}  // namespace faultline
