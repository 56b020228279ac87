// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/syslog_header.hpp"

#include <algorithm>

#include "messages/rfc3339.hpp"
#include "messages/text.hpp"

// line    := "<" PRI ">" ("1 " RFC5424 | header text)
// header  := [number ": "] [HOST ": "] [time] [HOST [" :"] SP]
//            -- number, the first HOST and a ':' behind the time are Cisco's
// time    := ["*" | "."] Mmm SP [SP] d [SP yyyy] SP hh:mm:ss ["." fraction] [SP ZONE]
//          | date-time of RFC 3339

namespace faultline {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_capital(char c) noexcept { return c >= 'A' && c <= 'Z'; }

std::size_t digits_at(std::string_view s, std::size_t at) noexcept {
  std::size_t n = 0;
  while (at + n < s.size() && is_digit(s[at + n])) ++n;
  return n;
}

bool begins(std::string_view s, std::string_view with) noexcept {
  return s.substr(0, with.size()) == with;
}

/// Size of "hh:mm:ss[.fraction]" at @p at, or 0.
std::size_t clock_at(std::string_view s, std::size_t at) noexcept {
  if (s.size() < at + 8 || s[at + 2] != ':' || s[at + 5] != ':') return 0;
  for (const std::size_t two : {at, at + 3, at + 6})
    if (!is_digit(s[two]) || !is_digit(s[two + 1])) return 0;
  const bool fraction = at + 8 < s.size() && s[at + 8] == '.' && digits_at(s, at + 9) > 0;
  return fraction ? 9 + digits_at(s, at + 9) : 8;
}

/// Size of "Mmm dd [yyyy] hh:mm:ss" at the begin of @p s, or 0.
std::size_t dated_clock(std::string_view s) noexcept {
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto month = months.find(s.substr(0, 3));
  if (s.size() < 14 || s[3] != ' ' || month == std::string_view::npos || month % 3 != 0) return 0;
  std::size_t at = s[4] == ' ' ? 5 : 4;
  const auto day = digits_at(s, at);
  if (day < 1 || day > 2) return 0;
  at += day;
  if (at + 5 < s.size() && s[at] == ' ' && digits_at(s, at + 1) == 4) at += 5;
  if (at >= s.size() || s[at] != ' ') return 0;
  const auto clock = clock_at(s, at + 1);
  return clock == 0 ? 0 : at + 1 + clock;
}

/// What a header says of the time: its text, in the form that is read further on, and how much of
/// the line it took.
struct stamp {
  std::size_t size = 0;
  std::string precise;  ///< of RFC 3339; none: the time of arrival
};

stamp stamp_at(std::string_view s) {
  const std::size_t mark = !s.empty() && (s[0] == '*' || s[0] == '.') ? 1 : 0;
  if (const auto size = dated_clock(s.substr(mark)); size > 0) return {mark + size, {}};
  auto word = s.substr(0, s.find(' '));
  if (word.size() < 20 || word[4] != '-' || word[10] != 'T') return {};
  if (word.back() == ':') word.remove_suffix(1);
  const auto read = parse_rfc3339(word);
  if (!read) return {};
  return {word.size(), rfc3339(*read)};
}

/// Cuts " UTC" off, a zone that a ':' follows.
void skip_zone(std::string_view& rest) noexcept {
  std::size_t n = 0;
  while (n + 1 < rest.size() && is_capital(rest[n + 1])) ++n;
  if (n >= 2 && n <= 5 && rest[0] == ' ' && n + 1 < rest.size() && rest[n + 1] == ':')
    rest.remove_prefix(n + 1);
}

/// "haproxy[7]:" and "kernel:" are what writes, no host.
bool is_tag(std::string_view word) noexcept {
  return word.find('[') != std::string_view::npos || word.find(':') == word.size() - 1;
}

std::string_view host_in(std::string_view& rest) noexcept {
  const auto word = rest.substr(0, rest.find(' '));
  if (word.empty() || word.size() == rest.size() || is_tag(word)) return {};
  rest.remove_prefix(word.size() + 1);
  if (begins(rest, ": ")) rest.remove_prefix(2);
  return word;
}

/// Cuts "29: " and "switch-1: " off, which stand before a time of Cisco's.
std::string_view skip_origin(std::string_view& rest) {
  auto at = rest;
  if (const auto n = digits_at(at, 0); n > 0 && begins(at.substr(n), ": ")) at.remove_prefix(n + 2);
  std::string_view host;
  const auto end = at.find(": ");
  if (stamp_at(at).size == 0 && end != std::string_view::npos && end > 0 &&
      at.find_first_of(" [") == end + 1) {
    host = at.substr(0, end);
    at.remove_prefix(end + 2);
  }
  if (stamp_at(at).size == 0) return {};
  rest = at;
  return host;
}

/// A line of RFC 5424 whose HOSTNAME is "-".
std::string_view with_host(std::string_view line, std::string_view sender, std::string& made) {
  const auto time = line.find(' ') + 1;
  const auto host = line.find(' ', time);
  constexpr std::string_view nil = " - ";
  if (host == std::string_view::npos || !begins(line.substr(host), nil)) return line;
  made.assign(line.substr(0, host + 1)).append(sender).append(line.substr(host + 2));
  return made;
}

}  // namespace

std::string_view complete_syslog(std::string_view line, std::string_view sender,
                                 std::string& made) {
  const auto number = line.empty() || line[0] != '<' ? 0 : digits_at(line, 1);
  if (number < 1 || number > 3 || !begins(line.substr(number + 1), ">")) return line;
  auto rest = line.substr(number + 2);
  if (begins(rest, "1 ")) return with_host(line, sender, made);
  auto host = skip_origin(rest);
  const auto time = stamp_at(rest);
  rest.remove_prefix(time.size);
  if (time.size > 0) {
    skip_zone(rest);
    const bool closed = begins(rest, ":");
    rest.remove_prefix(closed ? 1 : 0);
    if (begins(rest, " ")) rest.remove_prefix(1);
    if (host.empty() && !closed) host = host_in(rest);
  }
  made.assign(line.substr(0, number + 2));
  made.append(time.precise.empty() ? "Jan  1 00:00:00" : time.precise).append(" ");
  made.append(host.empty() ? sender : host).append(" ").append(rest);
  return made;
}

std::string_view readable_utf8(std::string_view line, std::string& made) {
  made.clear();
  while (!line.empty()) {
    std::size_t n = 1;
    const auto most = std::min<std::size_t>(4, line.size());
    while (n <= most && !is_utf8(line.substr(0, n))) ++n;
    const bool whole = n <= most;
    made.append(whole ? line.substr(0, n) : std::string_view{"\xef\xbf\xbd"});
    line.remove_prefix(whole ? n : 1);
  }
  return made;
}

}  // namespace faultline
