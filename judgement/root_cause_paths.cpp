// SPDX-License-Identifier: Apache-2.0
#include "judgement/root_cause_paths.hpp"

#include <algorithm>
#include <cmath>

#include "judgement/cause_question.hpp"

namespace faultline {
namespace {

/// A symptom counts as shown from here.
constexpr double shown = 1.0;
/// What is left over must be worth this much to be a fault of its own, nats.
constexpr double least_leftover = 3.0;

double plainest(const node_evidence& e) { return std::max(e.external, e.internal); }

bool anomalous(const cause_story& s, std::size_t n) {
  return plainest(s.seen.nodes[n]) >= shown || !s.question.nodes[n].alerts.empty();
}

/// Direct callers of each node, each once, in order.
std::vector<std::vector<std::size_t>> callers_of(const rca_question& q) {
  std::vector<std::vector<std::size_t>> callers(q.nodes.size());
  for (const placed_edge& e : placed_edges(q))
    if (e.from != e.to) callers[e.to].push_back(e.from);
  for (auto& list : callers) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  return callers;
}

/// Nats for "it is in trouble because of a cause that reaches it with @p chance", against nothing.
double worth(double lr, double chance, double background) {
  const double q = 1 - (1 - background) * (1 - chance);
  return std::log((q * std::exp(lr) + 1 - q) / (background * std::exp(lr) + 1 - background));
}

}  // namespace

std::vector<std::size_t> propagation_path(const cause_story& story, std::size_t r) {
  const auto callers = callers_of(story.question);
  constexpr std::size_t nobody = static_cast<std::size_t>(-1);
  std::vector<std::size_t> below(callers.size(), nobody);  // the step down towards r
  std::vector<std::size_t> ring{r};
  below[r] = r;
  std::size_t farthest = r;
  while (!ring.empty()) {
    std::vector<std::size_t> next;
    for (const std::size_t n : ring) {
      for (const std::size_t up : callers[n]) {
        if (below[up] != nobody || !anomalous(story, up)) continue;
        below[up] = n;
        next.push_back(up);
      }
    }
    // The plainest of the farthest.
    for (std::size_t i = 0; i < next.size(); ++i) {
      const bool plainer =
          plainest(story.seen.nodes[next[i]]) > plainest(story.seen.nodes[farthest]);
      if (i == 0 || plainer) farthest = next[i];
    }
    ring = std::move(next);
  }
  std::vector<std::size_t> path;
  for (std::size_t n = farthest; n != r; n = below[n]) path.push_back(n);
  path.push_back(r);
  std::reverse(path.begin(), path.end());
  return path;
}

std::optional<second_cause> second_cause_beside(const cause_story& story, std::size_t first,
                                                const posterior_weights& weights) {
  const std::size_t count = story.question.nodes.size();
  std::optional<second_cause> best;
  for (std::size_t r = 0; r < count; ++r) {
    if (r == first || story.passing[first][r] > 0 || story.passing[r][first] > 0) continue;
    const node_evidence& own = story.seen.nodes[r];
    second_cause c;
    c.node = r;
    if (plainest(own) < shown) continue;  // it must show something itself
    double up = plainest(own);
    c.leftover.push_back(r);
    for (std::size_t n = 0; n < count; ++n) {
      const double chance = story.passing[r][n];
      if (n == r || chance <= 0 || story.passing[first][n] > 0) continue;
      const double part = worth(story.seen.nodes[n].external, chance, weights.background);
      up += part;  // callers that are calm speak against it
      if (story.seen.nodes[n].external >= shown) c.leftover.push_back(n);
    }
    // One of so many looks this bad by chance.
    c.nats = up - std::log(static_cast<double>(count));
    if (c.nats < least_leftover) continue;
    if (!best || c.nats > best->nats) best = std::move(c);
  }
  return best;
}

}  // namespace faultline
