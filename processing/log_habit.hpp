// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "messages/event.hpp"
#include "processing/byte_io.hpp"

namespace faultline {

/// When the lines of one template come: counts of the last half hour in steps of two minutes, what
/// was before fades with a time of two days. An example and how bad it was stand beside it.
class log_habit {
public:
  static constexpr std::size_t steps = 16;
  static constexpr std::int64_t step_ms = 120'000;
  static constexpr std::size_t longest_example = 160;

  /// One more line. @p body is kept, cut and printable, as the example if there is none, or the
  /// one there is was less bad. @p late: it is of the past, not one of now().
  void note(std::int64_t ts_ms, log_severity severity, std::string_view body, bool late = false);
  /// Adds what another template of the same statement had.
  void join(const log_habit& other);

  /// Lines since the last call.
  std::uint32_t take_now() noexcept;
  std::uint32_t now() const noexcept { return now_; }
  /// Lines before those of now(), the older ones faded as of the newest line.
  double before() const noexcept;
  /// Lines in steps that end by @p ts_ms, and behind it, as far as they are remembered.
  double through(std::int64_t ts_ms) const noexcept;
  double after(std::int64_t ts_ms) const noexcept;

  std::int64_t first_ms() const noexcept { return first_ms_; }  ///< event time; 0: no line yet
  std::int64_t last_ms() const noexcept { return last_ms_; }
  log_severity severity() const noexcept { return severity_; }  ///< the worst so far
  const std::string& example() const noexcept { return example_; }

  /// Seconds that a rate over fading counts rests on, of an entity that logs since @p first_ms.
  static double exposure_s(std::int64_t first_ms, std::int64_t now_ms) noexcept;

  void save(byte_writer& out) const;
  bool restore(byte_reader& in);

private:
  void advance(std::int64_t step) noexcept;

  double older_ = 0;         ///< lines of steps that fell out, faded as of newest_
  std::int64_t newest_ = 0;  ///< number of the newest step
  std::array<std::uint16_t, steps> recent_{};  ///< by number modulo steps
  std::int64_t first_ms_ = 0, last_ms_ = 0;
  std::uint32_t now_ = 0;
  log_severity severity_ = log_severity::trace;
  std::string example_;
};

/// How unlikely it is, in nats, that a template of which @p usual lines are expected has @p lines
/// (the exponent of the Poisson tail; 0 when there are not more), at most @p most.
double log_surprise(double lines, double usual, double most) noexcept;

}  // namespace faultline
