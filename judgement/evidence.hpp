// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "judgement/root_cause.hpp"
#include "processing/roles.hpp"

namespace faultline {

/// Numbers of the evidence. Set by hand from what they mean, not fitted to a data set.
struct evidence_weights {
  /// Our onset may be wrong by this much: ticks so close before it are in neither part.
  std::int64_t onset_margin_ms = 120'000;
  /// A baseline of fewer ticks says nothing.
  std::size_t min_baseline = 8;
  /// The newest ticks before the onset that make the baseline (modelling.md: a fresh one).
  std::size_t max_baseline = 360;
  /// Robust deviations below which a metric is as usual, whatever its history says.
  double usual = 3.5;
  /// Nats per e-fold of (deviation / what its own history reaches): under normal operation
  /// exceedances fall off like a power with this exponent, under a fault every magnitude is as
  /// likely.
  double slope = 2.2;
  /// Largest evidence for and against of one source, nats.
  double most = 8;
  double least = -3;
  /// What shows in single ticks only, where many were looked at, is worth this share (as a power
  /// of its strength).
  double brief = 0.4;
  /// A fall of a metric whose rise is the fault counts this share, and never more than so much.
  double wrong_way = 0.3;
  double wrong_way_most = 1.5;
  /// Surprise of a log template since the onset, in nats, that fault-free time reaches, and what an
  /// e-fold beyond it is worth. That something is not written is no evidence.
  double words_reach = 8;
  double words_slope = 2.2;
  double words_most = 4;
  /// A log that is known for less must say it more plainly, seconds.
  double words_known_s = 1800;
  /// Calls have stopped when they came in this share of the ticks and then in none of so many in a
  /// row; a tick is worth so many nats at most, all of them together `stop_most`.
  double stop_regular = 0.8;
  std::size_t stop_ticks = 2;
  double stop_each = 2;
  double stop_most = 4;
  /// A call may hang so long, and be known only when it ends: what has not come for less, and has
  /// not come again, may still be under way.
  std::int64_t stop_hang_ms = 120'000;
  /// Metrics of unknown meaning, and bytes on the wire, which follow the traffic.
  double little_most = 1.5;
};

/// Where a metric was measured.
enum class metric_scope : std::uint8_t {
  own,      ///< the entity itself
  out,      ///< its calls to `peer`: out_p50.cart, out_errors.cart, shop_out_p50.cart
  in,       ///< calls from `peer` to it: in_p50.front
  machine,  ///< the machine it runs on: node.cpu_pct; says nothing about the entity
};

/// What the name of a metric says about it.
struct metric_meaning {
  metric_role role = metric_role::none;
  metric_scope scope = metric_scope::own;
  int worse = 0;          ///< +1 a rise is bad, -1 a fall is bad, 0 either
  std::string_view how;   ///< for out and in: p50, errors
  std::string_view peer;  ///< likewise
};
metric_meaning meaning_of(std::string_view metric, const role_table& roles = {});

/// Robust level and scale of the ticks before a change.
struct fresh_baseline {
  double median = 0;
  double scale = 1;       ///< > 0
  std::size_t count = 0;  ///< values it rests on
};

/// The parts of a window: baseline = [first, last), then the margin, and [changed, end) where the
/// fault may show; changed lies before the onset by the margin, so that an onset told too late
/// costs nothing.
struct window_parts {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t changed = 0;
  std::size_t end = 0;
};
window_parts split(const entity_window& w, event_time onset, event_time as_of,
                   const evidence_weights& weights);

/// Median and max(IQR / 1.349, (p95 - p5) / 3.29, 1 % of the level, the instrument's step) of the
/// baseline ticks; nothing when there are too few.
std::optional<fresh_baseline> baseline_of(const std::vector<float>& values,
                                          const window_parts& parts,
                                          const evidence_weights& weights);

/// What packing adds to most values of a series that moves from its baseline to where it is since
/// the change, as a scale: its error grows with the distance of a value from the middle.
double packing_noise_of(const std::vector<float>& values, const window_parts& parts);

/// How a series left its baseline.
struct deviation {
  double strength = 0;  ///< share of what its own history reaches; 1 = just unusual
  double peak = 0;      ///< robust deviations, signed, of the scale of averaging that shows it best
  double lr = 0;        ///< log likelihood ratio fault : usual, within [least, most]
  double before = 0;    ///< baseline median
  double after = 0;     ///< mean over the ticks that show it best
  bool lasting = false;  ///< shows when averaged over four ticks or more
  bool cut = false;      ///< `peak` is the least that it was: a tick counts for so much at most
  event_time onset{};    ///< start of the tick at which it began (CUSUM)
  double onset_sigma_s = 0;
};

/// Multi-scale test of the changed part (means over 1, 2, 4, 8, 16 ticks) against the same means of
/// the baseline, and the CUSUM onset. @p worse as in metric_meaning. Nothing without a baseline or
/// without a value after the change.
std::optional<deviation> deviation_of(const entity_window& w, const std::vector<float>& values,
                                      int worse, const window_parts& parts,
                                      const evidence_weights& weights);
/// The same with the baseline of these values at hand.
std::optional<deviation> deviation_from(fresh_baseline base, const entity_window& w,
                                        const std::vector<float>& values, int worse,
                                        const window_parts& parts, const evidence_weights& weights);

/// One series of a question.
struct seen_series {
  metric_meaning meaning;
  std::optional<fresh_baseline> base;
  std::optional<deviation> shows;  ///< nothing of a machine's metric, which is not its own
};

/// Every series of a question, looked at once: evidence and ranker go by the same baselines.
struct seen_question {
  std::vector<window_parts> parts;               ///< of each node
  std::vector<std::vector<seen_series>> series;  ///< of each node and metric
  std::vector<window_parts> told_parts;          ///< the same of what logs and spans come to
  std::vector<std::vector<seen_series>> told;
};
seen_question look_at(const rca_question& question, const evidence_weights& weights);

/// One metric of a node with what it shows.
struct metric_evidence {
  std::string_view name;  ///< points into the question
  metric_meaning meaning;
  deviation shows;
};

/// The template of a log that came most beyond its habit since the onset.
struct word_evidence {
  const log_word* word = nullptr;  ///< points into the question
  double lines = 0;                ///< since the onset
  double usual = 0;                ///< as many were to be expected
  bool fresh = false;              ///< never written before
  double strength = 0;             ///< surprise as a share of what fault-free time reaches
  double lr = 0;                   ///< within [0, words_most]
};

/// What one candidate shows. Likelihood ratios are for "anomalous" against "as usual".
struct node_evidence {
  bool observed = false;  ///< it has metrics with a baseline
  bool silent = false;    ///< it used to send every tick and has stopped
  event_time silent_from{};
  std::vector<metric_evidence> metrics;
  /// Latency and errors: these travel up to callers. Traffic is in neither: it comes down from
  /// them.
  double external = 0;
  double internal = 0;           ///< cpu, memory, disk, network, saturation: these do not travel
  double internal_strength = 0;  ///< log of the largest `strength`, not bounded as the ratios are
  double external_strength = 0;
  std::array<double, 8> by_role{};  ///< best of each role
  std::array<bool, 8> has_role{};
  std::array<int, 8> best_of_role{};  ///< index into metrics, -1 = none
  int best_external = -1;
  int best_internal = -1;
  int best = -1;
  std::optional<word_evidence> words;  ///< where lr is not 0
  std::optional<event_time> onset;     ///< of its earliest strong deviation
  double onset_sigma_s = 0;
};

/// What a caller sees of a callee beyond what the callee sees of itself.
struct edge_evidence {
  std::size_t from = 0;
  std::size_t to = 0;
  bool has_latency = false;
  bool has_errors = false;
  double latency = 0;  ///< log likelihood ratio of the excess
  double errors = 0;
  double latency_strength = 0;  ///< log of `strength` of the excess
  double errors_strength = 0;   ///< likewise, of calls that fail
  double latency_peak = 0;      ///< robust deviations of the excess
  double rise = 0;              ///< of the caller's latency to it, in the metric's unit
  double own_rise = 0;          ///< of the callee's own
  bool own_known = false;       ///< the callee's own latency is measured
  double errors_peak = 0;
  std::string_view latency_metric;
  std::string_view errors_metric;
  std::optional<event_time> onset;
};

/// Calls that have ceased while their caller works.
struct stopped_calls {
  std::size_t from = 0;
  std::size_t to = 0;
  double lr = 0;       ///< log likelihood ratio stopped : a pause by chance
  event_time since{};  ///< first and last tick of the longest pause
  event_time until{};
  std::int64_t tick_ms = 0;
  bool may_hang = false;    ///< no call has ended since, and not for so long that none was made
  std::string_view metric;  ///< points into the question
};

struct evidence {
  std::vector<node_evidence> nodes;  ///< as the question's
  std::vector<edge_evidence> edges;  ///< measured ones, by (from, to)
  std::vector<stopped_calls> stops;  ///< by (from, to)
};

/// What the log of an entity says: lines in (onset - margin, as_of] of each template against its
/// habit before, the chance of one among many templates allowed for. Known templates count as
/// warnings and errors only. @p told: entity_window::told. Nothing where nothing is surprising.
std::optional<word_evidence> words_of(const entity_window& told, event_time onset, event_time as_of,
                                      const evidence_weights& weights);

/// All there is to see in a question. O(metrics x ticks). @p seen of the same question and weights.
evidence gather_evidence(const rca_question& question, const seen_question& seen,
                         const evidence_weights& weights);
evidence gather_evidence(const rca_question& question, const evidence_weights& weights);

}  // namespace faultline
