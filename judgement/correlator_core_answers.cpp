// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/correlator_core_impl.hpp"

namespace faultline {

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
  take_causes(i, r);
  tell(i);
  if (const auto same = of_same_cause(key)) {
    mark_members(merge(key, *same));
    return;
  }
  if (i.again) ask(key);
  schedule(key);
  mark_members(key);
}

void correlator_core::impl::take_causes(tracked_incident& i, const root_cause_result& r) const {
  i.record.causes = r.causes;
  i.record.unobserved = r.unobserved;
  i.record.abstained = r.abstained;
  rank_remedies(i.record.causes);
}

/// An incident that ended before its answer came is told once more, with its causes.
bool correlator_core::impl::take_late(const root_cause_result& r) {
  const auto at = std::find_if(late.begin(), late.end(), [&](const tracked_incident& i) {
    return i.record.id == r.incident;
  });
  if (at == late.end()) return false;
  if (r.as_of != at->asked) return true;  // an earlier question, asked again since
  // What began late in it and was asked for alone is no answer for the whole.
  if (at->asked_burst == event_time{} || at->record.causes.empty()) {
    take_causes(*at, r);
    tell(*at);
  }
  late.erase(at);
  return true;
}

/// Kept for the answer it waits for, with the last few that ended so.
void correlator_core::impl::keep_late(tracked_incident&& i) {
  late.push_back(std::move(i));
  if (late.size() > correlator_limits::late) late.pop_front();
}

/// Another open incident with the same likeliest cause, both being nearly sure of it: a fault whose
/// consequences begin long after it is one incident.
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
    if (its != nullptr && *its == *cause) return other;
  }
  return std::nullopt;
}

}  // namespace faultline
