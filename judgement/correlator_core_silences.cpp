// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "judgement/alert_lifecycle.hpp"
#include "judgement/correlator_core_impl.hpp"
#include "judgement/silence_limits.hpp"
#include "messages/bytes.hpp"
#include "messages/rfc3339.hpp"

namespace faultline {

// A silence begins and ends by event time, or at its own record: one that should have begun begins
// there. Which silences cover an alert is part of the alert: it is told again when that changes.

namespace {

/// The wall clock at which a command was given, as an event time: who sets an end means this one.
event_time said_at(const operator_command& c) { return event_time_of(unix_ms(c.at)); }

/// What matchers are asked of: `entity` stands for itself also where an alert has no such label.
bool covers(const kept_silence& s, const alert& a) {
  if (s.state != silence_state::active) return false;
  if (a.labels.count("entity") != 0) return s.matchers.matches(a.labels);
  auto labels = a.labels;
  labels["entity"] = a.entity;
  return s.matchers.matches(labels);
}

std::string word_of(const std::string& payload, const char* key) {
  const auto said = nlohmann::json::parse(payload, nullptr, false);
  if (!said.is_object()) return {};
  const auto at = said.find(key);
  return at != said.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

std::string no_room() {
  return "there are " + std::to_string(most_silences) + " silences, and no more are taken";
}

}  // namespace

outcome<void> room_for_silence(const std::vector<told_silence>& known) {
  const auto live = std::count_if(known.begin(), known.end(), [](const told_silence& s) {
    return s.state != silence_state::expired;
  });
  if (static_cast<std::size_t>(live) < most_silences) return {};
  return failure{ec::invalid, no_room() + ": end some, or let one cover more"};
}

/// Takes the next change of @p s in event time into the agenda, or out of it.
void correlator_core::impl::plan_silence(const kept_silence& s, bool planned) {
  if (s.state == silence_state::expired) return;
  const event_time at = s.state == silence_state::pending ? s.what.starts : s.what.ends;
  if (planned)
    silence_agenda.emplace(at, s.what.id);
  else
    silence_agenda.erase({at, s.what.id});
}

void correlator_core::impl::move_silence(kept_silence& s, silence_state to,
                                         const std::string& why) {
  plan_silence(s, false);
  s.state = to;
  plan_silence(s, true);
  const bool on = to == silence_state::active;
  if (on || to == silence_state::expired)
    say_notice(on ? "silenced" : "unsilenced", s.what.id,
               matchers_text(s.what.matchers) + " " + why);
}

/// A new silence, or another end, comment and owner of one that is known.
void correlator_core::impl::set_silence(const operator_command& c) {
  auto said = read_silence_json(c.payload);
  if (!said || said->id.empty() || said->ends <= said->starts) return;
  auto compiled = label_matchers::compile(said->matchers);
  if (!compiled || compiled->cover_everything()) return;
  const auto known = silences.find(said->id);
  if (known != silences.end() && known->second.state == silence_state::expired) return;
  const auto live = std::count_if(silences.begin(), silences.end(), [](const auto& entry) {
    return entry.second.state != silence_state::expired;
  });
  if (known == silences.end() && static_cast<std::size_t>(live) >= most_silences)
    return say_notice("unsilenced", said->id, "refused: " + no_room());
  if (known != silences.end()) plan_silence(known->second, false);
  kept_silence& s = silences[said->id];
  const bool was_active = s.state == silence_state::active && known != silences.end();
  s.what = std::move(*said);
  s.matchers = std::move(*compiled);
  s.state = was_active ? silence_state::active : silence_state::pending;
  plan_silence(s, true);
  const event_time at = std::max(now, said_at(c));
  if (s.what.ends <= at) {
    move_silence(s, silence_state::expired, "is over already");
  } else if (s.what.starts <= at || was_active) {
    move_silence(
        s, silence_state::active,
        "by " + s.what.created_by + " until " + rfc3339(s.what.ends) + ": " + s.what.comment);
  }
  mark_all();
  forget_old_silences();
}

/// {by}: its end is now.
void correlator_core::impl::end_silence(const operator_command& c) {
  const auto at = silences.find(c.subject);
  if (at == silences.end() || at->second.state == silence_state::expired) return;
  kept_silence& s = at->second;
  plan_silence(s, false);
  s.what.ends = std::min(s.what.ends, said_at(c));
  s.what.starts = std::min(s.what.starts, s.what.ends);
  s.what.updated = said_at(c);
  plan_silence(s, true);
  const std::string by = word_of(c.payload, "by");
  move_silence(s, silence_state::expired, by.empty() ? "was ended" : "was ended by " + by);
  mark_all();
  forget_old_silences();
}

/// @returns whether one has begun or ended.
bool correlator_core::impl::pass_silences() {
  bool moved = false;
  while (!silence_agenda.empty() && silence_agenda.begin()->first <= now) {
    kept_silence& s = silences.at(silence_agenda.begin()->second);
    if (s.state == silence_state::pending)
      move_silence(
          s, silence_state::active,
          "by " + s.what.created_by + " until " + rfc3339(s.what.ends) + ": " + s.what.comment);
    else
      move_silence(s, silence_state::expired, "has come to its end");
    moved = true;
  }
  if (moved) forget_old_silences();
  return moved;
}

void correlator_core::impl::forget_old_silences() {
  std::vector<std::pair<event_time, std::string>> ended;
  for (const auto& [id, s] : silences)
    if (s.state == silence_state::expired) ended.emplace_back(s.what.ends, id);
  std::sort(ended.begin(), ended.end());
  const event_time oldest = now - milliseconds{correlator_limits::ended_silence_ms};
  for (std::size_t n = 0; n < ended.size(); ++n) {
    const bool many = ended.size() - n > correlator_limits::ended_silences;
    if (!many && ended[n].first > oldest) break;
    silences.erase(ended[n].second);
  }
}

/// @returns whether something is other than it was.
bool correlator_core::impl::set_marks_of(alert& a) {
  std::vector<std::string> ids;
  std::string by;
  for (const auto& [id, s] : silences) {
    if (!covers(s, a)) continue;
    if (ids.empty()) by = s.what.created_by;
    ids.push_back(id);
  }
  std::vector<std::string> over = windows_over(a.entity);
  std::vector<std::string> inhibitors = inhibitors_of(a);
  const bool same = ids == a.silences && by == a.silenced_by && a.silenced == !ids.empty() &&
                    over == a.maintenance && inhibitors == a.inhibited_by;
  a.silenced = !ids.empty();
  a.silenced_by = std::move(by);
  a.silences = std::move(ids);
  a.maintenance = std::move(over);
  a.inhibited_by.swap(inhibitors);
  note_inhibitors(a, inhibitors);
  return !same;
}

/// Whether alerts of @p entity would be silenced, whatever raised them.
bool correlator_core::impl::silences_entity(const std::string& entity) {
  if (!windows_over(entity).empty()) return true;
  return std::any_of(silences.begin(), silences.end(), [&](const auto& entry) {
    const kept_silence& s = entry.second;
    return s.state == silence_state::active &&
           s.matchers.matches({{"alertname", alert_name(alert_reason::deviation)},
                               {"entity", entity},
                               {"severity", to_string(alert_severity::warning)}});
  });
}

/// Tells every alert again whose marks have changed; one that nothing silences any more may open an
/// incident.
void correlator_core::impl::mark_all() {
  std::set<std::string> firing;
  for (const auto& [id, t] : alerts)
    if (t.alert.state == alert_state::firing) firing.insert(firing.end(), id);
  mark_some(firing);
}

std::string correlator_core::impl::save_silences() const {
  std::string bytes;
  field_writer w{bytes};
  w.u32(static_cast<std::uint32_t>(silences.size()));
  for (const auto& [id, s] : silences) {
    w.str(silence_json(s.what));
    w.u8(static_cast<std::uint8_t>(s.state));
  }
  return bytes;
}

bool correlator_core::impl::read_silences(std::string_view bytes) {
  field_reader in{bytes};
  const auto count = in.count(5);
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) {
    auto what = read_silence_json(in.str());
    const auto state = in.enumeration(silence_state::pending, silence_state::expired);
    if (!what) return false;
    auto compiled = label_matchers::compile(what->matchers);
    if (!compiled) return false;
    std::string id = what->id;
    silences[std::move(id)] = {std::move(*what), std::move(*compiled), state};
  }
  return in.ok() && in.at_end();
}

}  // namespace faultline
