// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/correlator_core_impl.hpp"
#include "messages/identity.hpp"

namespace faultline {
namespace {

/// An incident takes newcomers for this many windows from its first onset: alerts that follow one
/// another for hours are not one fault.
constexpr int span_windows = 3;
/// Room for late decisions after the last moment at which a newcomer may have begun, in windows.
constexpr int late_windows = 1;

/// From then on @p i is closed to newcomers.
event_time closes(const tracked_incident& i, milliseconds window) {
  return std::min(i.last_onset + window, i.begins() + span_windows * window) +
         late_windows * window + milliseconds{1};
}

}  // namespace

/// May open an incident; others only join one.
bool correlator_core::impl::opens(const alert& a) {
  return a.state == alert_state::firing && !a.learning && !suppressed(a) && !only_informs(a);
}

bool correlator_core::impl::fits(const tracked_incident& i, event_time onset) const {
  return !i.frozen && onset >= i.begins() - options.window &&
         onset <= i.last_onset + options.window &&
         onset <= i.begins() + span_windows * options.window;
}

bool correlator_core::impl::fits(const tracked_incident& a, const tracked_incident& b) const {
  return !a.frozen && !b.frozen && a.begins() <= b.last_onset + options.window &&
         b.begins() <= a.last_onset + options.window &&
         std::max(a.last_onset, b.last_onset) <=
             std::min(a.begins(), b.begins()) + span_windows * options.window;
}

/// Whether @p a, which was in none when it began, is of an incident that has come upon it: one
/// before all others must not make it longer than those that follow may.
bool correlator_core::impl::takes_in(incident_key key, const alert& a) const {
  const tracked_incident& i = incidents.at(key);
  return fits(i, a.started) && i.last_onset <= a.started + span_windows * options.window;
}

void correlator_core::impl::attach(const std::string& alert_id) {
  const tracked_alert& t = alerts.at(alert_id);
  const std::string entity = t.alert.entity;
  std::vector<incident_key> near;
  if (const auto at = reached_by.find(entity); at != reached_by.end()) {
    for (const incident_key key : at->second) {
      if (fits(incidents.at(key), t.alert.started)) near.push_back(key);
    }
  }
  if (near.empty())
    if (const auto with = stopped_with(t.alert)) near.push_back(*with);
  if (near.empty()) {
    if (opens(t.alert)) {
      open_incident(alert_id);
    } else {
      loose[entity].insert(alert_id);
    }
    return;
  }
  incident_key key = near.front();  // the smallest key is the oldest
  for (std::size_t n = 1; n < near.size(); ++n) {
    if (incidents.count(near[n]) != 0 && incidents.count(key) != 0) key = merge(key, near[n]);
  }
  join(key, alert_id);
}

/// One decision may open several: a list of posted alerts, a silence that ends. None has the key of
/// one that it opened and merged away: what that had reached may not be settled yet.
incident_key correlator_core::impl::fresh_key() {
  incident_key key = std::max(applied, last_key + 1);
  if (!incidents.empty()) key = std::max(key, incidents.rbegin()->first + 1);
  if (!suspicions.empty()) key = std::max(key, suspicions.rbegin()->first + 1);
  return last_key = key;
}

void correlator_core::impl::open_incident(const std::string& alert_id) {
  const alert& a = alerts.at(alert_id).alert;
  const incident_key key = fresh_key();
  tracked_incident& i = incidents[key];
  i.record.id = to_hex(stable_hash("incident/" + a.id));
  i.record.transition = 0;  // tell() makes it 1
  i.record.severity = a.severity;
  i.record.started = a.started;
  i.first_onset = i.last_onset = a.started;
  i.last_end = a.updated;
  i.first_text = alert_text(a);
  i.told_at = now;
  join(key, alert_id);
  drop_suspicions_near(key);
}

void correlator_core::impl::join(incident_key key, const std::string& alert_id) {
  tracked_alert& t = alerts.at(alert_id);
  const alert& a = t.alert;
  if (const auto at = loose.find(a.entity); at != loose.end()) {
    at->second.erase(alert_id);
    if (at->second.empty()) loose.erase(at);
  }
  t.incident = key;
  tracked_incident& i = incidents.at(key);
  if (i.record.alerts.empty() && !i.signs.empty()) i.first_text = alert_text(a);
  i.record.alerts.push_back(alert_id);
  const auto known = i.reach.find(a.entity);
  const bool member = known != i.reach.end() && known->second == 0;
  if (!member) i.record.entities.push_back(a.entity);
  i.record.severity = std::max(i.record.severity, a.severity);
  i.record.started = std::min(i.record.started, a.started);
  if (!note_stop(i, a)) note_burst(i, a.started);
  i.first_onset = std::min(i.first_onset, a.started);
  i.last_onset = std::max(i.last_onset, a.started);
  if (a.state == alert_state::firing) ++i.firing;
  tell_growth(i);
  ask(key);
  schedule(key);
  if (!member) extend(key, a.entity, 0);
}

/// Members of the younger one, and what follows from them for the older one. @p as_burst: where
/// they began long after the rest, they are asked about by themselves.
void correlator_core::impl::take_over(incident_key older, incident_key younger, bool as_burst) {
  drop_reach(younger);
  tracked_incident& from = incidents.at(younger);
  tracked_incident& into = incidents.at(older);
  if (from.due) agenda.erase({*from.due, younger});
  const ranked_cause* cause = speaker_of(older);
  bool speaks = false;  // an alert of its likely cause comes in
  for (const std::string& id : from.record.alerts) {
    alerts.at(id).incident = older;
    if (options.inhibit_consequences) merged.insert(id);
    into.record.alerts.push_back(id);
    speaks = speaks || (cause != nullptr && alerts.at(id).alert.entity == cause->entity);
  }
  if (speaks) merged.insert(into.record.alerts.begin(), into.record.alerts.end());
  const std::set<std::string> known{into.record.entities.begin(), into.record.entities.end()};
  for (const std::string& entity : from.record.entities) {
    if (known.count(entity) == 0) into.record.entities.push_back(entity);
  }
  if (as_burst) {
    into.burst = std::max(into.burst, from.burst);
    note_burst(into, from.first_onset);
  }
  into.record.severity = std::max(into.record.severity, from.record.severity);
  into.record.started = std::min(into.record.started, from.record.started);
  into.first_onset = std::min(into.first_onset, from.first_onset);
  into.last_onset = std::max(into.last_onset, from.last_onset);
  into.last_end = std::max(into.last_end, from.last_end);
  into.firing += from.firing;
  count_stops(into);
  if (from.signs.empty()) return;
  into.last_sign = std::max(into.last_sign, from.last_sign);
  if (into.signs.empty()) into.signed_at = from.signed_at;
  into.signed_at = std::min(into.signed_at, from.signed_at);
  const std::set<std::string> with{into.signs.begin(), into.signs.end()};
  for (const std::string& e : from.signs) {
    if (with.count(e) == 0) into.signs.push_back(e);
  }
}

/// Told once more, as resolved.
void correlator_core::impl::end_merged(incident_key younger, const std::string& into) {
  tracked_incident& from = incidents.at(younger);
  from.record.state = incident_state::resolved;
  from.record.ended = std::max(now, from.record.started);
  tell(from);
  out->feed.back().incident.summary = "merged into " + into;
  incidents.erase(younger);
}

/// The older one survives.
incident_key correlator_core::impl::merge(incident_key a, incident_key b) {
  if (a == b) return a;
  const incident_key older = std::min(a, b);
  const incident_key younger = std::max(a, b);
  tracked_incident& into = incidents.at(older);
  into.reopened = std::max(into.reopened, incidents.at(younger).reopened);
  take_over(older, younger, true);
  end_merged(younger, into.record.id);
  tell_growth(into);
  for (const std::string& entity : into.record.entities) extend(older, entity, 0);
  ask(older);
  schedule(older);
  return older;
}

void correlator_core::impl::raise(incident_key key, alert_severity severity) {
  tracked_incident& i = incidents.at(key);
  if (severity <= i.record.severity) return;
  i.record.severity = severity;
  tell(i);
  ask(key);
  schedule(key);
}

void correlator_core::impl::on_member_ended(incident_key key, event_time ended) {
  tracked_incident& i = incidents.at(key);
  if (i.firing > 0) --i.firing;
  i.last_end = std::max(i.last_end, ended);
  schedule(key);
}

void correlator_core::impl::ask(incident_key key) {
  tracked_incident& i = incidents.at(key);
  if (i.awaiting) {
    i.again = true;
    return;
  }
  if (i.requests >= correlator_limits::requests) return;
  ++i.requests;
  i.awaiting = true;
  i.again = false;
  // What others post, and what they say was changed, carries their time, which ours may be behind.
  i.asked = std::max(now, i.begins());
  // An alert of this decision may yet join: apply() fills the request in when all is settled.
  asked.push_back(key);
}

rca_request correlator_core::impl::request_of(const tracked_incident& i) const {
  rca_request r;
  r.incident = i.record.id;
  r.onset = std::max(i.begins(), i.asked_burst);
  r.as_of = i.asked;
  std::vector<const alert*> members;
  for (const std::string& id : i.record.alerts) {
    const alert& a = alerts.at(id).alert;
    if (a.started >= i.asked_burst) members.push_back(&a);
  }
  std::sort(members.begin(), members.end(), [](const alert* a, const alert* b) {
    return std::tie(a->started, a->id) < std::tie(b->started, b->id);
  });
  std::set<std::string> symptoms;
  if (i.asked_burst == event_time{}) symptoms.insert(i.signs.begin(), i.signs.end());
  for (const alert* a : members) {
    if (symptoms.size() >= correlator_limits::symptoms) break;
    symptoms.insert(a->entity);
  }
  const std::vector<std::string> seeds{symptoms.begin(), symptoms.end()};
  fill_neighbourhood(r, seeds, options.hops, correlator_limits::candidates,
                     unconnected_beside(seeds, r.onset, r.as_of));
  const std::set<std::string> candidates{r.candidates.begin(), r.candidates.end()};
  for (const alert* a : members) {
    if (candidates.count(a->entity) != 0) r.alerts.push_back(*a);
  }
  return r;
}

/// Candidates about @p seeds, and @p others, what connects them, and what was changed there.
void correlator_core::impl::fill_neighbourhood(rca_request& r,
                                               const std::vector<std::string>& seeds,
                                               std::uint32_t hops, std::size_t limit,
                                               const std::vector<std::string>& others) const {
  for (near_entity& n : graph.neighbourhood(seeds, hops, limit)) {
    r.candidates.push_back(std::move(n.id));
  }
  std::set<std::string> candidates{r.candidates.begin(), r.candidates.end()};
  for (const std::string& other : others) {
    if (candidates.insert(other).second) r.candidates.push_back(other);
  }
  for (dependency_edge& e : graph.edges_among(r.candidates)) {
    r.edges.push_back({std::move(e.from), std::move(e.to), e.kind, e.confidence});
  }
  const event_time oldest = r.onset - milliseconds{correlator_limits::change_age_ms};
  for (const change_note& c : changes) {
    if (c.at >= oldest && c.at <= r.as_of && candidates.count(c.entity) != 0)
      r.changes.push_back(c);
  }
}

/// Tells a grown incident at once while it is small, and in steps of a quarter when it is large:
/// its record names every alert, so telling each join of a storm would cost the square of its size.
void correlator_core::impl::tell_growth(tracked_incident& i) {
  const std::size_t count = i.record.alerts.size();
  if (count <= correlator_limits::always_told || 4 * count >= 5 * i.told) {
    tell(i);
  } else {
    i.untold = true;
  }
}

void correlator_core::impl::tell(tracked_incident& i) {
  ++i.record.transition;
  // What another program posts may have begun after anything else that was heard of.
  i.record.updated =
      std::max({i.record.updated, now, i.record.started, i.record.ended.value_or(now)});
  i.record.summary = summary_of(i);
  i.told = i.record.alerts.size();
  i.told_at = now;
  i.untold = false;
  feed_event& e = out->feed.emplace_back();
  e.what = feed_event::kind::incident;
  e.incident = i.record;
}

/// When an incident of which nothing fires ends: weak signs are told seldom, so one that they
/// opened stays open for a window after the last.
event_time correlator_core::impl::ends(const tracked_incident& i) const {
  const event_time settled = i.last_end + options.settle;
  return i.signs.empty() ? settled : std::max(settled, i.last_sign + options.window);
}

void correlator_core::impl::resolve(incident_key key) {
  tracked_incident& i = incidents.at(key);
  i.record.state = incident_state::resolved;
  i.record.ended = i.last_end;
  tell(i);
  drop_reach(key);
  if (i.due) agenda.erase({*i.due, key});
  std::vector<std::string> members = i.record.alerts;
  if (i.awaiting) keep_late(std::move(i));
  incidents.erase(key);
  for (const std::string& id : members) let_go(id);
}

void correlator_core::impl::pass_time() {
  while (!agenda.empty() && agenda.begin()->first <= now) on_due(agenda.begin()->second);
}

void correlator_core::impl::on_due(incident_key key) {
  tracked_incident& i = incidents.at(key);
  if (i.firing == 0 && ends(i) <= now) {
    resolve(key);
    return;
  }
  if (!i.frozen && closes(i, options.window) <= now) {
    i.frozen = true;
    drop_reach(key);
  }
  if (i.awaiting && i.asked + milliseconds{correlator_limits::answer_ms} <= now) {
    i.awaiting = false;
    ask(key);
  }
  bool refresh = false;
  const event_time since = std::max(i.begins(), i.burst);
  while (i.refreshed < correlator_limits::refreshes &&
         since + milliseconds{correlator_limits::refresh_ms[i.refreshed]} <= now) {
    ++i.refreshed;
    refresh = true;
  }
  if (refresh) ask(key);
  if (i.untold && i.told_at + milliseconds{correlator_limits::tell_later_ms} <= now) tell(i);
  schedule(key);
}

void correlator_core::impl::schedule(incident_key key) {
  tracked_incident& i = incidents.at(key);
  std::optional<event_time> next;
  const auto consider = [&](event_time t) { next = next ? std::min(*next, t) : t; };
  if (i.firing == 0) consider(ends(i));
  if (!i.frozen) consider(closes(i, options.window));
  if (i.awaiting && i.requests < correlator_limits::requests) {
    consider(i.asked + milliseconds{correlator_limits::answer_ms});
  }
  if (i.refreshed < correlator_limits::refreshes) {
    consider(std::max(i.begins(), i.burst) +
             milliseconds{correlator_limits::refresh_ms[i.refreshed]});
  }
  if (i.untold) consider(i.told_at + milliseconds{correlator_limits::tell_later_ms});
  if (i.due == next) return;
  if (i.due) agenda.erase({*i.due, key});
  i.due = next;
  if (next) agenda.insert({*next, key});
}

}  // namespace faultline
