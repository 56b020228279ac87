// SPDX-License-Identifier: Apache-2.0
#include "messages/rfc3339.hpp"

#include <charconv>
#include <cstdio>

namespace faultline {
namespace {

constexpr std::int64_t day_s = 86'400;

/// Days since 1970-01-01 in the proleptic Gregorian calendar, and back (Howard Hinnant's
/// algorithms).
constexpr std::int64_t days_from_civil(std::int64_t y, unsigned m, unsigned d) noexcept {
  y -= m <= 2 ? 1 : 0;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146'097 + static_cast<std::int64_t>(doe) - 719'468;
}

struct civil {
  std::int64_t year;
  unsigned month, day;
};

constexpr civil civil_from_days(std::int64_t z) noexcept {
  z += 719'468;
  const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  const auto doe = static_cast<unsigned>(z - era * 146'097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<std::int64_t>(yoe) + era * 400 + (month <= 2 ? 1 : 0), month,
          doy - (153 * mp + 2) / 5 + 1};
}

/// Takes fixed fields from the front of a text.
class cursor {
public:
  explicit cursor(std::string_view text) : left_{text} {}
  /// Exactly @p digits of them, or ok() is false from then on.
  unsigned number(std::size_t digits, unsigned least, unsigned most) {
    unsigned value = 0;
    if (left_.size() < digits) return fail();
    for (std::size_t i = 0; i < digits; ++i) {
      if (left_[i] < '0' || left_[i] > '9') return fail();
      value = value * 10 + static_cast<unsigned>(left_[i] - '0');
    }
    left_.remove_prefix(digits);
    return value < least || value > most ? fail() : value;
  }
  char take(std::string_view allowed) {
    if (left_.empty() || allowed.find(left_.front()) == std::string_view::npos)
      return static_cast<char>(fail());
    const char c = left_.front();
    left_.remove_prefix(1);
    return c;
  }
  /// ".123456": the milliseconds; 0 where there is no point.
  unsigned fraction() {
    if (left_.empty() || left_.front() != '.') return 0;
    left_.remove_prefix(1);
    unsigned ms = 0;
    std::size_t digits = 0;
    for (; !left_.empty() && left_.front() >= '0' && left_.front() <= '9'; ++digits) {
      if (digits < 3) ms = ms * 10 + static_cast<unsigned>(left_.front() - '0');
      left_.remove_prefix(1);
    }
    if (digits == 0) return fail();
    for (; digits < 3; ++digits) ms *= 10;
    return ms;
  }
  bool done() const { return ok_ && left_.empty(); }

private:
  unsigned fail() {
    ok_ = false;
    left_ = {};
    return 0;
  }
  std::string_view left_;
  bool ok_ = true;
};

}  // namespace

bool is_date(std::int64_t year, unsigned month, unsigned day) noexcept {
  constexpr unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1) return false;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return day <= (month == 2 && leap ? 29 : days[month - 1]);
}

std::string rfc3339(event_time t) {
  std::int64_t ms = unix_ms(t);
  std::int64_t days = ms / (day_s * 1000);
  ms -= days * day_s * 1000;
  if (ms < 0) ms += day_s * 1000, --days;
  const civil date = civil_from_days(days);
  char text[64];
  std::snprintf(text, sizeof text, "%04lld-%02u-%02uT%02lld:%02lld:%02lld.%03lldZ",
                static_cast<long long>(date.year), date.month, date.day,
                static_cast<long long>(ms / 3'600'000), static_cast<long long>(ms / 60'000 % 60),
                static_cast<long long>(ms / 1000 % 60), static_cast<long long>(ms % 1000));
  return text;
}

outcome<event_time> parse_rfc3339(std::string_view text) {
  const failure bad{ec::invalid, "\"" + std::string{text.substr(0, 64)} +
                                     "\" is not a time such as 2026-03-01T12:00:00Z"};
  cursor in{text};
  const unsigned year = in.number(4, 1, 9999);
  in.take("-");
  const unsigned month = in.number(2, 1, 12);
  in.take("-");
  const unsigned day = in.number(2, 1, 31);
  in.take("Tt ");
  const unsigned hour = in.number(2, 0, 23);
  in.take(":");
  const unsigned minute = in.number(2, 0, 59);
  in.take(":");
  const unsigned second = in.number(2, 0, 60);
  const unsigned ms = in.fraction();
  std::int64_t offset_s = 0;
  if (const char zone = in.take("Zz+-"); zone == '+' || zone == '-') {
    offset_s = static_cast<std::int64_t>(in.number(2, 0, 23)) * 3600;
    in.take(":");
    offset_s += static_cast<std::int64_t>(in.number(2, 0, 59)) * 60;
    if (zone == '-') offset_s = -offset_s;
  }
  if (!in.done() || !is_date(year, month, day)) return bad;
  const std::int64_t s =
      days_from_civil(year, month, day) * day_s + hour * 3600LL + minute * 60LL + second - offset_s;
  return event_time_of(s * 1000 + ms);
}

}  // namespace faultline
