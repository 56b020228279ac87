// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "judgement/correlator_core.hpp"

namespace faultline {

/// One alert episode of a run.
struct what_if_alert {
  std::string id, entity, name;                       ///< name: alertname
  alert_severity severity = alert_severity::warning;  ///< the highest it had
  std::int64_t started = 0;
  std::int64_t updated = 0;
  std::optional<std::int64_t> ended;
  std::string explanation;  ///< of its first transition
};

/// What one run told, gathered as the feed would have carried it.
struct what_if_run {
  std::map<std::string, what_if_alert> alerts;    ///< by id
  std::map<std::string, std::int64_t> incidents;  ///< id -> started
  std::size_t entities = 0;
  std::int64_t oldest = 0;  ///< event time of the oldest event
  std::int64_t newest = 0;  ///< event time of the newest record

  void take(const feed_event& e);
};

/// The same trouble in both runs, seen at other times or as something else.
struct what_if_pair {
  what_if_alert before, after;
};

struct what_if_difference {
  std::int64_t from = 0, to = 0;
  std::vector<what_if_alert> only_before, only_after;  ///< by start
  std::vector<what_if_pair> moved;                     ///< begins earlier or later
  std::vector<what_if_pair> changed;                   ///< another end or severity
  struct totals {
    std::size_t alerts = 0, critical = 0;  ///< that began, or were firing
    std::size_t incidents = 0;             ///< that began
    double pages_per_entity_month = 0;     ///< alerts that began, per entity and 30 days
  } before, after;
  std::size_t entities = 0;

  bool none() const noexcept {
    return only_before.empty() && only_after.empty() && moved.empty() && changed.empty() &&
           before.incidents == after.incidents;
  }
};

/// Compares alerts that began, or were firing, within [from, to]. Alerts of the two runs are the
/// same when their ids are; else two of one entity and name whose times overlap are one that moved.
what_if_difference compare(const what_if_run& before, const what_if_run& after, std::int64_t from,
                           std::int64_t to);

std::string difference_json(const what_if_difference& d);
std::string difference_text(const what_if_difference& d);

}  // namespace faultline
