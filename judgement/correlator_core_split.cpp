// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/correlator_core_impl.hpp"
#include "messages/identity.hpp"

namespace faultline {

// What begins long after the rest of an incident may be another trouble that happens to lie in
// reach. The cause is then asked for as of that later onset alone. Where the answer is another
// cause, and the earlier one explains nothing of it, what began late becomes an incident of its
// own.

void correlator_core::impl::note_burst(tracked_incident& i, event_time started) const {
  if (i.record.alerts.size() < 2 && i.signs.empty()) return;
  const auto apart =
      std::chrono::duration<double, std::milli>(options.window) * correlator_limits::burst_windows;
  if (started <= i.last_onset + std::chrono::duration_cast<milliseconds>(apart)) return;
  i.burst = started;
  i.refreshed = 0;
}

/// @returns whether @p r, an answer about what began late, is to stand as the answer of the whole.
bool correlator_core::impl::take_fresh(incident_key key, const root_cause_result& r) {
  tracked_incident& i = incidents.at(key);
  if (i.record.causes.empty()) return true;
  if (r.abstained || r.causes.empty()) {
    i.burst = {};  // seen alone it says nothing: the whole is asked for again
    return false;
  }
  if (i.record.abstained) return true;
  const std::string& before = i.record.causes.front().entity;
  if (r.causes.front().entity == before) return true;
  double left = 0;
  for (const ranked_cause& c : r.causes) left += c.entity == before ? c.probability : 0;
  const bool apart = r.causes.front().probability >= correlator_limits::split_from &&
                     left <= correlator_limits::split_left;
  if (apart && i.asked_burst == i.burst) split(key, r);
  return false;
}

void correlator_core::impl::split(incident_key key, const root_cause_result& r) {
  std::vector<std::string> gone;
  tracked_incident& from = incidents.at(key);
  for (const std::string& id : from.record.alerts) {
    if (alerts.at(id).alert.started >= from.burst) gone.push_back(id);
  }
  if (gone.empty() || (gone.size() == from.record.alerts.size() && from.signs.empty())) return;
  const incident_key fresh = fresh_key();
  tracked_incident& into = incidents[fresh];
  const alert& first = alerts.at(gone.front()).alert;
  // Its first alert may have opened an incident that was merged into this one.
  into.record.id = to_hex(stable_hash("incident/" + first.id + "/" + from.record.id + "/" +
                                      std::to_string(from.record.transition)));
  into.record.transition = 0;  // tell() makes it 1
  into.record.alerts = gone;
  into.record.causes = r.causes;
  into.record.unobserved = r.unobserved;
  into.record.abstained = r.abstained;
  rank_remedies(into.record.causes);
  into.first_text = alert_text(first);
  into.origin = from.record.id;
  into.asked = from.asked;
  into.requests = from.requests;
  into.refreshed = from.refreshed;
  for (const std::string& id : gone) alerts.at(id).incident = fresh;
  recount(into);
  leave(key, gone);
  for (const std::string& entity : into.record.entities) extend(fresh, entity, 0);
  tell(from);
  tell(into);
  say_notice("split", into.record.id,
             "split from " + from.record.id + ": " + r.causes.front().entity +
                 " explains what began at " + clock_text(into.first_onset) + ", " +
                 from.record.causes.front().entity + " does not");
  if (from.again) ask(fresh);
  from.again = false;
  schedule(fresh);
  mark_members(key);
  mark_members(fresh);
}

/// What is left of @p key is closed to newcomers: they belong to what was split off.
void correlator_core::impl::leave(incident_key key, const std::vector<std::string>& gone) {
  tracked_incident& from = incidents.at(key);
  auto& members = from.record.alerts;
  members.erase(std::remove_if(members.begin(), members.end(),
                               [&](const std::string& id) {
                                 return std::find(gone.begin(), gone.end(), id) != gone.end();
                               }),
                members.end());
  from.burst = from.asked_burst = {};
  from.refreshed = correlator_limits::refreshes;
  from.frozen = true;
  recount(from);
  drop_reach(key);
}

/// What follows from the members of an incident, after some came or went.
void correlator_core::impl::recount(tracked_incident& i) const {
  i.firing = 0;
  i.record.entities.clear();
  i.record.severity = alert_severity::warning;
  bool first = i.signs.empty();
  if (!first) {
    i.record.entities = i.signs;
    i.first_onset = i.last_onset = i.signed_at;
    i.last_end = i.last_sign;
  }
  for (const std::string& id : i.record.alerts) {
    const alert& a = alerts.at(id).alert;
    auto& entities = i.record.entities;
    if (std::find(entities.begin(), entities.end(), a.entity) == entities.end()) {
      entities.push_back(a.entity);
    }
    i.record.severity = std::max(i.record.severity, a.severity);
    if (a.state == alert_state::firing) ++i.firing;
    const event_time ended =
        a.state == alert_state::firing ? a.started : a.ended.value_or(a.updated);
    i.first_onset = first ? a.started : std::min(i.first_onset, a.started);
    i.last_onset = first ? a.started : std::max(i.last_onset, a.started);
    i.last_end = first ? ended : std::max(i.last_end, ended);
    first = false;
  }
  count_stops(i);
  i.reopened = {};
  i.record.started = i.first_onset;
}

}  // namespace faultline
