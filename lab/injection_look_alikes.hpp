// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lab/injection_shapes.hpp"

namespace faultline {

/// Time in which nothing may be put.
struct busy_span {
  event_time from{};
  event_time to{};
};

/// The first of @p busy (in order of `from`) that @p span touches, or nullptr.
const busy_span* first_overlap(const std::vector<busy_span>& busy, const busy_span& span);
/// @p at; within a gap of more than a week in @p rows, the row behind it: nobody sees what is put
/// where no rows are.
event_time behind_long_gap(const std::vector<event_time>& rows, event_time at);
void insert_busy(std::vector<busy_span>& busy, const busy_span& span);

/// Puts benign events into the rows of one entity: unusual moments within the usual range.
class look_alike_source {
public:
  look_alike_source(entity_series& series, const std::vector<metric_habit>& habits,
                    random_source& rng, event_time scored_from, std::int64_t interval_ms)
      : series_{series},
        habits_{habits},
        rng_{rng},
        scored_from_{scored_from},
        interval_ms_{interval_ms} {}

  /// The same half hour every night, from the first day on; labelled where it is scored.
  void nightly_backups(const std::vector<busy_span>& busy, labels& truth);
  /// @p count restarts, load peaks and drills outside @p busy after train_until, as many as fit.
  void scatter(std::size_t count, std::vector<busy_span>& busy, labels& truth,
               std::vector<change_row>& changes);

private:
  void lift(const std::vector<reacting_metric>& who, const busy_span& span, double share);
  void restart(const std::vector<reacting_metric>& who, const busy_span& span);

  entity_series& series_;
  const std::vector<metric_habit>& habits_;
  random_source& rng_;
  event_time scored_from_;
  std::int64_t interval_ms_;
};

}  // namespace faultline
