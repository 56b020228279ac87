// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "inference/forecaster.hpp"
#include "inference/ranker.hpp"
#include "judgement/correlator_core.hpp"
#include "judgement/options.hpp"
#include "judgement/root_cause.hpp"
#include "lab/recording.hpp"
#include "messages/incident.hpp"
#include "processing/options.hpp"

// Replays a recording through the same judgement as the server's, at full speed on event time, and
// writes down what it says in the formats of the scorers. What may be known is kept apart by type:
// a run takes telemetry alone; labels come in afterwards, to choose which answer belongs to which
// fault. How good the answers are is for the scorers to say, not for this code.

namespace faultline {

/// Models a run uses. nullptr: without it, as a server that has no such file.
struct evaluation_models {
  forecaster* forecast = nullptr;
  cause_ranker* ranker = nullptr;
};

/// As the server's; processing.accept_past is always on here.
struct evaluation_options {
  processing_options processing;
  detection_options detection;
  correlation_options correlation;
  root_cause_options root_cause;
  /// In place of correlation.false_incidents_per_entity_month; nothing: as many as false pages.
  std::optional<double> false_incidents;
  /// Our own onset: rows after the end of a fault within which its incident may still begin, and be
  /// explained, as the baselines of ../shared/eval allow.
  double own_grace = 2;
};

/// Called now and then with the number of events judged so far, training included.
using evaluation_progress = std::function<void(std::uint64_t)>;

/// A recording as a detector may see it, and the one that trains it where that is another.
struct evaluation_input {
  telemetry scored;
  std::optional<telemetry> training;  ///< only what lies before its train_until

  /// Events a run will judge.
  std::uint64_t events() const noexcept;
};

/// Reads the telemetry of the recording in directory @p path; never its labels. @returns what
/// read_telemetry() returns, ec::invalid when the training rows are later than the scored ones.
outcome<evaluation_input> read_evaluation_input(const std::filesystem::path& path);

/// A sentence for each part of @p input that a run will leave out: what could not be read, metrics
/// beyond what an entity may have, and everything where no row is to be scored.
std::vector<std::string> what_is_left_out(const evaluation_input& input);

// ---- detection ---------------------------------------------------------------------------------

/// One alert episode as an operator was told of it.
struct told_alert {
  std::string id;
  std::string entity;
  std::string metric;
  event_time started{};             ///< when it was first told: nothing is dated back
  std::optional<event_time> ended;  ///< nothing: still on at the end
  alert_severity severity = alert_severity::warning;  ///< the highest it had
  double score = 0;                                   ///< likewise
  std::optional<double> lead_time_s;                  ///< as first told
};

struct scored_tick {
  event_time ts{};
  std::uint32_t entity = 0;  ///< index in detection_run::entities
  float score = 0;           ///< 0..1, larger is more suspicious
  float soon = -1;           ///< what the forecaster's head says (entity_belief::soon); -1: nothing
};

struct detection_run {
  std::vector<std::string> entities;
  std::vector<told_alert> alerts;  ///< in the order told
  /// Of the scored part, in the order judged; in order of time where rows come more often than
  /// ticks: those between two have what was believed since the first.
  std::vector<scored_tick> scores;
  std::size_t ticks = 0;  ///< that were judged
};

/// Learns from the training part with alerts off, then judges the rest with alerts on.
detection_run run_detection(const evaluation_input& input, const evaluation_options& options,
                            const evaluation_models& models,
                            const evaluation_progress& progress = {});

/// Writes @p directory/alerts.jsonl and scores.csv.gz (ts,entity,score). The same run gives the
/// same bytes. @returns ec::io_failed.
outcome<void> write_detection(const std::filesystem::path& directory, const detection_run& run);

// ---- root cause --------------------------------------------------------------------------------

/// The ranking for one fault.
struct cause_answer {
  std::string recording;
  std::string fault;
  bool abstained = true;
  std::vector<ranked_cause> causes;  ///< candidates only; with what is unobserved they add up to 1
  std::vector<std::pair<std::string, double>> alerting;  ///< entity and score, told by as_of
  std::string incident;                                  ///< empty: none was found
  bool predates = false;  ///< the incident stood before the fault began
  event_time onset{};     ///< ours, or the one given
  event_time as_of{};
};

/// How a fault's onset reaches the ranking.
enum class onset_source : std::uint8_t {
  own,    ///< it does not: one of our incidents is matched after the run
  given,  ///< the harness hands over its start, and nothing else
};

/// What the harness gives away of a fault under onset_source::given.
struct given_onset {
  event_time start{};
  event_time as_of{};  ///< nothing later is looked at
};

/// Everything said of one incident, one entry per transition that was told, in order.
struct incident_history {
  std::string id;
  event_time started{};
  std::optional<event_time> ended;
  std::vector<incident> told;
};

/// One transition of an alert, as far as it matters here.
struct alert_word {
  std::string id;
  std::string entity;
  event_time at{};
  double score = 0;
};

struct incident_run {
  std::vector<incident_history> incidents;  ///< by the order of their first transition
  std::vector<alert_word> alerts;           ///< in the order told
  sign_counters signs;                      ///< what became of weak signs
};

/// Judges the whole recording and keeps what was said of incidents.
incident_run run_incidents(const evaluation_input& input, const evaluation_options& options,
                           const evaluation_models& models,
                           const evaluation_progress& progress = {});

/// What an operator had before him: the first incident that began since the start of each fault, or
/// the newest of those that stood already, as it stood ten minutes (two rows, where rows are rarer)
/// after that, or after the fault's start, at most @p grace rows after the fault's end. An
/// abstention without causes where there is none. History of earlier faults is not used.
std::vector<cause_answer> match_incidents(const incident_run& run, const telemetry& scored,
                                          const labels& truth, double grace = 0);

/// Incidents in fault-free time: what lies outside of every fault and the ten minutes after it.
struct incident_rate {
  double entity_days = 0;
  std::size_t paged = 0;    ///< began there, opened by an alert
  std::size_t by_sign = 0;  ///< began there, opened by weak signs and a strong cause
  sign_counters signs;      ///< of the whole run

  /// Per entity and month (30 days) of fault-free time; 0 where there is none.
  double a_month(std::size_t incidents) const noexcept {
    return entity_days > 0 ? 30 * static_cast<double>(incidents) / entity_days : 0;
  }
};
incident_rate rate_of(const incident_run& run, const telemetry& scored, const labels& truth);

/// Asks for the cause at each of @p onsets with the windows as of its as_of. The answers stand in
/// the order of @p onsets; their recording and fault are for the caller to fill in.
std::vector<cause_answer> ask_at_onsets(const evaluation_input& input,
                                        const std::vector<given_onset>& onsets,
                                        const evaluation_options& options,
                                        const evaluation_models& models,
                                        const evaluation_progress& progress = {});

/// Runs @p input, read from directory @p path, either way: one answer per fault of the scored part,
/// in the order of the labels. @p quiet, if given, receives the rate of incidents in fault-free
/// time (own onset alone). @returns what reading the labels returns.
outcome<std::vector<cause_answer>> evaluate_root_cause(
    const evaluation_input& input, const std::filesystem::path& path, onset_source onset,
    const evaluation_options& options, const evaluation_models& models,
    const evaluation_progress& progress = {}, incident_rate* quiet = nullptr);

/// The same of a recording that is read here. @returns also what reading it returns.
outcome<std::vector<cause_answer>> evaluate_root_cause(const std::filesystem::path& path,
                                                       onset_source onset,
                                                       const evaluation_options& options,
                                                       const evaluation_models& models,
                                                       const evaluation_progress& progress = {},
                                                       incident_rate* quiet = nullptr);

/// One JSON line of causes.jsonl, without its end of line.
std::string causes_line(const cause_answer& answer);

}  // namespace faultline
