// SPDX-License-Identifier: Apache-2.0
#include "lab/scoring.hpp"

#include <algorithm>
#include <cmath>

namespace faultline {

namespace {

bool overlap(const alarm_span& a, const alarm_span& b) { return a.from <= b.to && a.to >= b.from; }
bool holds(const alarm_span& a, event_time t) { return a.from <= t && t <= a.to; }

bool any_holds(const std::vector<alarm_span>& spans, event_time t) {
  return std::any_of(spans.begin(), spans.end(), [&](const alarm_span& s) { return holds(s, t); });
}

bool names(const std::vector<std::string>& entities, const std::string& id) {
  return entities.empty() || std::find(entities.begin(), entities.end(), id) != entities.end();
}

milliseconds of_seconds(double s) { return milliseconds{static_cast<std::int64_t>(s * 1000)}; }

/// Sets @p mask where @p rows lie in @p span.
void mark_span(const std::vector<event_time>& rows, const alarm_span& span, bool value,
               std::vector<bool>& mask) {
  const auto first = std::lower_bound(rows.begin(), rows.end(), span.from) - rows.begin();
  const auto last = std::upper_bound(rows.begin(), rows.end(), span.to) - rows.begin();
  for (auto i = first; i < last; ++i) mask[static_cast<std::size_t>(i)] = value;
}

}  // namespace

scored_truth::scored_truth(const telemetry& scored, labels truth)
    : truth_{std::move(truth)},
      step_{of_seconds(scored.interval_s)},
      early_{truth_.early_s ? of_seconds(*truth_.early_s)
                            : std::max(10 * step_, milliseconds{1'800'000})},
      merge_{std::max(3 * step_, milliseconds{600'000})},
      begin_{scored_from(scored)},
      last_{begin_} {
  for (const auto& series : scored.entities) {
    const auto from = std::lower_bound(series.ts.begin(), series.ts.end(), begin_);
    rows_.emplace_back(from, series.ts.end());
    if (!rows_.back().empty()) last_ = std::max(last_, rows_.back().back());
  }
  drop_unscored_faults();
  mark(scored);
}

void scored_truth::drop_unscored_faults() {
  auto& faults = truth_.faults;
  faults.erase(
      std::remove_if(faults.begin(), faults.end(),
                     [&](const fault_label& f) { return f.end < begin_ || f.start > last_; }),
      faults.end());
  for (const auto& f : faults) windows_.push_back({std::max(f.start - early_, begin_), f.end});
}

void scored_truth::mark(const telemetry& scored) {
  members_.assign(faults().size(), std::vector<bool>(rows_.size()));
  for (std::size_t e = 0; e < rows_.size(); ++e) {
    const std::string& id = scored.entities[e].id;
    std::vector<bool> faulty(rows_[e].size()), free(rows_[e].size(), true);
    std::vector<bool> counted(rows_[e].size(), true);
    ignored_.emplace_back();
    for (const auto& i : truth_.ignore)
      if (names(i.entities, id)) ignored_[e].push_back({i.start, i.end});
    for (const auto& i : ignored_[e]) {
      mark_span(rows_[e], i, false, free);
      mark_span(rows_[e], i, false, counted);
    }
    for (std::size_t f = 0; f < faults().size(); ++f) {
      members_[f][e] = names(faults()[f].entities, id);
      mark_span(rows_[e], windows_[f], false, free);
      if (!members_[f][e]) continue;
      mark_span(rows_[e], {faults()[f].start, faults()[f].end}, true, faulty);
      mark_span(rows_[e], {faults()[f].start, faults()[f].end}, true, counted);
    }
    faulty_.push_back(std::move(faulty));
    free_.push_back(std::move(free));
    counted_.push_back(std::move(counted));
  }
}

std::vector<alarm_span> scored_truth::episodes(std::vector<alarm_span> alarms) const {
  std::vector<alarm_span> kept, out;
  for (const auto& a : alarms)
    if (a.to >= begin_ && a.from <= last_ + step_) kept.push_back({std::max(a.from, begin_), a.to});
  std::sort(kept.begin(), kept.end(),
            [](const alarm_span& a, const alarm_span& b) { return a.from < b.from; });
  for (const auto& a : kept) {
    const bool same = !out.empty() && (a.from - out.back().to < merge_ || a.from <= out.back().to);
    if (same)
      out.back().to = std::max(out.back().to, a.to);
    else
      out.push_back(a);
  }
  return out;
}

recording_verdict scored_truth::judge(const recording_alarms& alarms) const {
  recording_verdict out;
  out.step_days = static_cast<double>(step_.count()) / 86'400'000.0;
  for (const auto& f : faults()) out.faults.push_back({&f, {}, false});
  out.entities.resize(rows_.size());
  for (std::size_t e = 0; e < rows_.size(); ++e) {
    auto& verdict = out.entities[e];
    for (const bool free : free_[e]) verdict.free_rows += free ? 1 : 0;
    if (e >= alarms.size()) continue;
    std::vector<bool> under(rows_[e].size());
    for (const auto& episode : episodes(alarms[e])) {
      mark_span(rows_[e], episode, true, under);
      judge_episode(episode, e, out);
    }
    for (std::size_t i = 0; i < under.size(); ++i)
      verdict.alarm_rows += under[i] && free_[e][i] ? 1 : 0;
  }
  return out;
}

void scored_truth::judge_episode(const alarm_span& episode, std::size_t entity,
                                 recording_verdict& out) const {
  bool begins_in_own = false;
  for (std::size_t f = 0; f < windows_.size(); ++f) {
    if (!members_[f][entity]) continue;
    auto& verdict = out.faults[f];
    verdict.overlapped = verdict.overlapped || overlap(episode, windows_[f]);
    if (!holds(windows_[f], episode.from)) continue;
    begins_in_own = true;
    if (!verdict.paged || episode.from < *verdict.paged) verdict.paged = episode.from;
  }
  if (begins_in_own)
    ++out.entities[entity].true_episodes;
  else if (!any_holds(windows_, episode.from) && !any_holds(ignored_[entity], episode.from))
    ++out.entities[entity].false_episodes;
}

std::vector<alarm_span> spans_above(const std::vector<event_time>& rows,
                                    const std::vector<float>& level, double limit,
                                    milliseconds step) {
  std::vector<alarm_span> out;
  bool on = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool above = static_cast<double>(level[i]) >= limit;
    if (above && !on) out.push_back({rows[i], rows[i]});
    if (above) out.back().to = rows[i] + step;
    on = above;
  }
  return out;
}

}  // namespace faultline
