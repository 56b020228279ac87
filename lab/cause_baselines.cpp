// SPDX-License-Identifier: Apache-2.0
#include "lab/cause_baselines.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include "judgement/evidence.hpp"
#include "lab/statistics.hpp"

namespace faultline {

namespace {

constexpr std::size_t most_before = 300;
constexpr std::size_t least_before = 8;
/// A flat line must not blow up on its last digit.
constexpr double level_floor = 0.01;
constexpr double largest_floor = 0.001;
constexpr double alert_quantile = 0.95;
constexpr double least_alert = 3;
constexpr double default_alert = 5;  // where the past is too short to tell
/// Of the random walk: chance to begin anew, and to go back up, against going down.
constexpr double restart = 0.15;
constexpr double back = 0.1;
constexpr int walk_steps = 100;

struct parted {
  std::size_t first = 0, onset = 0, end = 0;
};

parted parts_of(const entity_window& w, event_time onset, event_time as_of) {
  const auto by = [&](event_time t) {
    return static_cast<std::size_t>(std::upper_bound(w.ts.begin(), w.ts.end(), t) - w.ts.begin());
  };
  parted p;
  p.end = by(as_of);
  p.onset = std::min(by(onset), p.end);
  p.first = p.onset > most_before ? p.onset - most_before : 0;
  return p;
}

struct centred {
  double centre = 0, scale = 1;
};

centred centre_of(const std::vector<double>& before, double largest, bool robust) {
  centred c;
  if (robust) {
    c.centre = quantile_of(before, 0.5);
    c.scale = quantile_of(before, 0.75) - quantile_of(before, 0.25);
  } else {
    const auto n = static_cast<double>(before.size());
    c.centre = std::accumulate(before.begin(), before.end(), 0.0) / n;
    double squares = 0;
    for (const double x : before) squares += (x - c.centre) * (x - c.centre);
    c.scale = std::sqrt(squares / n);
  }
  c.scale = std::max({c.scale, level_floor * std::abs(c.centre), largest_floor * largest, 1e-12});
  return c;
}

/// Deviations of every tick of the window, largest over the metrics; NaN where nothing is known.
std::vector<double> deviations(const rca_node& node, const parted& p, bool robust) {
  std::vector<double> worst(p.end, 0);
  for (const metric_window& m : node.window.metrics) {
    if (meaning_of(m.name).scope != metric_scope::own) continue;
    std::vector<double> before;
    double largest = 0;
    for (std::size_t n = p.first; n < p.end && n < m.values.size(); ++n) {
      if (!std::isfinite(m.values[n])) continue;
      largest = std::max(largest, std::abs(static_cast<double>(m.values[n])));
      if (n < p.onset) before.push_back(m.values[n]);
    }
    if (before.size() < least_before) continue;
    const centred c = centre_of(before, largest, robust);
    for (std::size_t n = p.first; n < p.end && n < m.values.size(); ++n) {
      if (!std::isfinite(m.values[n])) continue;
      worst[n] = std::max(worst[n], std::abs(m.values[n] - c.centre) / c.scale);
    }
  }
  return worst;
}

struct node_score {
  double score = 0;
  double limit = default_alert;
};

/// Largest deviation since the onset, and what windows of the same length reached before it.
node_score score_of(const rca_node& node, const rca_question& q, bool robust) {
  const parted p = parts_of(node.window, q.onset, q.as_of);
  const std::vector<double> worst = deviations(node, p, robust);
  node_score s;
  for (std::size_t n = p.onset; n < p.end; ++n) s.score = std::max(s.score, worst[n]);
  const std::size_t length = std::max<std::size_t>(1, p.end - p.onset);
  std::vector<double> past;
  for (std::size_t n = p.first; n + length <= p.onset; n += std::max<std::size_t>(1, length / 2)) {
    past.push_back(*std::max_element(worst.begin() + static_cast<std::ptrdiff_t>(n),
                                     worst.begin() + static_cast<std::ptrdiff_t>(n + length)));
  }
  if (past.size() >= 10) s.limit = std::max(least_alert, quantile_of(past, alert_quantile));
  return s;
}

using links = std::vector<std::vector<std::size_t>>;

links callees_of(const rca_question& q) {
  std::map<std::string_view, std::size_t> by_id;
  for (std::size_t n = 0; n < q.nodes.size(); ++n) by_id.emplace(q.nodes[n].entity, n);
  links out(q.nodes.size());
  for (const rca_edge& e : q.edges) {
    const auto from = by_id.find(e.from), to = by_id.find(e.to);
    if (from != by_id.end() && to != by_id.end() && from != to)
      out[from->second].push_back(to->second);
  }
  return out;
}

std::vector<double> traverse(const std::vector<node_score>& scores, const links& callees) {
  double top = 1;
  for (const node_score& s : scores) top = std::max(top, 1 + s.score);
  std::vector<double> out;
  for (std::size_t n = 0; n < scores.size(); ++n) {
    const auto hot = [&](std::size_t i) { return scores[i].score > scores[i].limit; };
    const bool below = std::any_of(callees[n].begin(), callees[n].end(), hot);
    out.push_back((hot(n) ? (below ? 1 : 2) : 0) * top + scores[n].score);
  }
  return out;
}

/// Stationary share of a walk that begins where things are bad, goes down to bad dependencies,
/// seldom back up, and stays where nothing below is as bad.
std::vector<double> walk(const std::vector<node_score>& scores, const links& callees) {
  const std::size_t count = scores.size();
  std::vector<double> worth, begin(count);
  for (const node_score& s : scores) worth.push_back(std::log1p(s.score));
  const double sum = std::accumulate(worth.begin(), worth.end(), 1e-9);
  std::vector<std::vector<std::pair<std::size_t, double>>> to(count);
  for (std::size_t n = 0; n < count; ++n) {
    begin[n] = (worth[n] + 1e-9 / static_cast<double>(count)) / sum;
    double most = 0;
    for (const std::size_t c : callees[n]) {
      most = std::max(most, worth[c]);
      to[n].emplace_back(c, worth[c] + 1e-9);
      to[c].emplace_back(n, back * worth[n] + 1e-9);
    }
    to[n].emplace_back(n, std::max(1e-9, worth[n] - most));
  }
  std::vector<double> at = begin;
  for (int step = 0; step < walk_steps; ++step) {
    std::vector<double> next(count);
    for (std::size_t n = 0; n < count; ++n) {
      double out = 0;
      for (const auto& [i, w] : to[n]) out += w;
      for (const auto& [i, w] : to[n]) next[i] += (1 - restart) * at[n] * w / out;
      next[n] += restart * begin[n];
    }
    at = std::move(next);
  }
  return at;
}

}  // namespace

const char* to_string(cause_baseline which) noexcept {
  switch (which) {
    case cause_baseline::nsigma:
      return "N-Sigma";
    case cause_baseline::robust:
      return "robust (BARO-like)";
    case cause_baseline::traversal:
      return "traversal";
    case cause_baseline::random_walk:
      return "random walk";
  }
  return "unknown";
}

std::vector<ranked_cause> baseline_causes(cause_baseline which, const rca_question& question) {
  std::vector<node_score> scores;
  for (const rca_node& n : question.nodes) {
    scores.push_back(score_of(n, question, which != cause_baseline::nsigma));
  }
  std::vector<double> points;
  if (which == cause_baseline::traversal) {
    points = traverse(scores, callees_of(question));
  } else if (which == cause_baseline::random_walk) {
    points = walk(scores, callees_of(question));
  } else {
    for (const node_score& s : scores) points.push_back(s.score);
  }
  const double sum = std::accumulate(points.begin(), points.end(), 0.0);
  std::vector<ranked_cause> causes;
  for (std::size_t n = 0; n < points.size(); ++n) {
    ranked_cause c;
    c.entity = question.nodes[n].entity;
    c.probability = sum > 0 ? points[n] / sum : 0;
    causes.push_back(std::move(c));
  }
  std::sort(causes.begin(), causes.end(), [](const ranked_cause& a, const ranked_cause& b) {
    return a.probability != b.probability ? a.probability > b.probability : a.entity < b.entity;
  });
  return causes;
}

std::vector<std::pair<std::string, double>> baseline_alerts(const rca_question& question) {
  std::vector<std::pair<std::string, double>> alerts;
  for (const rca_node& n : question.nodes) {
    const node_score s = score_of(n, question, true);
    if (s.score > s.limit) alerts.emplace_back(n.entity, s.score / s.limit);
  }
  return alerts;
}

}  // namespace faultline
