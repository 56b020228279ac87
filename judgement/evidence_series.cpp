// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <cstdint>
#include <limits>

#include "judgement/evidence.hpp"

namespace faultline {
namespace {

constexpr std::array<std::size_t, 5> widths{1, 2, 4, 8, 16};
constexpr std::size_t lasting_width = 4;
/// A tick counts for at most this many deviations, so that one wild value is no lasting change.
constexpr double clip = 1e4;
/// Allowance of the CUSUM as a share of the peak, and its least value.
constexpr double allowance_share = 0.2;
constexpr double least_allowance = 1.0;
/// Share of what the history reaches at which the quantile of its means stands.
constexpr double history_quantile = 0.975;
constexpr double history_headroom = 1.15;
/// Expected number of its means that lie beyond that, in as long a time as is looked at.
constexpr double looked_for = 0.5;
constexpr double level_floor = 0.01;
/// A baseline that never moved says nothing of the noise: a step of its instrument is unknown, and
/// the window's largest value stands for twenty of them.
constexpr double constant_floor = 0.05;
/// What packing a window adds: below this share of the window's largest deviation a spread over
/// few distinct values is none, and the baseline did not move.
constexpr double packing_noise = 2e-4;
constexpr std::size_t few_values = 16;  ///< one distinct value in so many, or fewer
/// Less than a step of any metric in any unit.
constexpr double least_scale = 1e-15;

/// Quantile of values in ascending order.
double quantile(const std::vector<float>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const double a = sorted[low];
  if (low + 1 >= sorted.size()) return a;
  return a + (at - static_cast<double>(low)) * (sorted[low + 1] - a);
}

/// Least and largest of values that are finite.
struct bounds {
  float least = std::numeric_limits<float>::max();
  float most = -std::numeric_limits<float>::max();

  void take(float v) {
    least = std::min(least, v);
    most = std::max(most, v);
  }
};

bounds bounds_of(const std::vector<float>& values) {
  constexpr std::size_t lanes = 8;  // side by side, so that none waits for the one before
  std::array<bounds, lanes> beside;
  std::size_t n = 0;
  for (; n + lanes <= values.size(); n += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) beside[lane].take(values[n + lane]);
  for (; n < values.size(); ++n) beside[0].take(values[n]);
  for (const bounds& b : beside) beside[0].take(b.least), beside[0].take(b.most);
  return beside[0];
}

/// Values in buckets of equal width, for quantiles without sorting all of them.
class ranks {
public:
  ranks(const std::vector<float>& values, const bounds& all) {
    const double low = all.least;
    const double range = static_cast<double>(all.most) - low;
    const double per_unit = range > 0 ? (buckets - 1) / range : 0;
    std::vector<std::int32_t> bucket(values.size());
    for (std::size_t n = 0; n < values.size(); ++n)
      bucket[n] = static_cast<std::int32_t>((values[n] - low) * per_unit);
    for (const std::int32_t b : bucket) ++begin_[static_cast<std::size_t>(b) + 1];
    for (std::size_t b = 0; b < buckets; ++b) begin_[b + 1] += begin_[b];
    placed_.resize(values.size());
    auto next = begin_;
    for (std::size_t n = 0; n < values.size(); ++n)
      placed_[next[static_cast<std::size_t>(bucket[n])]++] = values[n];
  }

  /// As of the sorted values.
  double quantile(double q) {
    const double at = q * static_cast<double>(placed_.size() - 1);
    const auto low = static_cast<std::size_t>(at);
    const double a = value(low);
    if (low + 1 >= placed_.size()) return a;
    return a + (at - static_cast<double>(low)) * (value(low + 1) - a);
  }

private:
  static constexpr std::size_t buckets = 64;

  /// What sorting would put at place @p rank.
  double value(std::size_t rank) {
    const auto behind = std::upper_bound(begin_.begin(), begin_.end(), rank);
    const auto b = static_cast<std::size_t>(behind - begin_.begin()) - 1;
    if (!sorted_.test(b)) {
      sorted_.set(b);
      const auto at = [&](std::size_t n) {
        return placed_.begin() + static_cast<std::ptrdiff_t>(n);
      };
      std::sort(at(begin_[b]), at(begin_[b + 1]));
    }
    return placed_[rank];
  }

  std::array<std::uint32_t, buckets + 1> begin_{};  ///< values in the buckets before
  std::vector<float> placed_;                       ///< by bucket
  std::bitset<buckets> sorted_;                     ///< within
};

/// How many of @p count values are not below their quantile @p q, its lower neighbour included.
std::size_t kept_of(std::size_t count, double q) {
  return count - static_cast<std::size_t>(q * static_cast<double>(count - 1));
}

/// Quantile near the top in one pass: only the largest values are kept in order.
double upper_quantile(const std::vector<double>& values, double q, std::vector<double>& largest) {
  const double at = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t keep = kept_of(values.size(), q);
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(keep);
  largest.assign(values.begin(), first);
  std::sort(largest.begin(), largest.end());  // ascending, the smallest of the kept first
  for (auto v = first; v != values.end(); ++v) {
    if (*v <= largest.front()) continue;
    for (std::size_t n = 0; n + 1 < keep; ++n)  // puts it in its place without a branch
      largest[n] = std::max(largest[n], std::min(*v, largest[n + 1]));
    largest.back() = std::max(largest.back(), *v);
  }
  if (keep < 2) return largest[0];
  return largest[0] + (at - static_cast<double>(low)) * (largest[1] - largest[0]);
}

std::size_t present_in(const std::vector<float>& values, std::size_t first, std::size_t end) {
  std::size_t present = 0;
  for (std::size_t n = first; n < end; ++n) present += std::isfinite(values[n]) ? 1 : 0;
  return present;
}

/// The part of a deviation that counts: a fall where a rise is bad counts little.
template <int worse>
double counted(double z, double wrong_way) {
  if constexpr (worse == 0) return std::abs(z);
  const double bad = worse * z;
  return std::max(bad, -bad * wrong_way);
}

/// A hole of so many ticks is a break: the level behind it may be another.
constexpr std::int64_t break_ticks = 128;
/// Ticks no further apart than this belong to one run.
constexpr std::int64_t run_ticks = 3;
/// Newest ticks of a run that tell its level.
constexpr std::size_t level_ticks = 8;

/// First tick behind the last break of the baseline, or parts.first.
std::size_t behind_break(const entity_window& w, const window_parts& parts) {
  const milliseconds hole{break_ticks * std::max<std::int64_t>(1, w.tick_ms)};
  for (std::size_t n = parts.last; n > parts.first + 1; --n) {
    if (w.ts[n - 1] - w.ts[n - 2] > hole) return n - 1;
  }
  return parts.first;
}

/// The level right before the change where a break lies in the baseline.
struct fresh_level {
  double level = 0;
  std::size_t count = 0;  ///< ticks it rests on
};
fresh_level level_before(const entity_window& w, const std::vector<float>& values,
                         const window_parts& parts) {
  const milliseconds near{run_ticks * std::max<std::int64_t>(1, w.tick_ms)};
  std::vector<float> run;
  for (std::size_t n = parts.last; n > parts.first && run.size() < level_ticks; --n) {
    if (n < parts.last && w.ts[n] - w.ts[n - 1] > near) break;
    if (n <= values.size() && std::isfinite(values[n - 1])) run.push_back(values[n - 1]);
  }
  if (run.empty()) return {};
  std::sort(run.begin(), run.end());
  return {quantile(run, 0.5), run.size()};
}

struct best_mean {
  double strength = 0;
  double z = 0;           ///< mean deviation, signed
  std::size_t begin = 0;  ///< of its ticks
  std::size_t end = 0;
  std::size_t width = 0;
};

/// Means over `width` values of [from, to), from running sums (sums[n] = of the first n values).
void means(const std::vector<double>& sums, std::size_t from, std::size_t to, std::size_t width,
           std::vector<double>& out) {
  out.resize(to - from - width + 1);
  const double share = 1 / static_cast<double>(width);
  const double* low = sums.data() + from;
  const double* high = low + width;
  for (std::size_t n = 0; n < out.size(); ++n) out[n] = (high[n] - low[n]) * share;
}

/// How many means over `width` values of [0, to) @p count for more than @p bound.
template <class Count>
std::size_t means_beyond(const std::vector<double>& sums, std::size_t to, std::size_t width,
                         double bound, Count count) {
  const double share = 1 / static_cast<double>(width);
  std::size_t beyond = 0;
  for (std::size_t n = 0; n + width <= to; ++n)
    beyond += count((sums[n + width] - sums[n]) * share) > bound ? 1 : 0;
  return beyond;
}

/// z holds present values only; [0, history) is the baseline, [changed, size) the part that may
/// show it.
template <int worse>
best_mean strongest(const std::vector<double>& z, std::size_t history, std::size_t changed,
                    const evidence_weights& weights) {
  const auto count = [way = weights.wrong_way](double mean) { return counted<worse>(mean, way); };
  best_mean best;
  std::vector<double> usual, now, largest;
  std::vector<double> sums(z.size() + 1, 0);
  for (std::size_t n = 0; n < z.size(); ++n) sums[n + 1] = sums[n] + z[n];
  for (const std::size_t width : widths) {
    if (width > 1 && (z.size() - changed < width || history < 3 * width)) break;
    means(sums, changed, z.size(), width, now);
    std::size_t top = 0;
    double most = -1;
    for (std::size_t n = 0; n < now.size(); ++n) {
      const double c = count(now[n]);
      if (c <= most) continue;
      most = c;
      top = n;
    }
    // Means of independent ticks shrink with the root of their number; the floor does too.
    const double floor = weights.usual / std::sqrt(static_cast<double>(width));
    if (most / floor <= best.strength) continue;  // its history can only make it less
    // The largest of many means is to be compared with the largest of as many.
    const double level =
        std::max(history_quantile, 1 - looked_for / static_cast<double>(now.size()));
    // Most often a look tells that the quantile is too high to matter.
    if (best.strength > 0 &&
        means_beyond(sums, history, width, most / (best.strength * history_headroom), count) >=
            kept_of(history - width + 1, level))
      continue;
    means(sums, 0, history, width, usual);
    for (double& m : usual) m = count(m);
    const double reach = std::max(floor, history_headroom * upper_quantile(usual, level, largest));
    if (most / reach <= best.strength) continue;
    best = {most / reach, now[top], changed + top, changed + top + width, width};
  }
  return best;
}

best_mean strongest(const std::vector<double>& z, std::size_t history, std::size_t changed,
                    int worse, const evidence_weights& weights) {
  if (worse == 0) return strongest<0>(z, history, changed, weights);
  return worse > 0 ? strongest<1>(z, history, changed, weights)
                   : strongest<-1>(z, history, changed, weights);
}

/// Deviations of the present values of [first, end) from a baseline.
std::vector<double> deviations(const std::vector<float>& values, std::size_t first, std::size_t end,
                               const fresh_baseline& base) {
  std::vector<double> z(end - first);
  const float* from = values.data() + first;
  for (std::size_t n = 0; n < z.size(); ++n)
    z[n] = std::clamp((from[n] - base.median) / base.scale, -clip, clip);
  if (present_in(values, first, end) == z.size()) return z;
  std::size_t present = 0;
  for (std::size_t n = 0; n < z.size(); ++n) {
    z[present] = z[n];
    present += std::isfinite(from[n]) ? 1 : 0;
  }
  z.resize(present);
  return z;
}

/// Place of the @p rank th value from @p first on that is present.
std::size_t place_of(const std::vector<float>& values, std::size_t first, std::size_t rank) {
  std::size_t n = first;
  while (!std::isfinite(values[n]) || rank-- > 0) ++n;
  return n;
}

/// Mean of @p count values that are present, from place @p first on.
double mean_of(const std::vector<float>& values, std::size_t first, std::size_t count) {
  double sum = 0;
  std::size_t taken = 0;
  for (std::size_t n = first; taken < count; ++n) {
    if (!std::isfinite(values[n])) continue;
    sum += static_cast<double>(values[n]);
    ++taken;
  }
  return sum / static_cast<double>(count);
}

/// Index into z where the change began: the last return of the CUSUM to zero before the best mean.
std::size_t cusum_onset(const std::vector<double>& z, std::size_t from, const best_mean& best) {
  const double sign = best.z < 0 ? -1 : 1;
  const double allowance = std::max(least_allowance, allowance_share * std::abs(best.z));
  double sum = 0;
  std::size_t began = best.begin;
  for (std::size_t n = from; n < best.end; ++n) {
    const double step = sign * z[n] - allowance;
    if (sum <= 0 && step > 0) began = n;
    sum = std::max(0.0, sum + step);
  }
  return began;
}

}  // namespace

window_parts split(const entity_window& w, event_time onset, event_time as_of,
                   const evidence_weights& weights) {
  window_parts parts;
  const auto& ts = w.ts;
  // A tick is stamped with the newest event in it: what it says was known by then.
  const auto ended_by = [&](event_time t) {
    return static_cast<std::size_t>(std::upper_bound(ts.begin(), ts.end(), t) - ts.begin());
  };
  parts.end = ended_by(as_of);
  const std::size_t before = std::min(ended_by(onset), parts.end);
  const std::size_t calm =
      std::min(ended_by(onset - milliseconds{weights.onset_margin_ms}), parts.end);
  // The margin takes at most a quarter of what is known from before.
  parts.last = std::max(calm, before - before / 4);
  parts.changed = parts.last;
  parts.first = parts.last > weights.max_baseline ? parts.last - weights.max_baseline : 0;
  return parts;
}

std::optional<fresh_baseline> baseline_of(const std::vector<float>& values,
                                          const window_parts& parts,
                                          const evidence_weights& weights) {
  std::vector<float> known;
  known.reserve(parts.last - parts.first);
  for (std::size_t n = parts.first; n < parts.last && n < values.size(); ++n) {
    if (std::isfinite(values[n])) known.push_back(values[n]);
  }
  if (known.empty() || known.size() < weights.min_baseline) return std::nullopt;
  bounds all = bounds_of(known);
  ranks spread{known, all};
  fresh_baseline b;
  b.count = known.size();
  b.median = spread.quantile(0.5);
  const double quartiles = (spread.quantile(0.75) - spread.quantile(0.25)) / 1.349;
  const double tails = (spread.quantile(0.95) - spread.quantile(0.05)) / 3.29;
  b.scale = std::max({quartiles, tails, level_floor * std::abs(b.median), least_scale});
  for (std::size_t n = parts.last; n < parts.end && n < values.size(); ++n) {
    if (std::isfinite(values[n])) all.take(values[n]);
  }
  const double largest = std::max(b.median - all.least, all.most - b.median);
  if (std::max(quartiles, tails) > packing_noise * largest) return b;
  std::sort(known.begin(), known.end());
  const auto distinct =
      static_cast<std::size_t>(std::unique(known.begin(), known.end()) - known.begin());
  if (few_values * distinct <= b.count) b.scale = std::max(b.scale, constant_floor * largest);
  return b;
}

double packing_noise_of(const std::vector<float>& values, const window_parts& parts) {
  const auto in_order = [&](std::size_t from, std::size_t end) {
    std::vector<float> part;
    for (std::size_t n = from; n < std::min(end, values.size()); ++n)
      if (std::isfinite(values[n])) part.push_back(values[n]);
    std::sort(part.begin(), part.end());
    return part;
  };
  const auto before = in_order(parts.first, parts.last);
  const auto since = in_order(parts.changed, parts.end);
  if (before.empty() || since.empty()) return 0;
  const double moved = std::fabs(quantile(since, 0.5) - quantile(before, 0.5));
  return packing_noise * std::max(moved, quantile(before, 0.95) - quantile(before, 0.05));
}

std::optional<deviation> deviation_of(const entity_window& w, const std::vector<float>& values,
                                      int worse, const window_parts& parts,
                                      const evidence_weights& weights) {
  const auto base = baseline_of(values, parts, weights);
  if (!base) return std::nullopt;
  return deviation_from(*base, w, values, worse, parts, weights);
}

std::optional<deviation> deviation_from(fresh_baseline base, const entity_window& w,
                                        const std::vector<float>& values, int worse,
                                        const window_parts& parts,
                                        const evidence_weights& weights) {
  bool level_known = true;
  if (behind_break(w, parts) > parts.first) {
    const fresh_level now = level_before(w, values, parts);
    level_known = now.count > 0;
    if (level_known) {
      base.median = now.level;
      base.scale *= std::sqrt(1 + 1 / static_cast<double>(now.count));
    }
  }
  const std::size_t end = std::min(parts.end, values.size());
  if (parts.changed >= end) return std::nullopt;
  const std::vector<double> z = deviations(values, parts.first, end, base);
  const std::size_t changed = present_in(values, parts.first, parts.changed);
  if (changed >= z.size()) return std::nullopt;
  const best_mean best = strongest(z, base.count, changed, worse, weights);
  deviation d;
  const bool brief = best.width == 1 && z.size() - changed >= 2 * lasting_width;
  d.strength = brief && best.strength > 1 ? std::pow(best.strength, weights.brief) : best.strength;
  d.peak = best.z;
  d.lasting = best.width >= lasting_width;
  d.before = base.median;
  d.lr =
      std::clamp(weights.slope * std::log(std::max(d.strength, 1e-6)), weights.least, weights.most);
  if (worse * d.peak < 0) d.lr = std::min(d.lr, weights.wrong_way_most);
  if (!level_known) d.lr = std::min(d.lr, weights.little_most);
  if (best.width > 0) {
    const std::size_t began = cusum_onset(z, changed, best);
    d.onset = w.ts[place_of(values, parts.first, began)];
    // What a person is told leaves out the ticks of the mean that lie before the change.
    const std::size_t from = std::min(std::max(began, best.begin), best.end - 1);
    double sum = 0;
    for (std::size_t n = from; n < best.end; ++n) sum += z[n];
    d.peak = sum / static_cast<double>(best.end - from);
    d.after = base.median + d.peak * base.scale;
    const auto at = [&](std::size_t place) {
      return z.begin() + static_cast<std::ptrdiff_t>(place);
    };
    d.cut = std::any_of(at(from), at(best.end), [](double v) { return std::abs(v) >= clip; });
    if (d.cut) {
      const double mean = mean_of(values, place_of(values, parts.first, from), best.end - from);
      if ((mean - base.median) * d.peak > 0) d.after = mean;
    }
    const double tick_s = static_cast<double>(w.tick_ms) / 1000;
    // Between the first sign and the middle of its plainest ticks lies the change of a ramp.
    const double slow = static_cast<double>(best.begin > began ? best.begin - began : 0);
    d.onset_sigma_s = tick_s * (0.5 + 0.25 * slow);
  }
  return d;
}

}  // namespace faultline
