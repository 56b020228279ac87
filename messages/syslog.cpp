// SPDX-License-Identifier: Apache-2.0
#include "messages/internal/syslog.hpp"

#include <cstdint>

#include "messages/rfc3339.hpp"
#include "messages/text.hpp"

// line      := "<" PRI ">" (rfc5424 | rfc3164)
// rfc5424   := "1" SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP DATA [SP MSG]
// DATA      := "-" | ("[" anything, with \] and quoted ] allowed "]")+
// rfc3164   := (Mmm SP dd SP hh:mm:ss | TIMESTAMP) SP HOSTNAME SP [TAG ["[" PID "]"] ":"] MSG
//              -- with the TIMESTAMP of RFC 5424 it is what rsyslog forwards by default

namespace faultline {
namespace {

constexpr event_fault malformed(const char* text) {
  return {reject_reason::malformed_syslog, text};
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Cuts the word before the next space off @p rest, and the space.
std::string_view take_word(std::string_view& rest) noexcept {
  const auto end = rest.find(' ');
  const auto word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return word;
}

/// Reads @p count digits at @p at; -1 if they are not there.
int digits(std::string_view s, std::size_t at, std::size_t count) noexcept {
  if (s.size() < at + count) return -1;
  int v = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!is_digit(s[i])) return -1;
    v = v * 10 + (s[i] - '0');
  }
  return v;
}

/// Days from 1970-01-01 (Howard Hinnant, chrono-compatible low-level date algorithms).
std::int64_t days_from_civil(std::int64_t y, int m, int d) noexcept {
  y -= m <= 2 ? 1 : 0;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/// The zone at the end of a timestamp in minutes; false if it is none.
bool read_zone(std::string_view zone, int& minutes) noexcept {
  minutes = 0;
  if (zone == "Z") return true;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return false;
  const int h = digits(zone, 1, 2);
  const int m = digits(zone, 4, 2);
  if (h < 0 || h > 23 || m < 0 || m > 59) return false;
  minutes = (h * 60 + m) * (zone[0] == '-' ? -1 : 1);
  return true;
}

/// 2003-10-11T22:14:15.003Z (RFC 3339), the fraction of any length: some write nanoseconds.
bool read_rfc3339(std::string_view s, std::int64_t& ms) noexcept {
  const int year = digits(s, 0, 4);
  const int month = digits(s, 5, 2);
  const int day = digits(s, 8, 2);
  const int hour = digits(s, 11, 2);
  const int minute = digits(s, 14, 2);
  const int second = digits(s, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60)
    return false;
  if (!is_date(year, static_cast<unsigned>(month), static_cast<unsigned>(day))) return false;
  if (s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':') return false;
  std::size_t at = 19;
  int fraction_ms = 0;
  if (at < s.size() && s[at] == '.') {
    int scale = 100;
    for (++at; at < s.size() && is_digit(s[at]); ++at, scale /= 10)
      fraction_ms += (s[at] - '0') * scale;
  }
  int zone = 0;
  if (!read_zone(s.substr(at), zone)) return false;
  const std::int64_t days = days_from_civil(year, month, day);
  ms = ((days * 24 + hour) * 60 + minute - zone) * 60'000 + second * 1000 + fraction_ms;
  return true;
}

bool read_priority(std::string_view& rest, log_severity& severity) noexcept {
  rest.remove_prefix(1);
  int priority = 0;
  std::size_t n = 0;
  while (n < rest.size() && n < 3 && is_digit(rest[n]))
    priority = priority * 10 + (rest[n++] - '0');
  if (n == 0 || n == rest.size() || rest[n] != '>' || priority > 191) return false;
  rest.remove_prefix(n + 1);
  static constexpr log_severity of_code[8] = {
      log_severity::fatal, log_severity::fatal, log_severity::fatal, log_severity::error,
      log_severity::warn,  log_severity::info,  log_severity::info,  log_severity::debug};
  severity = of_code[priority & 7];
  return true;
}

/// Skips STRUCTURED-DATA and the space after it.
bool skip_data(std::string_view& rest) noexcept {
  if (!rest.empty() && rest[0] == '-') {
    rest.remove_prefix(1);
  } else {
    if (rest.empty() || rest[0] != '[') return false;
    while (!rest.empty() && rest[0] == '[') {
      bool quoted = false;
      std::size_t i = 1;
      for (; i < rest.size() && (quoted || rest[i] != ']'); ++i) {
        if (quoted && rest[i] == '\\')
          ++i;
        else if (rest[i] == '"')
          quoted = !quoted;
      }
      if (i >= rest.size()) return false;
      rest.remove_prefix(i + 1);
    }
  }
  if (rest.empty()) return true;
  if (rest[0] != ' ') return false;
  rest.remove_prefix(1);
  return true;
}

void add_attribute(event_view& out, std::string_view key, std::string_view value) {
  if (!value.empty() && value != "-") out.attributes.push_back({key, value});
}

event_fault parse_5424(std::string_view rest, event_view& out, std::string_view& host) {
  rest.remove_prefix(2);
  const auto timestamp = take_word(rest);
  host = take_word(rest);
  const auto app = take_word(rest);
  const auto process = take_word(rest);
  const auto message_id = take_word(rest);
  if (timestamp != "-") {
    std::int64_t ms = 0;
    if (!read_rfc3339(timestamp, ms)) return malformed("RFC 5424: TIMESTAMP is not valid");
    if (const auto fault = check_ts(ms)) return fault;
    out.has_ts = true;
    out.ts = event_time_of(ms);
  }
  const auto data = rest;
  if (!skip_data(rest)) return malformed("RFC 5424: STRUCTURED-DATA is missing or not closed");
  add_attribute(out, "app", app);
  add_attribute(out, "procid", process);
  add_attribute(out, "msgid", message_id);
  if (rest.substr(0, 3) == "\xef\xbb\xbf") rest.remove_prefix(3);
  // Where there is no MSG, as Juniper's brief form has it, the data are what is said.
  out.body = rest.empty() && data[0] == '[' ? data : rest;
  return {};
}

bool is_3164_timestamp(std::string_view s) noexcept {
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (s.size() < 16 || s[3] != ' ' || s[6] != ' ' || s[9] != ':' || s[12] != ':' || s[15] != ' ')
    return false;
  const auto month = months.find(s.substr(0, 3));
  const bool day = (s[4] == ' ' || is_digit(s[4])) && is_digit(s[5]);
  return month != std::string_view::npos && month % 3 == 0 && day && digits(s, 7, 2) >= 0 &&
         digits(s, 10, 2) >= 0 && digits(s, 13, 2) >= 0;
}

event_fault parse_3164(std::string_view rest, event_view& out, std::string_view& host) {
  if (is_3164_timestamp(rest)) {
    rest.remove_prefix(16);
  } else {
    std::int64_t ms = 0;
    if (!read_rfc3339(take_word(rest), ms))
      return malformed("RFC 3164: the timestamp is missing or not valid");
    if (const auto fault = check_ts(ms)) return fault;
    out.has_ts = true;
    out.ts = event_time_of(ms);
  }
  host = take_word(rest);
  out.body = rest;
  // TAG is up to 32 characters, ends with ':' or '[' (RFC 3164, section 5.3).
  const auto end = rest.find_first_of(":[ ");
  if (end == std::string_view::npos || end == 0 || end > 48 || rest[end] == ' ') return {};
  const auto tag = rest.substr(0, end);
  std::string_view process;
  auto after = end;
  if (rest[end] == '[') {
    after = rest.find(']', end);
    if (after == std::string_view::npos) return {};
    process = rest.substr(end + 1, after - end - 1);
    if (++after == rest.size() || rest[after] != ':') return {};
  }
  add_attribute(out, "app", tag);
  add_attribute(out, "procid", process);
  out.body = rest.substr(after + 1);
  if (!out.body.empty() && out.body[0] == ' ') out.body.remove_prefix(1);
  return {};
}

}  // namespace

event_fault parse_syslog(std::string_view line, event_view& out, std::string& entity) {
  out.clear();
  out.type = event_type::log;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == '\0'))
    line.remove_suffix(1);
  if (!read_priority(line, out.severity)) return malformed("PRI is not a number of 0 to 191");
  std::string_view host;
  const bool is_5424 = line.substr(0, 2) == "1 ";
  if (const auto fault = is_5424 ? parse_5424(line, out, host) : parse_3164(line, out, host))
    return fault;
  if (host.empty() || host == "-") return malformed("HOSTNAME is missing");
  entity.assign("host/").append(host);
  if (entity.size() > payload_limits::entity_bytes || check_name(entity) != text_fault::none)
    return {reject_reason::bad_entity, "HOSTNAME is too long, not UTF-8 or has control characters"};
  out.entity = entity;
  for (const auto& a : out.attributes) {
    if (check_name(a.value) != text_fault::none)
      return {reject_reason::bad_attribute, "a field of the header is not UTF-8 or has controls"};
  }
  if (!is_utf8(out.body)) return {reject_reason::bad_utf8, "the message is not UTF-8"};
  out.body = cut_utf8(out.body, payload_limits::log_body_bytes);
  return {};
}

}  // namespace faultline
