// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "lab/scoring.hpp"

namespace faultline {

namespace {

std::vector<std::size_t> by_falling(const std::vector<float>& score) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
  return order;
}

struct run {
  std::size_t first, last;
};

std::vector<run> runs_of(const std::vector<bool>& label) {
  std::vector<run> out;
  for (std::size_t i = 0; i < label.size(); ++i) {
    if (!label[i]) continue;
    if (i > 0 && label[i - 1])
      out.back().last = i;
    else
      out.push_back({i, i});
  }
  return out;
}

/// What is the same for every buffer.
struct surface {
  const std::vector<bool>& label;
  const std::vector<float>& score;
  std::vector<run> faults;
  std::vector<std::size_t> order;
  std::vector<std::size_t> cuts;  // samples flagged at each cut-off
  double size = 0;                // samples inside faults
};

// Weights of the samples around faults, and faults with their buffers merged.
void buffers(const surface& s, std::size_t w, std::vector<double>& extra,
             std::vector<run>& groups) {
  const std::size_t n = s.label.size(), half = w / 2;
  std::fill(extra.begin(), extra.end(), 0.0);
  groups.clear();
  for (const run& f : s.faults) {
    for (std::size_t d = 1; d <= half; ++d) {
      const double weight = std::sqrt(1 - static_cast<double>(d) / static_cast<double>(w));
      if (f.last + d < n) extra[f.last + d] += weight;
      if (f.first >= d) extra[f.first - d] += weight;
    }
    const std::size_t low = f.first >= half ? f.first - half : 0;
    const std::size_t high = std::min(f.last + half, n - 1);
    if (!groups.empty() && low <= groups.back().last)
      groups.back().last = high;
    else
      groups.push_back({low, high});
  }
  for (std::size_t i = 0; i < n; ++i) extra[i] = s.label[i] ? 0 : std::min(extra[i], 1.0);
}

double area_of(const surface& s, const std::vector<double>& extra, const std::vector<run>& groups) {
  std::vector<float> tops;
  for (const run& g : groups)
    tops.push_back(*std::max_element(s.score.begin() + static_cast<std::ptrdiff_t>(g.first),
                                     s.score.begin() + static_cast<std::ptrdiff_t>(g.last) + 1));
  std::sort(tops.begin(), tops.end(), std::greater<>{});
  double area = 0, before = 0, core = 0, around = 0;
  std::size_t touched = 0, done = 0;
  for (const std::size_t flagged : s.cuts) {
    for (; done < flagged; ++done) {
      core += s.label[s.order[done]] ? 1 : 0;
      around += extra[s.order[done]];
    }
    const float threshold = s.score[s.order[flagged - 1]];
    while (touched < tops.size() && tops[touched] >= threshold) ++touched;
    const double tp = core + around;
    const double recall = std::min(tp / (s.size + around / 2), 1.0) * static_cast<double>(touched) /
                          static_cast<double>(tops.size());
    area += (recall - before) * (tp / static_cast<double>(flagged));
    before = recall;
  }
  return area;
}

}  // namespace

std::optional<double> average_precision(const std::vector<bool>& label,
                                        const std::vector<float>& score) {
  const auto total = static_cast<double>(std::count(label.begin(), label.end(), true));
  if (total == 0 || static_cast<std::size_t>(total) == label.size()) return std::nullopt;
  const auto order = by_falling(score);
  double ap = 0, tp = 0, recall = 0;
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    for (; j < order.size() && score[order[j]] == score[order[i]]; ++j)
      tp += label[order[j]] ? 1 : 0;
    ap += (tp / total - recall) * (tp / static_cast<double>(j));
    recall = tp / total;
    i = j;
  }
  return ap;
}

std::optional<double> vus_pr(const std::vector<bool>& label, const std::vector<float>& score,
                             std::size_t max_buffer, std::size_t thresholds) {
  surface s{label, score, runs_of(label), {}, {}, 0};
  const std::size_t n = label.size();
  s.size = static_cast<double>(std::count(label.begin(), label.end(), true));
  if (s.faults.empty() || static_cast<std::size_t>(s.size) == n || thresholds < 2)
    return std::nullopt;
  s.order = by_falling(score);
  for (std::size_t k = 0; k < thresholds; ++k) {
    const float at = score[s.order[k * (n - 1) / (thresholds - 1)]];
    const auto below = std::partition_point(s.order.begin(), s.order.end(),
                                            [&](std::size_t i) { return score[i] >= at; });
    s.cuts.push_back(static_cast<std::size_t>(below - s.order.begin()));
  }
  std::vector<double> extra(n);
  std::vector<run> groups;
  double sum = 0;
  for (std::size_t w = 0; w <= max_buffer; ++w) {
    buffers(s, w, extra, groups);
    sum += area_of(s, extra, groups);
  }
  return sum / static_cast<double>(max_buffer + 1);
}

}  // namespace faultline
