// SPDX-License-Identifier: Apache-2.0
#include "judgement/window_words.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "messages/rfc3339.hpp"

namespace faultline {
namespace {

constexpr std::array<const char*, 7> weekdays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::int64_t longest_ms = 7 * 86'400'000LL;  // of one that recurs
constexpr std::int64_t longest_once_ms = 3650 * 86'400'000LL;
constexpr std::size_t most_globs = 100;
constexpr std::size_t name_bytes = 128;

/// "02:30" as milliseconds of the day.
std::optional<std::int64_t> time_of_day(const std::string& text) {
  const bool form = text.size() == 5 && text[2] == ':' &&
                    text.find_first_not_of("0123456789:") == std::string::npos &&
                    text.find(':') == 2 && text.find(':', 3) == std::string::npos;
  if (!form) return {};
  const int hour = (text[0] - '0') * 10 + text[1] - '0';
  const int minute = (text[3] - '0') * 10 + text[4] - '0';
  if (hour > 23 || minute > 59) return {};
  return (hour * 60 + minute) * 60'000LL;
}

outcome<std::uint8_t> mask_of(const std::vector<std::string>& days) {
  std::uint8_t mask = 0;
  for (const std::string& day : days) {
    const auto at = std::find(weekdays.begin(), weekdays.end(), day);
    if (at == weekdays.end())
      return failure{ec::invalid,
                     "\"" + day.substr(0, 16) + "\" is none of mon tue wed thu fri sat sun"};
    mask = static_cast<std::uint8_t>(mask | 1U << (at - weekdays.begin()));
  }
  return days.empty() ? std::uint8_t{0x7f} : mask;
}

bool plain(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c >= ' ' && c != 0x7f; });
}

failure wrong(const std::string& what) { return {ec::invalid, what}; }

/// Begin and end, where they are said.
outcome<void> read_bounds(const window_words& words, maintenance_window& w) {
  for (const auto& [text, into] : {std::pair{&words.starts, &w.starts}, {&words.ends, &w.ends}}) {
    if (text->empty()) continue;
    auto t = parse_rfc3339(*text);
    if (!t) return t.error();
    *into = *t;
  }
  return {};
}

}  // namespace

outcome<maintenance_window> window_of(const window_words& words, const zone_lookup& zones) {
  maintenance_window w;
  w.name = words.name;
  w.entities = words.entities;
  w.dependents = words.dependents;
  w.by = words.by;
  w.comment = words.comment;
  if (w.name.empty() || w.name.size() > name_bytes || !plain(w.name))
    return wrong("a maintenance window has a name of 1 to 128 bytes");
  if (w.entities.empty() || w.entities.size() > most_globs ||
      std::any_of(w.entities.begin(), w.entities.end(),
                  [](const std::string& g) { return g.empty() || g.size() > 256 || !plain(g); }))
    return wrong("a maintenance window names 1 to 100 entities (* and ? are wild)");
  if (auto read = read_bounds(words, w); !read) return read.error();
  w.recurs = !words.at.empty();
  if (words.lasts_ms < 0 || (w.recurs && words.lasts_ms > longest_ms))
    return wrong("one that recurs lasts at most 7d");
  if (words.lasts_ms > longest_once_ms) return wrong("it lasts at most ten years");
  if (!w.recurs) {
    if (!words.days.empty() || !words.zone.empty())
      return wrong("days and zone are for one that recurs: say at what time it begins");
    if (w.starts == event_time{}) return wrong("it has neither a begin nor a time of day");
    if (w.ends == event_time{} && words.lasts_ms == 0)
      return wrong("it does not say how long it lasts");
    if (w.ends == event_time{}) w.ends = w.starts + milliseconds{words.lasts_ms};
    if (w.ends <= w.starts) return wrong("it ends before it begins");
    return w;
  }
  const auto at = time_of_day(words.at);
  if (!at) return wrong("\"" + words.at.substr(0, 16) + "\" is not a time of day such as 02:30");
  w.at_ms = *at;
  w.lasts_ms = words.lasts_ms;
  if (w.lasts_ms == 0) return wrong("it does not say how long it lasts");
  auto days = mask_of(words.days);
  if (!days) return days.error();
  w.weekdays = *days;
  if (!words.zone.empty()) w.zone = words.zone;
  w.offsets = zones(w.zone);
  if (w.offsets.empty())
    return wrong("\"" + w.zone.substr(0, 64) + "\" is no time zone that is known here");
  if (w.ends != event_time{} && w.ends <= w.starts) return wrong("it ends before it begins");
  return w;
}

std::vector<std::string> days_of(const maintenance_window& w) {
  std::vector<std::string> days;
  for (std::size_t day = 0; day < weekdays.size(); ++day)
    if ((w.weekdays >> day & 1) != 0) days.emplace_back(weekdays[day]);
  return days;
}

}  // namespace faultline
