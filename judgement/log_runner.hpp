// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "judgement/rules.hpp"
#include "judgement/runner.hpp"
#include "messages/record.hpp"

namespace faultline {

/// Judges the records of a store's logs again, on one thread, as the partitions and their entities
/// do: each partition by its own clock records and the rules of its own control records. What comes
/// of it goes to on_feed alone; causes are looked for afresh. For what-if.
class log_runner {
public:
  struct options {
    correlation_options correlation;
    root_cause_options root_cause;
    std::vector<runbook> runbooks;
    /// The forecaster with this sha-256; nullptr: its ticks are degraded. It outlives the runner.
    std::function<forecaster*(const std::string& sha256)> model;
    cause_ranker* ranker = nullptr;
  };
  explicit log_runner(options o);
  ~log_runner();

  std::function<void(const feed_event&)> on_feed;

  /// Ticks of this partition that are closed from now on are judged by @p rules. Call it before the
  /// partition's first record, and where its control records say so.
  void set_rules(partition_id partition, std::shared_ptr<const judgement_rules> rules);
  /// How alerts become incidents from now on.
  void set_correlation(const rules_record& rules);
  /// Takes the next record of a partition. Control records: retire; the rest is the caller's.
  void take(const record_view& record, const record_address& where);
  /// Judges the ticks that are closed. What is open stays open.
  void finish();
  std::size_t entities() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace faultline
