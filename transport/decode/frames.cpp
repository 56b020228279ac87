// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/frames.hpp"

#include <algorithm>
#include <charconv>

#include "messages/text.hpp"

namespace faultline {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Where a line ends: at a line break, or at the NUL that Python's SysLogHandler sends instead.
std::size_t end_of_line(std::string_view s) noexcept {
  const auto end = s.find('\n');
  const auto nul = s.substr(0, end).find('\0');
  return nul == std::string_view::npos ? end : nul;
}

}  // namespace

void add_frame(std::string& body, std::string_view sender, std::string_view bytes) {
  body.append(sender).append(" ").append(std::to_string(bytes.size())).append("\n").append(bytes);
}

bool take_frame(std::string_view& body, std::string_view& sender, std::string_view& bytes) {
  const auto end = body.find('\n');
  if (end == std::string_view::npos) return false;
  const auto head = body.substr(0, end);
  const auto blank = head.rfind(' ');
  if (blank == std::string_view::npos) return false;
  std::size_t size = 0;
  const auto number = head.substr(blank + 1);
  const auto [stop, failed] = std::from_chars(number.data(), number.data() + number.size(), size);
  if (failed != std::errc{} || stop != number.data() + number.size() ||
      size > body.size() - end - 1)
    return false;
  sender = head.substr(0, blank);
  bytes = body.substr(end + 1, size);
  body.remove_prefix(end + 1 + size);
  return true;
}

syslog_cutter::found syslog_cutter::next(std::string_view& rest, std::string_view& message) {
  const auto skipped = std::min(to_skip_, rest.size());
  rest.remove_prefix(skipped);
  to_skip_ -= skipped;
  if (rest.empty()) return found::none;
  if (!skipping_ && is_digit(rest.front())) {
    bool is_line = false;
    const auto what = counted(rest, message, is_line);
    if (!is_line) return what;
  }
  const auto end = end_of_line(rest);
  if (skipping_) {
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    skipping_ = end == std::string_view::npos;
    return next(rest, message);
  }
  if (end == std::string_view::npos && rest.size() <= longest) return found::none;
  const auto size = std::min(end, rest.size());
  message = size > longest ? cut_utf8(rest.substr(0, size), longest) : rest.substr(0, size);
  if (size > longest) ++cut_;
  skipping_ = end == std::string_view::npos;
  rest.remove_prefix(skipping_ ? rest.size() : end + 1);
  return found::message;
}

/// "LENGTH SP <": a line that only begins with digits is a line.
syslog_cutter::found syslog_cutter::counted(std::string_view& rest, std::string_view& message,
                                            bool& is_line) {
  constexpr std::size_t most_digits = 9;
  std::size_t n = 0, size = 0;
  while (n < rest.size() && is_digit(rest[n]) && n < most_digits)
    size = size * 10 + static_cast<std::size_t>(rest[n++] - '0');
  constexpr std::string_view behind = " <";
  const auto seen = rest.substr(n, behind.size());
  is_line = seen != behind.substr(0, seen.size());
  if (is_line || seen.size() < behind.size()) return found::none;
  if (size > most_counted || size == 0) return found::broken;
  const auto begin = n + 1;
  const auto awaited = std::min(size, longest + 1);  // one more shows where a character ends
  if (rest.size() - begin < awaited) return found::none;
  message = cut_utf8(rest.substr(begin, awaited), longest);
  if (size > longest) ++cut_;
  to_skip_ = size - awaited;
  rest.remove_prefix(begin + awaited);
  return found::message;
}

}  // namespace faultline
