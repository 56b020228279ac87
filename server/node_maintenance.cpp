// SPDX-License-Identifier: Apache-2.0
// Maintenance windows by API: they are rules, and change as these do.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "judgement/maintenance.hpp"
#include "judgement/window_words.hpp"
#include "messages/rfc3339.hpp"
#include "server/asking.hpp"
#include "server/node_impl.hpp"
#include "server/node_life_cycle.hpp"
#include "server/options_of.hpp"

namespace faultline {

namespace {

constexpr std::size_t most_windows = 1000;

std::string clock_text(std::int64_t ms) {
  char text[16];
  std::snprintf(text, sizeof text, "%02d:%02d", static_cast<int>(ms / 3'600'000 % 24),
                static_cast<int>(ms / 60'000 % 60));
  return text;
}

maintenance_row row_of(const maintenance_window& w, event_time now) {
  maintenance_row row;
  row.what.name = w.name;
  row.what.entities = w.entities;
  row.what.dependents = w.dependents;
  if (w.starts != event_time{}) row.what.starts = rfc3339(w.starts);
  if (w.ends != event_time{}) row.what.ends = rfc3339(w.ends);
  row.what.lasts_ms = w.recurs ? w.lasts_ms : (w.ends - w.starts).count();
  if (w.recurs) {
    row.days = days_of(w);
    row.what.at = clock_text(w.at_ms);
    row.what.zone = w.zone;
  }
  row.what.by = w.by;
  row.what.comment = w.comment;
  row.configured = w.configured;
  row.open = open_at(w, now);
  const event_time next = next_change(w, now);
  row.next_change = next == event_time::max() ? 0 : unix_ms(next);
  return row;
}

auto find_window(std::vector<maintenance_window>& all, const std::string& name) {
  return std::find_if(all.begin(), all.end(),
                      [&](const maintenance_window& w) { return w.name == name; });
}

/// What operators have said in @p before and is over at @p now goes with the next change. A window
/// of the past that has just been said stays until then: where the past is accepted, it is one.
void forget_what_is_over(std::vector<maintenance_window>& all,
                         const std::vector<maintenance_window>& before, event_time now) {
  const auto known = [&](const maintenance_window& w) {
    return std::any_of(before.begin(), before.end(), [&](const maintenance_window& b) {
      return b.name == w.name && b.starts == w.starts && b.ends == w.ends;
    });
  };
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const maintenance_window& w) {
                             const bool over = w.ends != event_time{} && w.ends <= now;
                             return !w.configured && over && known(w);
                           }),
            all.end());
}

failure of_the_file(const std::string& name) {
  return {ec::invalid,
          "maintenance window " + name + " stands in the configuration: change it there"};
}

}  // namespace

void node_life_cycle::maintenance(answer<std::vector<maintenance_row>> done) {
  std::vector<maintenance_row> rows;
  for (const maintenance_window& w : parts_.windows())
    rows.push_back(row_of(w, event_time_of(unix_ms(parts_.now()))));
  done(std::move(rows));
}

void node_life_cycle::set_maintenance(maintenance_word word, answer<bool> done) {
  window_words words;
  words.name = std::move(word.name);
  words.entities = std::move(word.entities);
  words.dependents = word.dependents;
  words.starts = std::move(word.starts);
  words.ends = std::move(word.ends);
  words.days = std::move(word.days);
  words.at = std::move(word.at);
  words.lasts_ms = word.lasts_ms;
  words.zone = std::move(word.zone);
  words.by = std::move(word.by);
  words.comment = std::move(word.comment);
  if (words.by.empty()) return done(failure{ec::invalid, "say by whom"});
  if (words.comment.empty())
    return done(failure{ec::invalid, "a maintenance window has a comment that says why"});
  auto made = windows_of({words}, false);
  if (!made) return done(made.error());
  const maintenance_window window = std::move(made->front());
  if (word.force) return keep_window(window, std::move(done));
  const event_time now = event_time_of(unix_ms(parts_.now()));
  if (!window.recurs && window.ends - std::max(window.starts, now) > parts_.silences.longest)
    return done(
        failure{ec::invalid, "it is longer than silences.longest; say force if it is meant"});
  breadth_of(window, [this, window, done](outcome<std::uint64_t> entities) {
    if (!entities) return done(entities.error());
    const std::size_t most = parts_.silences.max_entities;
    if (*entities > most)
      return done(failure{ec::invalid, "it covers " + std::to_string(*entities) +
                                           " entities, more than silences.max_entities (" +
                                           std::to_string(most) + "); say force if it is meant"});
    keep_window(window, done);
  });
}

/// Records it, in the place of one of that name.
void node_life_cycle::keep_window(const maintenance_window& window, answer<bool> done) {
  aside(
      system_,
      [change = parts_.change_windows, window] {
        return change([&window](std::vector<maintenance_window>& all) -> outcome<bool> {
          const auto at = find_window(all, window.name);
          if (at != all.end() && at->configured) return of_the_file(window.name);
          if (at != all.end()) {
            *at = window;
            return true;
          }
          all.push_back(window);
          return true;
        });
      },
      std::move(done));
}

void node_life_cycle::end_maintenance(std::string name, std::string by, answer<bool> done) {
  aside(
      system_,
      [change = parts_.change_windows, name, by] {
        auto changed = change([&](std::vector<maintenance_window>& all) -> outcome<bool> {
          const auto at = find_window(all, name);
          if (at == all.end()) return false;
          if (at->configured) return of_the_file(name);
          all.erase(at);
          return true;
        });
        if (changed && *changed)
          spdlog::info("maintenance window ended name=\"{}\" by=\"{}\"", name, by);
        return changed;
      },
      std::move(done));
}

/// @p edit says whether there is something to record, or why not.
outcome<bool> node::impl::change_windows(const life_cycle_parts::window_edit& edit) {
  outcome<bool> wanted{false};
  auto recorded = desk->change(
      "configuration", "", time_now(),
      [&](rules_record& r) {
        auto all = r.rules.maintenance;
        wanted = edit(all);
        if (!wanted || !*wanted) return;
        forget_what_is_over(all, r.rules.maintenance, event_time_of(unix_ms(time_now())));
        if (all.size() > most_windows)
          wanted = failure{ec::invalid, "there are 1000 maintenance windows"};
        else
          r.rules.maintenance = std::move(all);
      },
      [this](decision d) { return append(std::move(d)); });
  if (!recorded) return recorded.error();
  return wanted;
}

}  // namespace faultline
