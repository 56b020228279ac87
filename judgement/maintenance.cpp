// SPDX-License-Identifier: Apache-2.0
#include "judgement/maintenance.hpp"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "messages/durations.hpp"
#include "messages/glob.hpp"

namespace faultline {
namespace {

using nlohmann::json;

constexpr std::int64_t longest_days = 8;  ///< a week, and what a change of clocks adds
constexpr std::int64_t ahead_days = 9;    ///< within which a window of any weekday begins again

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/// Milliseconds by which local time is ahead of UTC.
std::int64_t offset_at(const maintenance_window& w, std::int64_t utc_ms) {
  const auto after =
      std::upper_bound(w.offsets.begin(), w.offsets.end(), utc_ms,
                       [](std::int64_t t, const zone_offset& o) { return t < unix_ms(o.from); });
  if (after == w.offsets.begin()) return 0;
  return std::prev(after)->seconds * 1000LL;
}

/// A local time that comes twice is the first of the two; one that the clocks leap over is as long
/// after the leap as it would have been without it.
std::int64_t utc_of(const maintenance_window& w, std::int64_t local_ms) {
  const std::int64_t before = offset_at(w, local_ms - day_ms);
  const std::int64_t after = offset_at(w, local_ms + day_ms);
  if (offset_at(w, local_ms - before) == before) return local_ms - before;
  if (offset_at(w, local_ms - after) == after) return local_ms - after;
  return local_ms - before;
}

struct opening {
  std::int64_t begin_ms = 0, end_ms = 0;
};

/// The one that begins on local day @p day, as far as it lies within the window's own bounds.
std::optional<opening> opening_on(const maintenance_window& w, std::int64_t day) {
  const std::int64_t weekday = ((day + 3) % 7 + 7) % 7;  // 1970-01-01 was a Thursday
  if ((w.weekdays >> weekday & 1) == 0) return {};
  const std::int64_t begin = utc_of(w, day * day_ms + w.at_ms);
  opening o{std::max(begin, unix_ms(w.starts)), begin + w.lasts_ms};
  if (w.ends != event_time{}) o.end_ms = std::min(o.end_ms, unix_ms(w.ends));
  if (o.begin_ms >= o.end_ms) return {};
  return o;
}

std::int64_t local_day(const maintenance_window& w, event_time t) {
  return floor_div(unix_ms(t) + offset_at(w, unix_ms(t)), day_ms);
}

json window_value(const maintenance_window& w) {
  json offsets = json::array();
  for (const zone_offset& o : w.offsets) offsets.push_back({unix_ms(o.from), o.seconds});
  return {{"name", w.name},
          {"entities", w.entities},
          {"dependents", w.dependents},
          {"recurs", w.recurs},
          {"starts", unix_ms(w.starts)},
          {"ends", unix_ms(w.ends)},
          {"weekdays", w.weekdays},
          {"at_ms", w.at_ms},
          {"lasts_ms", w.lasts_ms},
          {"zone", w.zone},
          {"offsets", std::move(offsets)},
          {"by", w.by},
          {"comment", w.comment},
          {"configured", w.configured}};
}

maintenance_window read_window(const json& from) {
  maintenance_window w;
  from.at("name").get_to(w.name);
  from.at("entities").get_to(w.entities);
  from.at("dependents").get_to(w.dependents);
  from.at("recurs").get_to(w.recurs);
  w.starts = event_time_of(from.at("starts").get<std::int64_t>());
  w.ends = event_time_of(from.at("ends").get<std::int64_t>());
  from.at("weekdays").get_to(w.weekdays);
  from.at("at_ms").get_to(w.at_ms);
  from.at("lasts_ms").get_to(w.lasts_ms);
  from.at("zone").get_to(w.zone);
  for (const json& o : from.at("offsets"))
    w.offsets.push_back({event_time_of(o.at(0).get<std::int64_t>()), o.at(1).get<std::int32_t>()});
  from.at("by").get_to(w.by);
  from.at("comment").get_to(w.comment);
  from.at("configured").get_to(w.configured);
  return w;
}

}  // namespace

bool open_at(const maintenance_window& w, event_time t) {
  if (!w.recurs) return w.starts <= t && t < w.ends;
  const std::int64_t today = local_day(w, t);
  for (std::int64_t day = today - longest_days; day <= today + 1; ++day) {
    const auto o = opening_on(w, day);
    if (o && o->begin_ms <= unix_ms(t) && unix_ms(t) < o->end_ms) return true;
  }
  return false;
}

event_time next_change(const maintenance_window& w, event_time t) {
  event_time next = event_time::max();
  const auto consider = [&](event_time at) {
    if (at > t) next = std::min(next, at);
  };
  if (!w.recurs) {
    consider(w.starts);
    consider(w.ends);
    return next;
  }
  const std::int64_t first = local_day(w, std::max(t, w.starts));
  for (std::int64_t day = first - longest_days; day <= first + ahead_days; ++day) {
    const auto o = opening_on(w, day);
    if (!o) continue;
    consider(event_time_of(o->begin_ms));
    consider(event_time_of(o->end_ms));
  }
  return next;
}

bool names_entity(const maintenance_window& w, std::string_view entity) {
  return std::any_of(w.entities.begin(), w.entities.end(),
                     [&](const std::string& glob) { return glob_matches(glob, entity); });
}

bool learns_nothing(const std::vector<maintenance_window>& windows, std::string_view entity,
                    event_time t) {
  return std::any_of(windows.begin(), windows.end(), [&](const maintenance_window& w) {
    return names_entity(w, entity) && open_at(w, t);
  });
}

bool learned_nothing(const std::vector<maintenance_window>& windows, std::string_view entity,
                     event_time from, event_time to) {
  return std::any_of(windows.begin(), windows.end(), [&](const maintenance_window& w) {
    return names_entity(w, entity) && (open_at(w, from) || next_change(w, from) <= to);
  });
}

std::string windows_json(const std::vector<maintenance_window>& windows) {
  json list = json::array();
  for (const maintenance_window& w : windows) list.push_back(window_value(w));
  return list.dump(-1, ' ', false, json::error_handler_t::replace);
}

outcome<std::vector<maintenance_window>> read_windows_json(std::string_view text) {
  const json list = json::parse(text, nullptr, false);
  if (!list.is_array()) return failure{ec::malformed, "maintenance: not a JSON array"};
  std::vector<maintenance_window> all;
  try {  // the library throws where a member is missing or of another type
    for (const json& one : list) all.push_back(read_window(one));
  } catch (const json::exception& e) {
    return failure{ec::malformed, std::string{"maintenance: "} + e.what()};
  }
  return all;
}

std::vector<maintenance_window> merged_windows(std::vector<maintenance_window> configured,
                                               const std::vector<maintenance_window>& before,
                                               event_time now) {
  std::vector<maintenance_window> all = std::move(configured);
  for (const maintenance_window& w : before) {
    const bool over = w.ends != event_time{} && w.ends <= now;
    const bool taken = std::any_of(all.begin(), all.end(), [&](const maintenance_window& other) {
      return other.name == w.name;
    });
    if (!w.configured && !over && !taken) all.push_back(w);
  }
  return all;
}

}  // namespace faultline
