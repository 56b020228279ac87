// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/correlator_core_impl.hpp"
#include "judgement/root_cause.hpp"

namespace faultline {
namespace {

/// @p later is an answer that was asked for as of a later onset than @p known, and names the same
/// entity: its baseline holds the fault already, so what shows there is what the fault has broken
/// since. What kind of fault it is stays as it was seen from the beginning, with what shows it;
/// unless something was changed in between.
void keep_kind(const ranked_cause& known, ranked_cause& later) {
  if (known.entity != later.entity || known.fault_class.empty() || known.metric.empty()) return;
  if (known.fault_class == later.fault_class && known.metric == later.metric) return;
  if (later.fault_class == to_string(fault_class::change)) return;
  later.fault_class = known.fault_class;
  later.metric = known.metric;
  later.remediation = known.remediation;
  const auto shows = [&](const evidence_item& e) {
    return e.text.rfind(known.metric + " ", 0) == 0;
  };
  auto& told = later.evidence;
  if (std::any_of(told.begin(), told.end(), shows)) return;
  const auto from = std::find_if(known.evidence.begin(), known.evidence.end(), shows);
  if (from != known.evidence.end()) told.insert(told.begin(), *from);
}

}  // namespace

void correlator_core::impl::on_root_cause(const root_cause_result& r) {
  if (take_suspicion(r) || take_late(r)) return;
  const auto at = std::find_if(incidents.begin(), incidents.end(), [&](const auto& entry) {
    return entry.second.record.id == r.incident;
  });
  if (at == incidents.end()) return;  // merged while it was looked for
  const incident_key key = at->first;
  tracked_incident& i = at->second;
  i.awaiting = false;
  const bool of_burst = i.asked_burst != event_time{} && r.as_of == i.asked;
  if (of_burst && !take_fresh(key, r)) {
    if (i.again) ask(key);
    schedule(key);
    return;
  }
  // Its cause deviated before the onset that was asked for: no answer is none against it.
  const bool keeps =
      i.reopened != event_time{} && (r.abstained || r.causes.empty()) && !i.record.causes.empty();
  if (!keeps) {
    take_causes(i, r);
    tell(i);
  }
  if (const auto same = of_same_cause(key)) {
    merge_same_cause(key, *same);
    return;
  }
  if (i.again) ask(key);
  schedule(key);
  mark_members(key);
}

void correlator_core::impl::take_causes(tracked_incident& i, const root_cause_result& r) const {
  std::vector<ranked_cause> causes = r.causes;
  const bool from_later = std::max(i.begins(), i.asked_burst) > i.first_onset;
  if (from_later && !i.record.abstained && !i.record.causes.empty() && !causes.empty())
    keep_kind(i.record.causes.front(), causes.front());
  i.record.causes = std::move(causes);
  i.record.unobserved = r.unobserved;
  i.record.abstained = r.abstained;
  rank_remedies(i.record.causes);
}

/// An incident that ended before its answer came is told once more, with its causes. An answer that
/// says nothing new is not.
bool correlator_core::impl::take_late(const root_cause_result& r) {
  const auto at = std::find_if(late.begin(), late.end(), [&](const tracked_incident& i) {
    return i.record.id == r.incident;
  });
  if (at == late.end()) return false;
  const bool last = r.as_of == at->asked;
  // What is known stands where the answer is to an earlier question, names nobody, or is of what
  // began late in it and was asked for alone.
  const bool better = last && at->asked_burst == event_time{} && !r.abstained && !r.causes.empty();
  const bool same = r.causes.empty() && r.abstained == at->record.abstained &&
                    r.unobserved == at->record.unobserved;
  if (better || (at->record.causes.empty() && !same)) {
    take_causes(*at, r);
    tell(*at);
  }
  if (last) late.erase(at);
  return true;
}

/// Kept for the answer it waits for, with the last few that ended so. Its alerts are let go, of
/// which it is known what stopped at once.
void correlator_core::impl::keep_late(tracked_incident&& i) {
  if (i.stops >= correlator_limits::stops_together) i.first_text = subject_of(i);
  i.stops = 0;
  late.push_back(std::move(i));
  if (late.size() > correlator_limits::late) late.pop_front();
}

/// As was asked, without the alerts, which are let go: after a restart.
rca_request correlator_core::impl::request_of_late(const tracked_incident& i) const {
  rca_request r;
  r.incident = i.record.id;
  r.onset = std::max(i.begins(), i.asked_burst);
  r.as_of = i.asked;
  fill_neighbourhood(r, i.record.entities, options.hops, correlator_limits::candidates,
                     unconnected_beside(i.record.entities, r.onset, r.as_of));
  return r;
}

bool correlator_core::impl::fires_at(const tracked_incident& i, const std::string& entity) const {
  return std::any_of(i.record.alerts.begin(), i.record.alerts.end(), [&](const std::string& id) {
    const alert& a = alerts.at(id).alert;
    return a.entity == entity && a.state == alert_state::firing;
  });
}

/// Another open incident with the same likeliest cause, both being nearly sure of it, where the
/// alert of the cause itself fires in the older one: a fault whose consequences begin long after
/// it is one incident.
std::optional<incident_key> correlator_core::impl::of_same_cause(incident_key key) const {
  const auto sure_of = [](const tracked_incident& i) -> const std::string* {
    if (i.record.abstained || i.record.causes.empty()) return nullptr;
    const ranked_cause& first = i.record.causes.front();
    return first.probability >= correlator_limits::same_cause ? &first.entity : nullptr;
  };
  const std::string* cause = sure_of(incidents.at(key));
  if (cause == nullptr) return std::nullopt;
  for (const auto& [other, i] : incidents) {
    const std::string* its = other == key ? nullptr : sure_of(i);
    if (its == nullptr || *its != *cause) continue;
    const tracked_incident& older = incidents.at(std::min(key, other));
    if (older.record.alerts.size() < correlator_limits::same_cause_alerts &&
        fires_at(older, *cause))
      return other;
  }
  return std::nullopt;
}

/// The older one survives, with the answer that has just come to @p answered, and takes newcomers
/// as the younger one did. Neither is a burst of the other: both have been asked about.
void correlator_core::impl::merge_same_cause(incident_key answered, incident_key other) {
  const incident_key older = std::min(answered, other);
  const incident_key younger = std::max(answered, other);
  incident answer = incidents.at(answered).record;
  tracked_incident& into = incidents.at(older);
  const tracked_incident& from = incidents.at(younger);
  if (!into.frozen) into.reopened = into.begins();
  if (!from.frozen) into.reopened = std::max(into.reopened, from.begins());
  into.frozen = into.frozen && from.frozen;
  into.refreshed = std::min(into.refreshed, from.refreshed);
  into.requests = std::min(into.requests, from.requests);
  // An answer that is under way is of a part; the whole is asked about behind it.
  const bool more = incidents.at(answered).again || from.again || from.awaiting || into.awaiting;
  into.burst = from.awaiting ? from.burst : event_time{};
  take_over(older, younger, false);
  end_merged(younger, into.record.id);
  if (answered == younger) {
    keep_kind(into.record.causes.front(), answer.causes.front());
    rank_remedies(answer.causes);
  }
  into.record.causes = std::move(answer.causes);
  into.record.unobserved = answer.unobserved;
  into.record.abstained = answer.abstained;
  tell_growth(into);
  rebuild_reach(older);
  if (more) ask(older);
  schedule(older);
  mark_members(older);
}

}  // namespace faultline
