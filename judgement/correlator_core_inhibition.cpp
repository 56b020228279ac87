// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/correlator_core_impl.hpp"

namespace faultline {

// An alert is inhibited while another one says the same thing better: by a rule, or because it is a
// consequence of the likely cause of its incident. What inhibits it is part of the alert; nobody is
// notified of it. Sources and targets of a rule are kept by the labels they must share, so that a
// storm costs each alert its own look-up. What inhibits never leads back to itself: of those that
// would silence one another in a ring, somebody hears.

namespace {

using label_map = std::map<std::string, std::string>;

/// The values of the labels that must be equal; nothing where one is missing.
std::optional<std::string> key_of(const inhibition& rule, const label_map& labels) {
  std::string key;
  for (const std::string& name : rule.equal) {
    const auto at = labels.find(name);
    if (at == labels.end() || at->second.empty()) return std::nullopt;
    key += at->second;
    key += '\0';
  }
  return key;
}

label_map labels_of(const alert& a) {
  auto labels = a.labels;
  labels.try_emplace("entity", a.entity);
  return labels;
}

/// Of one that operators do not want to hear of others speak for themselves; of one that comes and
/// goes people hear once in hours.
bool may_speak(const alert& a) {
  return a.state == alert_state::firing && !a.silenced && a.maintenance.empty() && !a.flapping;
}

}  // namespace

/// What cannot be read is left out: the server has said so when it took the configuration.
void correlator_core::impl::take_inhibitions(const std::vector<inhibit_rule>& rules) {
  inhibitions.clear();
  for (const inhibit_rule& r : rules) {
    auto source = matchers_of(r.source);
    auto target = matchers_of(r.target);
    if (!source || !target || source->empty() || target->empty()) continue;
    inhibitions.push_back({std::move(*source), std::move(*target), r.equal, {}});
  }
  for (const auto& [id, t] : alerts) index_alert(t.alert, nullptr);
}

/// Takes @p a, of which @p before was known, into the indexes, or out of them.
/// @returns alerts whose inhibition by a rule may be another one now.
std::set<std::string> correlator_core::impl::index_alert(const alert& a, const alert* before) {
  std::set<std::string> touched;
  if (a.state == alert_state::firing) {
    by_entity[a.entity].insert(a.id);
  } else if (const auto at = by_entity.find(a.entity); at != by_entity.end()) {
    at->second.erase(a.id);
    if (at->second.empty()) by_entity.erase(at);
  }
  if (inhibitions.empty()) return touched;
  // A severity that rises is another label: it does not stand where it stood.
  if (before != nullptr && before->labels != a.labels) {
    const label_map old = labels_of(*before);
    for (inhibition& rule : inhibitions) index_in(rule, a.id, old, false, false, touched);
  }
  const label_map labels = labels_of(a);
  const bool fires = a.state == alert_state::firing;
  for (inhibition& rule : inhibitions) index_in(rule, a.id, labels, fires, may_speak(a), touched);
  touched.erase(a.id);
  return touched;
}

/// As a target while it @p fires, as a source while it @p speaks.
void correlator_core::impl::index_in(inhibition& rule, const std::string& id,
                                     const label_map& labels, bool fires, bool speaks,
                                     std::set<std::string>& touched) const {
  const bool target = rule.target.matches(labels);
  const bool source = rule.source.matches(labels);
  const auto key = target || source ? key_of(rule, labels) : std::nullopt;
  if (!key) return;
  inhibition::members& m = rule.by_key[*key];
  const auto place = [&](std::set<std::string>& where, bool in) {
    return in ? where.insert(id).second : where.erase(id) != 0;
  };
  if (target) place(m.targets, fires);
  std::set<std::string>& kin = target ? m.both : m.sources;
  if (source && place(kin, speaks)) {
    // Of many sources one more changes nothing; whom one that goes inhibited has to find another.
    if (speaks && kin.size() == 1) touched.insert(m.targets.begin(), m.targets.end());
    const auto whom = inhibits.find(id);
    if (!speaks && whom != inhibits.end()) touched.insert(whom->second.begin(), whom->second.end());
  }
  if (m.targets.empty() && m.sources.empty() && m.both.empty()) rule.by_key.erase(*key);
}

/// Whether what inhibits @p from, and what inhibits that, comes to @p id.
bool correlator_core::impl::leads_to(const std::string& from, const std::string& id) const {
  std::set<std::string> seen;
  std::vector<std::string> ways{from};
  while (!ways.empty()) {
    const std::string at = std::move(ways.back());
    ways.pop_back();
    if (at == id) return true;
    const auto found = alerts.find(at);
    if (found == alerts.end() || !seen.insert(at).second) continue;
    const auto& by = found->second.alert.inhibited_by;
    ways.insert(ways.end(), by.begin(), by.end());
  }
  return false;
}

/// The alert that inhibits @p a by @p rule, or nothing: the one that did already, while it may.
std::string correlator_core::impl::inhibitor_of(const inhibition& rule, const alert& a,
                                                const label_map& labels) const {
  if (!rule.target.matches(labels)) return {};
  const auto key = key_of(rule, labels);
  const auto at = key ? rule.by_key.find(*key) : rule.by_key.end();
  if (at == rule.by_key.end()) return {};
  // Two that are both sources and targets do not inhibit one another.
  const std::set<std::string> none;
  const std::set<std::string>& pure = at->second.sources;
  const std::set<std::string>& both = rule.source.matches(labels) ? none : at->second.both;
  for (const std::string& id : a.inhibited_by)
    if ((pure.count(id) != 0 || both.count(id) != 0) && !leads_to(id, a.id)) return id;
  for (const auto* all : {&pure, &both})
    for (const std::string& id : *all)
      if (!leads_to(id, a.id)) return id;
  return {};
}

/// The alerts that make @p a say nothing new: one for each rule, and the one of the likely cause.
std::vector<std::string> correlator_core::impl::inhibitors_of(const alert& a) {
  std::set<std::string> found;
  if (!inhibitions.empty()) {
    const label_map labels = labels_of(a);
    for (const inhibition& rule : inhibitions)
      if (std::string id = inhibitor_of(rule, a, labels); !id.empty()) found.insert(std::move(id));
  }
  if (std::string id = cause_alert_of(a); !id.empty()) found.insert(std::move(id));
  return {found.begin(), found.end()};
}

/// Keeps whom an alert inhibits, as what inhibits @p a changes from @p before.
void correlator_core::impl::note_inhibitors(const alert& a,
                                            const std::vector<std::string>& before) {
  if (before == a.inhibited_by) return;
  for (const std::string& id : before) {
    const auto at = inhibits.find(id);
    if (at == inhibits.end()) continue;
    at->second.erase(a.id);
    if (at->second.empty()) inhibits.erase(at);
  }
  for (const std::string& id : a.inhibited_by) inhibits[id].insert(a.id);
}

/// The likely cause of an incident, where it is likely enough to speak for what depends on it.
const ranked_cause* correlator_core::impl::speaker_of(incident_key key) const {
  if (!options.inhibit_consequences) return nullptr;
  const auto i = incidents.find(key);
  if (i == incidents.end() || i->second.record.abstained || i->second.record.causes.empty())
    return nullptr;
  const ranked_cause& cause = i->second.record.causes.front();
  return cause.probability < correlator_limits::inhibiting_cause ? nullptr : &cause;
}

/// Whether @p t, of the entity of its incident's likely cause, speaks for what depends on it.
bool correlator_core::impl::speaks(const tracked_alert& t) const {
  return !suppressed(t.alert) && may_speak(t.alert) && !only_informs(t.alert);
}

/// An alert of @p entity in that incident that speaks, and is at least as severe; not @p except.
std::string correlator_core::impl::speaker(incident_key key, const std::string& entity,
                                           alert_severity severity,
                                           const std::string& except) const {
  const auto candidates = by_entity.find(entity);
  if (candidates == by_entity.end()) return {};
  for (const std::string& id : candidates->second) {
    const auto at = alerts.find(id);
    if (id != except && at != alerts.end() && at->second.incident == key &&
        at->second.alert.severity >= severity && speaks(at->second))
      return id;
  }
  return {};
}

/// The alert of the likely cause of @p a's incident, where @p a is a consequence of it: its entity
/// depends on that of the cause. Of a cause that nobody is told of, or of which less is said than
/// of its consequence, the consequence is told.
std::string correlator_core::impl::cause_alert_of(const alert& a) {
  if (!options.inhibit_consequences) return {};
  const auto t = alerts.find(a.id);
  const ranked_cause* cause = t == alerts.end() ? nullptr : speaker_of(t->second.incident);
  if (cause == nullptr || cause->entity == a.entity) return {};
  const incident_key key = t->second.incident;
  const auto best = best_speakers.try_emplace({key, a.severity});
  if (best.second) best.first->second = speaker(key, cause->entity, a.severity, {});
  std::string found = best.first->second;
  for (const std::string& id : a.inhibited_by) {
    const auto at = alerts.find(id);
    if (at != alerts.end() && at->second.incident == key &&
        at->second.alert.severity >= a.severity && at->second.alert.entity == cause->entity &&
        speaks(at->second))
      found = id;
  }
  if (found.empty() || !graph.distance(a.entity, cause->entity, options.hops)) return {};
  return found;
}

/// Tells those of @p ids again whose marks have changed; one that nothing suppresses any more may
/// open an incident, when it is known what else this decision ends and suppresses.
void correlator_core::impl::mark_some(const std::set<std::string>& ids) {
  std::set<incident_key> causes_changed;
  best_speakers.clear();
  std::set<std::string> touched;
  for (const std::string& id : ids) {
    const auto at = alerts.find(id);
    if (at == alerts.end()) continue;
    tracked_alert& t = at->second;
    const bool before = suppressed(t.alert);
    const bool spoke = may_speak(t.alert);
    if (t.alert.state != alert_state::firing || !set_marks_of(t.alert)) continue;
    if (may_speak(t.alert) != spoke) touched.merge(index_alert(t.alert, nullptr));
    if (suppressed(t.alert) != before && speaks_for_others(t)) {
      best_speakers.clear();
      gather_around(t, touched, causes_changed);
    }
    ++t.marks;
    ++t.alert.transition;
    say(t.alert);
    if (!suppressed(t.alert) && t.incident == 0) heard.insert(id);
  }
  if (!touched.empty()) mark_some(touched);
  for (const incident_key key : causes_changed) mark_members(key);
}

void correlator_core::impl::attach_heard() {
  for (const std::string& id : std::exchange(heard, {})) {
    const auto at = alerts.find(id);
    if (at == alerts.end() || at->second.alert.state != alert_state::firing) continue;
    if (at->second.incident != 0 || suppressed(at->second.alert)) continue;
    attach(id);
    mark_joined(at->second.incident, id);
  }
}

/// An alert has come into @p key otherwise than by its own word: marked at the end of the decision
/// is itself, and, where it is of the likely cause, for whom it may speak.
void correlator_core::impl::mark_joined(incident_key key, const std::string& alert_id) {
  const ranked_cause* cause = speaker_of(key);
  if (cause == nullptr) return;
  merged.insert(alert_id);
  if (alerts.at(alert_id).alert.entity != cause->entity) return;
  const auto& members = incidents.at(key).record.alerts;
  merged.insert(members.begin(), members.end());
}

bool correlator_core::impl::speaks_for_others(const tracked_alert& t) const {
  const ranked_cause* cause = speaker_of(t.incident);
  return cause != nullptr && cause->entity == t.alert.entity;
}

/// The members of an incident whose cause has been found, or begins or ends to speak for them.
void correlator_core::impl::mark_members(incident_key key) {
  if (!options.inhibit_consequences) return;
  const auto i = incidents.find(key);
  if (i == incidents.end()) return;
  mark_some({i->second.record.alerts.begin(), i->second.record.alerts.end()});
}

/// What may be other than it was when an alert of the likely cause has begun or ceased to speak:
/// the whole incident, where nobody else has spoken as loud; else those whom it inhibits.
void correlator_core::impl::gather_around(const tracked_alert& t, std::set<std::string>& ids,
                                          std::set<incident_key>& keys) const {
  if (const auto whom = inhibits.find(t.alert.id); whom != inhibits.end())
    ids.insert(whom->second.begin(), whom->second.end());
  const alert& a = t.alert;
  if (speaks(t) && speaker(t.incident, a.entity, a.severity, a.id).empty()) keys.insert(t.incident);
}

/// What follows for others from an alert that began, ended, rose, or is suppressed as it was not.
void correlator_core::impl::mark_around(const std::string& alert_id) {
  const auto at = alerts.find(alert_id);
  if (!options.inhibit_consequences || at == alerts.end()) return;
  if (!speaks_for_others(at->second)) return mark_some({alert_id});
  std::set<std::string> ids;
  std::set<incident_key> keys;
  gather_around(at->second, ids, keys);
  if (!ids.empty()) mark_some(ids);
  for (const incident_key key : keys) mark_members(key);
}

/// Whether alerts of this name and entity come and go: so many have begun within the hour.
bool correlator_core::impl::note_episode(const alert& a) {
  const flap_key key = flap_key_of(a);
  std::vector<event_time>& begins = flaps[key];
  if (!begins.empty()) flaps_by_time.erase({begins.back(), key});
  begins.insert(std::upper_bound(begins.begin(), begins.end(), a.started), a.started);
  const milliseconds hour{correlator_limits::flap_ms};
  while (begins.front() < begins.back() - hour || begins.size() > correlator_limits::flap_episodes)
    begins.erase(begins.begin());
  const bool many =
      begins.size() >= correlator_limits::flap_episodes && a.started >= begins.front();
  flaps_by_time.emplace(begins.back(), key);
  while (flaps_by_time.size() > correlator_limits::flaps ||
         flaps_by_time.begin()->first < now - hour) {
    flaps.erase(flaps_by_time.begin()->second);
    flaps_by_time.erase(flaps_by_time.begin());
    if (flaps_by_time.empty()) break;
  }
  return many;
}

void correlator_core::impl::forget_episodes(const std::string& entity) {
  for (auto at = flaps.lower_bound({entity, {}}); at != flaps.end() && at->first.first == entity;) {
    flaps_by_time.erase({at->second.back(), at->first});
    at = flaps.erase(at);
  }
}

}  // namespace faultline
