// SPDX-License-Identifier: Apache-2.0
#include "processing/log_habit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "processing/log_line.hpp"

namespace faultline {
namespace {

constexpr double memory_s = 2 * 86'400.0;
constexpr double step_s = static_cast<double>(log_habit::step_ms) / 1000;

std::int64_t step_of(std::int64_t ts_ms) noexcept {
  return std::max<std::int64_t>(ts_ms, 0) / log_habit::step_ms;
}

/// @returns what a step has no room for.
std::uint32_t add(std::uint16_t& to, std::uint32_t lines) noexcept {
  const std::uint32_t all = to + lines;
  to = static_cast<std::uint16_t>(std::min<std::uint32_t>(all, 0xffff));
  return all - to;
}

}  // namespace

void log_habit::advance(std::int64_t step) noexcept {
  if (step <= newest_) return;
  if (newest_ != 0) {
    const auto passed = std::min<std::int64_t>(step - newest_, 1'000'000);
    for (std::int64_t s = 1; s <= std::min<std::int64_t>(passed, steps); ++s) {
      auto& out = recent_[static_cast<std::size_t>(newest_ + s) % steps];
      older_ += out;
      out = 0;
    }
    older_ *= std::exp(-static_cast<double>(passed) * step_s / memory_s);
  }
  newest_ = step;
}

void log_habit::note(std::int64_t ts_ms, log_severity severity, std::string_view body, bool late) {
  const auto step = step_of(ts_ms);
  advance(step);
  if (step > newest_ - static_cast<std::int64_t>(steps))
    older_ += add(recent_[static_cast<std::size_t>(step) % steps], 1);
  else
    older_ += 1;
  now_ += late ? 0 : 1;
  first_ms_ = first_ms_ == 0 ? ts_ms : std::min(first_ms_, ts_ms);
  last_ms_ = std::max(last_ms_, ts_ms);
  if (example_.empty() || severity > severity_) example_ = printable_line(body, longest_example);
  severity_ = std::max(severity_, severity);
}

void log_habit::join(const log_habit& other) {
  log_habit b = other;
  advance(b.newest_);
  b.advance(newest_);
  older_ += b.older_;
  for (std::size_t s = 0; s < steps; ++s) older_ += add(recent_[s], b.recent_[s]);
  now_ += b.now_;
  if (b.first_ms_ != 0) first_ms_ = first_ms_ == 0 ? b.first_ms_ : std::min(first_ms_, b.first_ms_);
  last_ms_ = std::max(last_ms_, b.last_ms_);
  if (example_.empty() || b.severity_ > severity_) example_ = b.example_;
  severity_ = std::max(severity_, b.severity_);
}

std::uint32_t log_habit::take_now() noexcept {
  const auto lines = now_;
  now_ = 0;
  return lines;
}

double log_habit::before() const noexcept {
  double lines = older_ - now_;
  for (const auto r : recent_) lines += r;
  return std::max(lines, 0.0);
}

double log_habit::through(std::int64_t ts_ms) const noexcept {
  double lines = older_;
  for (std::int64_t s = std::max<std::int64_t>(newest_ - static_cast<std::int64_t>(steps) + 1, 0);
       s <= newest_; ++s)
    if ((s + 1) * step_ms <= ts_ms) lines += recent_[static_cast<std::size_t>(s) % steps];
  return lines;
}

double log_habit::after(std::int64_t ts_ms) const noexcept {
  double lines = older_;
  for (const auto r : recent_) lines += r;
  return lines - through(ts_ms);
}

double log_habit::exposure_s(std::int64_t first_ms, std::int64_t now_ms) noexcept {
  const double age = std::max(static_cast<double>(now_ms - first_ms) / 1000, 0.0);
  return memory_s * (1 - std::exp(-age / memory_s));
}

// habit := older(f64) newest(i64) recent(u16*) first(i64) last(i64) now(u32) severity(u8) example
void log_habit::save(byte_writer& out) const {
  out.put(older_);
  out.put(newest_);
  out.put(recent_);
  out.put(first_ms_);
  out.put(last_ms_);
  out.put(now_);
  out.put(severity_);
  out.put_text(example_);
}

bool log_habit::restore(byte_reader& in) {
  std::uint8_t severity = 0;
  in.get(older_);
  in.get(newest_);
  in.get(recent_);
  in.get(first_ms_);
  in.get(last_ms_);
  in.get(now_);
  if (!in.get(severity) || severity > static_cast<std::uint8_t>(log_severity::fatal)) return false;
  severity_ = static_cast<log_severity>(severity);
  return in.get_text(example_, longest_example) && std::isfinite(older_) && older_ >= 0 &&
         newest_ >= 0 && newest_ < std::numeric_limits<std::int64_t>::max() / step_ms - 1;
}

double log_surprise(double lines, double usual, double most) noexcept {
  if (lines <= usual) return 0;
  const double expected = std::max(usual, 1e-9);
  return std::clamp(lines * std::log(lines / expected) - lines + expected, 0.0, most);
}

}  // namespace faultline
