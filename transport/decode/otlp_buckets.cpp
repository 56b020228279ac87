// SPDX-License-Identifier: Apache-2.0
// Buckets of OTLP's histograms as counters up to a bound: docs/decisions/0043.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "transport/decode/internal/otlp_points.hpp"

namespace faultline {

namespace {

constexpr std::size_t most_bounds = 63;  // and the one beyond all
constexpr std::int64_t finest_scale = 2;
constexpr std::int64_t least_scale = -10, greatest_scale = 20;  // of the specification

struct count_up_to {
  std::string le;
  double count = 0;
};

/// @p counts as those up to the bounds; more than most_bounds lose every second or so.
bool read_explicit(const otlp_point& p, std::vector<count_up_to>& out) {
  if (p.counts.size() != p.bounds.size() + 1) return false;
  for (std::size_t i = 0; i < p.bounds.size(); ++i)
    if (!std::isfinite(p.bounds[i]) || (i != 0 && !(p.bounds[i - 1] < p.bounds[i]))) return false;
  const auto every = (p.bounds.size() + most_bounds - 1) / most_bounds;
  double sum = 0;
  for (std::size_t i = 0; i < p.bounds.size(); ++i) {
    sum += static_cast<double>(p.counts[i]);
    if ((p.bounds.size() - i - 1) % every == 0) out.push_back({number_text(p.bounds[i]), sum});
  }
  return true;
}

/// Buckets of (2^(i * 2^-scale), 2^((i + 1) * 2^-scale)] from @c offset on: two of them are one of
/// the next scale below.
bool read_exponential(const otlp_point& p, std::vector<count_up_to>& out) {
  const bool known = p.scale >= least_scale && p.scale <= greatest_scale &&
                     p.offset >= std::numeric_limits<std::int32_t>::min() &&
                     p.offset <= std::numeric_limits<std::int32_t>::max();
  if (!known || p.negative) return false;
  const auto last = p.offset + static_cast<std::int64_t>(p.counts.size()) - 1;
  std::int64_t scale = p.scale;
  int by = 0;
  const auto at = [&by](std::int64_t i) { return i >> by; };  // rounds down, also below zero
  while (scale > finest_scale ||
         at(last) - at(p.offset) + 2 > static_cast<std::int64_t>(most_bounds))
    --scale, ++by;
  const auto add = [&](std::int64_t i, double count) {
    const double le = std::exp2(std::ldexp(static_cast<double>(i), static_cast<int>(-scale)));
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", le);
    out.push_back({text, count});
    return std::isfinite(le) && le > 0;
  };
  double sum = static_cast<double>(p.zeros);
  if (!add(at(p.offset), sum)) return false;
  for (std::size_t n = 0; n < p.counts.size(); ++n) {
    const auto i = p.offset + static_cast<std::int64_t>(n);
    sum += static_cast<double>(p.counts[n]);
    if ((i == last || at(i) != at(i + 1)) && !add(at(i) + 1, sum)) return false;
  }
  return true;
}

}  // namespace

void otlp_teller::tell_buckets(const otlp_metric& m, const otlp_point& p,
                               const sample_labels& labels, metric_kind kind, double passed_s) {
  if (p.cut) return to_.leave_out(left_out::bucket);
  if (p.counts.empty() || (!m.exponential && p.bounds.empty())) return;
  std::vector<count_up_to> counts;
  if (!(m.exponential ? read_exponential(p, counts) : read_explicit(p, counts)))
    return to_.leave_out(left_out::bucket);
  double all = static_cast<double>(p.zeros);
  for (const auto n : p.counts) all += static_cast<double>(n);
  counts.push_back({"+Inf", all});
  name_.assign(m.name).append(".bucket");
  metric_sample s;
  s.name = name_;
  s.unit = m.unit;
  s.kind = kind;
  s.ts_ms = ms_of(p.time_ns);
  s.start_ms = ms_of(p.start_ns);
  for (const auto& c : counts) {
    s.le = c.le;
    s.value = c.count / passed_s;
    to_.metric(s, labels);
  }
}

}  // namespace faultline
