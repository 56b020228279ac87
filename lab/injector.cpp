// SPDX-License-Identifier: Apache-2.0
#include "lab/injector.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lab/injection_look_alikes.hpp"
#include "lab/injection_shapes.hpp"
#include "lab/metric_habits.hpp"

namespace faultline {

namespace {

constexpr int seen_rows = 3;
constexpr double seen_from = 3;                 // units of noise
constexpr double impact_from = 8;               // likewise
constexpr milliseconds apart{2 * 3600 * 1000};  // from labelled faults
constexpr milliseconds least_gap{3 * 3600 * 1000};

bool concerns(const std::vector<std::string>& entities, const std::string& id) {
  return entities.empty() || std::find(entities.begin(), entities.end(), id) != entities.end();
}

std::vector<busy_span> busy_of(const labels& l, const std::string& id) {
  std::vector<busy_span> out;
  for (const auto& f : l.faults)
    if (concerns(f.entities, id)) out.push_back({f.start - apart, f.end + apart});
  for (const auto& i : l.ignore)
    if (concerns(i.entities, id)) out.push_back({i.start - apart, i.end + apart});
  std::sort(out.begin(), out.end(),
            [](const busy_span& a, const busy_span& b) { return a.from < b.from; });
  return out;
}

/// Puts faults into one entity.
class entity_injector {
public:
  entity_injector(entity_series& series, const telemetry& t, const labels& l,
                  const injection_options& o, std::size_t index)
      : series_{series},
        options_{o},
        rng_{o.seed, "inject " + series.id, index},
        interval_ms_{static_cast<std::int64_t>(t.interval_s * 1000)},
        until_{t.train_until},
        busy_{busy_of(l, series.id)},
        habits_{habits_of(series, t.train_until)} {}

  void go(labels& truth, std::vector<change_row>& changes) {
    const bool able =
        std::any_of(habits_.begin(), habits_.end(), [](const metric_habit& h) { return h.moves; });
    if (series_.ts.empty() || !able) return;
    look_alike_source benign{series_, habits_, rng_, until_, interval_ms_};
    if (options_.repeated_backups && rng_.chance(0.4)) benign.nightly_backups(busy_, truth);
    const std::size_t before = truth.faults.size();
    place_faults(truth);
    const auto count = static_cast<std::size_t>(
        options_.look_alikes * static_cast<double>(truth.faults.size() - before) + 0.5);
    benign.scatter(count, busy_, truth, changes);
  }

private:
  void place_faults(labels& truth) {
    const event_time end = series_.ts.back();
    const double mean_ms = options_.quiet_hours * 3'600'000;
    const auto gap = [&] {
      const auto drawn = static_cast<std::int64_t>(rng_.exponential(mean_ms));
      return std::max(least_gap, milliseconds{drawn});
    };
    event_time at = std::max(until_, series_.ts.front()) + gap();
    // Behind a gap there is quiet again, as there is at the begin.
    const auto pass_gaps = [&] {
      for (event_time row; (row = behind_long_gap(series_.ts, at)) != at;) at = row + gap();
      return at;
    };
    while (pass_gaps() < end) {
      const auto shape =
          draw_injected_shape(rng_, interval_ms_, options_.shortest_ramp.count() * 1000,
                              options_.longest_ramp.count() * 1000, (end - at).count());
      const busy_span span{at, at + milliseconds{shape.end_ms}};
      if (span.to > end) break;
      if (const busy_span* other = first_overlap(busy_, span)) {
        at = other->to + milliseconds{static_cast<std::int64_t>(rng_.uniform() * 7'200'000)};
        continue;
      }
      if (auto label = add_fault(shape, at)) {
        label->id = series_.id + "#" + std::to_string(++count_);
        truth.faults.push_back(std::move(*label));
        insert_busy(busy_, {span.from - least_gap, span.to + least_gap});
      }
      at = span.to + gap();
    }
  }

  std::optional<fault_label> add_fault(const injected_shape& shape, event_time at) {
    const fault_type type = draw_type();
    const auto reaction = reaction_of(series_, habits_, type, until_, rng_);
    const double size = rng_.chance(1.0 / 7)
                            ? rng_.uniform(0.5, 2.2)
                            : portable_exp(rng_.uniform(portable_log(3.5), portable_log(25)));
    if (reaction.empty()) return std::nullopt;
    const auto first = static_cast<std::size_t>(
        std::upper_bound(series_.ts.begin(), series_.ts.end(), at) - series_.ts.begin());
    if (first == series_.ts.size()) return std::nullopt;
    fault_label label = described(type, shape, at, reaction);
    double furthest = 0;
    int seen = 0;
    for (std::size_t row = first; row < series_.rows(); ++row) {
      const double g = shape.at((series_.ts[row] - at).count());
      if (series_.ts[row] > label.end) break;
      const double off = g > 0 ? move_row(row, reaction, size * g) : 0;
      if (off >= seen_from && !label.visible_from) label.visible_from = series_.ts[row];
      seen += off >= seen_from ? 1 : 0;
      furthest = std::max(furthest, off);
    }
    label.visible = seen >= seen_rows;
    if (!*label.visible) label.visible_from.reset();
    label.impact = furthest >= impact_from;
    return label;
  }

  fault_label described(fault_type type, const injected_shape& shape, event_time at,
                        const std::vector<reacting_metric>& reaction) const {
    fault_label f;
    f.start = at;
    f.end = at + milliseconds{shape.end_ms};
    f.entities = f.roots = {series_.id};
    f.root_metric = series_.metrics[reaction[0].column];
    f.type = to_string(type);
    f.form = f.detail = to_string(shape.form);
    for (const auto& r : reaction) f.metrics.push_back(series_.metrics[r.column]);
    f.ramp_end = f.full_effect = at + milliseconds{shape.ramp_ms};
    if (is_held_out(type)) f.unseen.push_back("type");
    return f;
  }

  // @returns how far the furthest metric was moved, in units of its noise.
  double move_row(std::size_t row, const std::vector<reacting_metric>& reaction, double size) {
    double furthest = 0;
    const double wobble = 1 + 0.08 * rng_.normal();  // a fault is never the same twice
    for (const auto& r : reaction) {
      double& value = series_.values[row * series_.metrics.size() + r.column];
      if (std::isnan(value)) continue;
      const metric_habit& h = habits_[r.column];
      const double was = value;
      value = six_digits(std::clamp(was + r.weight * size * wobble * h.scale,
                                    std::min(h.least, was), std::max(h.most, was)));
      furthest = std::max(furthest, std::fabs(value - was) / h.scale);
    }
    return furthest;
  }

  fault_type draw_type() {
    const auto& from = options_.types.empty() ? every_fault_type() : options_.types;
    return from[rng_.below(from.size())];
  }

  entity_series& series_;
  const injection_options& options_;
  random_source rng_;
  std::int64_t interval_ms_;
  event_time until_;
  std::vector<busy_span> busy_;  // in order
  std::vector<metric_habit> habits_;
  std::size_t count_ = 0;
};

}  // namespace

std::optional<failure> validate(const injection_options& o) {
  if (!(o.quiet_hours > 0)) return failure{ec::invalid, "quiet_hours must be positive"};
  if (o.shortest_ramp < seconds{60} || o.longest_ramp < o.shortest_ramp)
    return failure{ec::invalid, "ramps must be at least a minute, the longest not the shorter one"};
  if (!(o.look_alikes >= 0 && o.look_alikes <= 100))
    return failure{ec::invalid, "look_alikes must be 0 .. 100"};
  return std::nullopt;
}

outcome<injected_recording> inject_faults(telemetry t, const labels& l,
                                          const injection_options& o) {
  if (auto why = validate(o)) return *why;
  if (o.train_until) t.train_until = *o.train_until;
  injected_recording out;
  out.truth.early_s = 0;
  out.truth.ignore = l.ignore;
  for (const auto& f : l.faults)
    out.truth.ignore.push_back({f.start, f.end, f.entities, "labelled in the original"});
  for (std::size_t e = 0; e < t.entities.size(); ++e)
    entity_injector{t.entities[e], t, l, o, e}.go(out.truth, t.changes);
  std::stable_sort(t.changes.begin(), t.changes.end(),
                   [](const change_row& a, const change_row& b) { return a.ts < b.ts; });
  std::stable_sort(out.truth.faults.begin(), out.truth.faults.end(),
                   [](const fault_label& a, const fault_label& b) { return a.start < b.start; });
  t.source += "; faults injected, seed " + std::to_string(o.seed);
  out.observed = std::move(t);
  return out;
}

std::vector<injected_recording> split_entities(const telemetry& t, const labels& l) {
  std::vector<injected_recording> out;
  for (const auto& series : t.entities) {
    if (series.ts.empty()) continue;
    injected_recording one;
    telemetry& o = one.observed;
    o.name = t.name + "/" + series.id;
    o.source = t.source;
    o.licence = t.licence;
    o.interval_s = t.interval_s;
    o.train_until = t.train_until;
    o.entities = {series};
    for (const auto& c : t.changes)
      if (c.entity == series.id) o.changes.push_back(c);
    for (const auto& line : t.logs)
      if (line.entity == series.id) o.logs.push_back(line);
    for (const auto& span : t.spans)
      if (span.entity == series.id) o.spans.push_back(span);
    one.truth.early_s = l.early_s;
    for (const auto& f : l.faults)
      if (concerns(f.entities, series.id)) one.truth.faults.push_back(f);
    for (const auto& i : l.ignore)
      if (concerns(i.entities, series.id)) one.truth.ignore.push_back(i);
    for (const auto& b : l.benign)
      if (concerns(b.entities, series.id)) one.truth.benign.push_back(b);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace faultline
