// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "lab/recording.hpp"

namespace faultline {

/// A closed span of time under alarm.
struct alarm_span {
  event_time from{};
  event_time to{};
};

/// Alarms of the entities of a recording, by their index in telemetry::entities.
using recording_alarms = std::vector<std::vector<alarm_span>>;

/// What came of one fault.
struct fault_verdict {
  const fault_label* fault = nullptr;
  std::optional<event_time> paged;  ///< first episode that BEGINS in its window
  bool overlapped = false;          ///< some episode is on in its window, whenever it began
};

/// What came of one entity.
struct entity_verdict {
  std::size_t true_episodes = 0;   ///< begin in the window of a fault of this entity
  std::size_t false_episodes = 0;  ///< begin in fault-free time
  std::size_t free_rows = 0;
  std::size_t alarm_rows = 0;  ///< of the free ones
};

struct recording_verdict {
  std::vector<fault_verdict> faults;
  std::vector<entity_verdict> entities;
  double step_days = 0;  ///< what one row is worth
};

/// The scored part of a recording: windows, fault-free time, rows. Nothing of it depends on a
/// detector, and nothing before scored_from() counts.
///
/// Window of a fault: [start - early, end], early = early_s of the recording, else the larger of
/// ten intervals and half an hour. Alarms of one entity nearer than the larger of three intervals
/// and ten minutes are one episode. An episode is judged by where it BEGINS: an alarm that never
/// ends finds nothing that comes later. Fault-free: rows outside all windows and ignored time.
/// As `strict` in the scorers of docs/evaluation.md. Nothing is point-adjusted.
class scored_truth {
public:
  scored_truth(const telemetry& scored, labels truth);

  const std::vector<fault_label>& faults() const noexcept { return truth_.faults; }
  std::size_t entities() const noexcept { return rows_.size(); }
  const std::vector<event_time>& rows(std::size_t entity) const { return rows_[entity]; }
  /// Per row: inside a fault of this entity; fault-free; to be counted in rankings.
  const std::vector<bool>& faulty(std::size_t entity) const { return faulty_[entity]; }
  const std::vector<bool>& free(std::size_t entity) const { return free_[entity]; }
  const std::vector<bool>& counted(std::size_t entity) const { return counted_[entity]; }
  milliseconds step() const noexcept { return step_; }
  milliseconds merge() const noexcept { return merge_; }
  event_time begin() const noexcept { return begin_; }
  bool concerns(std::size_t fault, std::size_t entity) const { return members_[fault][entity]; }

  /// Alarms merged into episodes and clipped to the scored time.
  std::vector<alarm_span> episodes(std::vector<alarm_span> alarms) const;
  /// @p alarms by entity; they are merged here.
  recording_verdict judge(const recording_alarms& alarms) const;

private:
  void drop_unscored_faults();
  void mark(const telemetry& scored);
  void judge_episode(const alarm_span& episode, std::size_t entity, recording_verdict& out) const;

  labels truth_;
  milliseconds step_{}, early_{}, merge_{};
  event_time begin_{}, last_{};
  std::vector<alarm_span> windows_;               // by fault
  std::vector<std::vector<bool>> members_;        // fault x entity
  std::vector<std::vector<alarm_span>> ignored_;  // by entity
  std::vector<std::vector<event_time>> rows_;
  std::vector<std::vector<bool>> faulty_, free_, counted_;
};

/// Runs of @p level >= @p limit over @p rows as spans, [first row, last row + step].
std::vector<alarm_span> spans_above(const std::vector<event_time>& rows,
                                    const std::vector<float>& level, double limit,
                                    milliseconds step);

/// Average precision, point by point, ties in one step. Nothing without both kinds of rows.
std::optional<double> average_precision(const std::vector<bool>& label,
                                        const std::vector<float>& score);

/// Volume under the range-based precision-recall surface (Paparrizos et al., PVLDB 15 (2022)
/// 2774) over buffers of 0 .. @p max_buffer samples with @p thresholds cut-offs at even ranks, as
/// the authors' code defines it. Nothing without a fault, or when all is one.
std::optional<double> vus_pr(const std::vector<bool>& label, const std::vector<float>& score,
                             std::size_t max_buffer = 100, std::size_t thresholds = 250);

}  // namespace faultline
