// SPDX-License-Identifier: Apache-2.0
#include "judgement/limit_forecast.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
constexpr double ln2 = 0.693147;
constexpr double short_s = 900 / ln2;  // time constants of y_short and y_long
constexpr double long_s = 7200 / ln2;
constexpr double farthest_s = 4 * 3600;  // beyond it a line is no forecast
constexpr std::array<std::size_t, 3> stretches{16, 32, window_ring::ticks};  // of newest ticks
constexpr double clear_share = 0.9;  // of the variance that a clear line explains: a step, 0.75
constexpr double far_from = 4;       // standard errors from where another slope is not the same

/// Where a channel is going, in its own scale units per second.
struct course {
  double now = 0;
  double slope = 0;
  double error = 0;  ///< standard error of the slope
  bool clear = false;
};

/// By least squares through the newest @p ticks.
std::optional<course> line_through(const window_ring& ring, std::size_t channel,
                                   std::size_t ticks) {
  const std::size_t behind = std::min(ticks, ring.size());
  double n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
  for (std::size_t back = 0; back < behind; ++back) {
    const auto code = ring.code(back, channel);
    if (code == window_ring::missing) continue;
    const double at = static_cast<double>((ring.ts(back) - ring.ts(0)).count()) / 1000.0;
    const double value = std::sinh(static_cast<double>(window_ring::z(code)));
    n += 1, x += at, y += value;
    xx += at * at, xy += at * value, yy += value * value;
  }
  const double spread = xx - x * x / n;
  if (n < static_cast<double>(ticks) * 0.75 || spread <= 0) return std::nullopt;
  course line;
  line.slope = (xy - x * y / n) / spread;
  line.now = (y - line.slope * x) / n;  // at the newest tick, where x is 0
  const double all = yy - y * y / n;
  const double told = line.slope * line.slope * spread;
  const double left = all - told;
  line.clear = told > clear_share * all;
  line.error = std::sqrt(std::max(left, 0.0) / (n - 2) / spread);
  return line;
}

// Two means of a ramp lag it by their time constants: their difference is its slope.
course long_course(const channel_block& b, std::size_t i, double tick_s) {
  const double age = b.seen(i) * tick_s;
  const double lag_short = std::min(short_s, age / 2);
  const double lag_long = std::min(long_s, age / 2);
  if (lag_long - lag_short < 300) return {};
  course c;
  c.slope = static_cast<double>(b.y_short[i] - b.y_long[i]) / (lag_long - lag_short);
  c.now = b.y_short[i] + c.slope * lag_short;
  return c;
}

// The shortest stretch that clearly rises or falls tells, for a ramp may have begun just now. Where
// none does, the means of hours tell, as long as the newest ticks do not clearly go elsewhere.
course course_of(const channel_block& b, const window_ring& ring, std::size_t channel,
                 double tick_s, bool drifts) {
  std::optional<course> last;
  for (const std::size_t ticks : stretches) {
    const auto line = line_through(ring, channel, ticks);
    if (!line) break;
    if (line->clear) return *line;
    last = line;
  }
  if (!drifts) return {};
  course c = long_course(b, channel % width, tick_s);
  if (last && std::fabs(c.slope - last->slope) > far_from * last->error) return {};
  c.error = last ? last->error : 0;
  return c;
}

}  // namespace

std::optional<limit_forecast> forecast_limit(const channel_block& b, const window_ring& ring,
                                             std::size_t channel, double tick_s, bool drifts,
                                             double raw) {
  const course c = course_of(b, ring, channel, tick_s, drifts);
  const std::size_t i = channel % width;
  const double way = (raw - b.center[i]) / static_cast<double>(b.scale[i]) - c.now;
  if (c.slope == 0 || way * c.slope <= 0) return std::nullopt;
  const double pace = std::fabs(c.slope), far = std::fabs(way);
  if (far / pace > farthest_s) return std::nullopt;
  limit_forecast f{far / pace, far / (pace + 2 * c.error), {}, c.slope > 0};
  if (pace > 2 * c.error) f.latest = far / (pace - 2 * c.error);
  return f;
}

}  // namespace faultline
