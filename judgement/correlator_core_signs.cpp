// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "judgement/correlator_core_impl.hpp"
#include "messages/identity.hpp"

namespace faultline {

// Weak signs, each too little for a page, are asked about where they come together. What is asked
// is the whole neighbourhood of theirs: did something go wrong here, and what? Only where one cause
// is strong an incident is opened; nobody hears of the rest (decision 0018). What nothing connects
// is asked about alone, where few such are in trouble (decision 0044).

namespace {

using namespace correlator_limits;

/// A neighbourhood is asked about at most this often, in event time: a large one costs more.
milliseconds rest_of(std::size_t candidates) {
  return milliseconds{sign_rest_ms + sign_rest_each_ms * static_cast<std::int64_t>(candidates)};
}

/// Natural log units by which a cause must beat `nothing is wrong`: how often an entity would be
/// looked at in a month with such odds by chance, over how often it may be.
double support_wanted(double per_entity_month) { return std::log(sign_looks / per_entity_month); }

bool strong(const root_cause_result& r, double per_entity_month) {
  return !r.abstained && !r.causes.empty() && r.causes.front().probability >= sign_cause &&
         r.support >= support_wanted(per_entity_month);
}

/// The last question, when more has been seen of what is slight, is for those whose neighbours can
/// confirm it: each further look at what stands alone is one more at chance.
std::uint32_t most_asks(const dependency_graph& graph, const suspicion& s) {
  return graph.has_neighbour(s.entities.front()) ? sign_asks : sign_asks - 1;
}

/// Whether @p r, which was not strong, leaves room for the next question about @p s; for the last
/// one it must be half way there.
bool worth_another(const root_cause_result& r, const suspicion& s, double per_entity_month) {
  const bool last = s.asks + 1 == sign_asks;
  return r.support >= (last ? support_wanted(per_entity_month) / 2 : sign_hopeless);
}

}  // namespace

void correlator_core::impl::on_sign(const weak_sign& s) {
  if (options.false_incidents_per_entity_month <= 0) return;
  if (silences_entity(s.entity)) return;
  ++counters.signs;
  keep_sign(s);
  if (signs.count(s.entity) == 0) return;  // older than as many as are kept
  if (belongs_to_open(s)) return;
  std::vector<std::string> near;
  for (near_entity& n :
       graph.neighbourhood({s.entity}, std::min(options.hops, sign_hops), sign_candidates)) {
    near.push_back(std::move(n.id));
  }
  if (near.size() < 2) {  // nobody could confirm it but itself
    if (graph.has_neighbour(s.entity) || unconnected_in_trouble(s.at, s.at).empty()) return;
    near.assign(1, s.entity);
  }
  std::sort(near.begin(), near.end());
  const double strength = strength_at(s.entity, s.at);
  for (auto& [key, other] : suspicions) {
    if (!std::binary_search(near.begin(), near.end(), other.entities.front())) continue;
    if (other.asks == 0) {  // it will be asked about both
      other.strength = std::max(other.strength, strength);
      if (std::find(other.entities.begin(), other.entities.end(), s.entity) == other.entities.end())
        other.entities.push_back(s.entity);
      return;
    }
    if (s.at < other.onset + rest_of(near.size()) && strength < other.strength + sign_stronger)
      return;
  }
  if (suspicions.size() >= most_suspicions) return;
  const incident_key key = fresh_key();
  suspicion& fresh = suspicions[key];
  fresh.id = to_hex(stable_hash("signs/" + s.entity + "/" + std::to_string(unix_ms(s.at))));
  fresh.onset = s.at;
  fresh.strength = strength;
  fresh.text = s.metric.empty() ? s.entity : s.metric + " of " + s.entity;
  fresh.entities = signs_near(s.entity, s.at);
  fresh.rests_until = s.at + rest_of(near.size());
  plan(key);
}

/// Newest sign of each entity, as long as it can be of use; of few entities for a day.
void correlator_core::impl::keep_sign(const weak_sign& s) {
  weak_sign& known = signs[s.entity];
  if (!known.entity.empty()) signs_by_time.erase({known.at, s.entity});
  known = s;
  signs_by_time.emplace(s.at, s.entity);
  const auto goes = [&](event_time at) {
    if (at < s.at - milliseconds{day_ms}) return true;
    return at < s.at - options.window ? signs_by_time.size() > signs_of_a_day
                                      : signs_by_time.size() > correlator_limits::signs;
  };
  while (!signs_by_time.empty() && goes(signs_by_time.begin()->first)) {
    signs.erase(signs_by_time.begin()->second);
    signs_by_time.erase(signs_by_time.begin());
  }
}

/// Entities with a sign about @p at among @p entity, which comes first, and its direct neighbours.
std::vector<std::string> correlator_core::impl::signs_near(const std::string& entity,
                                                           event_time at) const {
  std::set<std::string> others;
  graph.visit_neighbours(entity, [&](const std::string& other) {
    const auto sign = signs.find(other);
    if (sign == signs.end() || other == entity) return;
    const auto apart = std::max(sign->second.at - at, at - sign->second.at);
    if (apart <= options.window / 2) others.insert(other);
  });
  std::vector<std::string> list{entity};
  list.insert(list.end(), others.begin(), others.end());
  return list;
}

/// What has no edge may be behind anything: those of it that page, in doubt or not, or have shown a
/// sign since half a window before @p onset, among the newest incidents. Where they are many
/// nothing tells them apart, and none is asked.
std::vector<std::string> correlator_core::impl::unconnected_in_trouble(event_time onset,
                                                                       event_time as_of) const {
  const event_time oldest = onset - options.window / 2;
  std::set<std::string> found;
  const auto take = [&](const std::string& entity) {
    if (!graph.has_neighbour(entity)) found.insert(entity);
    return found.size() <= unconnected;
  };
  std::size_t looked_at = 0;
  for (auto i = incidents.rbegin(); i != incidents.rend() && ++looked_at <= candidates; ++i) {
    const tracked_incident& other = i->second;
    if (other.last_onset < oldest || other.first_onset > as_of || other.record.entities.empty())
      continue;
    if (!take(other.record.entities.front())) return {};
  }
  std::set<std::string> in_doubt;  // they make nobody else's place go
  looked_at = 0;
  for (const auto& [entity, ids] : loose) {
    if (++looked_at > signs_looked_at) break;
    if (graph.has_neighbour(entity)) continue;
    const bool now_in_trouble = std::any_of(ids.begin(), ids.end(), [&](const std::string& id) {
      const alert& a = alerts.at(id).alert;
      return a.started >= oldest && a.started <= as_of && !suppressed(a) && !only_informs(a);
    });
    if (now_in_trouble) in_doubt.insert(entity);
  }
  looked_at = 0;
  for (auto at = signs_by_time.lower_bound({oldest, std::string{}});
       at != signs_by_time.end() && at->first <= as_of; ++at)
    if (!take(at->second) || ++looked_at > signs_looked_at) return {};
  std::set<std::string> all = found;
  all.insert(in_doubt.begin(), in_doubt.end());
  const auto& told = all.size() <= unconnected ? all : found;
  return {told.begin(), told.end()};
}

/// Who may be behind what @p seeds show beside those that edges lead to.
std::vector<std::string> correlator_core::impl::unconnected_beside(
    const std::vector<std::string>& seeds, event_time onset, event_time as_of) const {
  const bool alone = std::none_of(seeds.begin(), seeds.end(), [&](const std::string& entity) {
    return graph.has_neighbour(entity);
  });
  return alone ? few_unconnected(onset, as_of) : unconnected_in_trouble(onset, as_of);
}

/// All that no edge connects where they are few: the one behind it may be calm by its own past.
/// Where they are many, those in trouble.
std::vector<std::string> correlator_core::impl::few_unconnected(event_time onset,
                                                                event_time as_of) const {
  const std::vector<std::string> troubled = unconnected_in_trouble(onset, as_of);
  if (signs.size() > signs_of_a_day) return troubled;
  std::set<std::string> all{troubled.begin(), troubled.end()};
  for (const auto& [entity, sign] : signs)
    if (sign.at <= as_of && !graph.has_neighbour(entity)) all.insert(entity);
  if (all.size() > unconnected) return troubled;
  return {all.begin(), all.end()};
}

/// Fisher's sum over an entity and its direct neighbours, in decades.
double correlator_core::impl::strength_at(const std::string& entity, event_time at) const {
  double sum = 0;
  for (const std::string& e : signs_near(entity, at)) sum += signs.at(e).decades;
  return sum;
}

/// Whether an open incident accounts for @p s: one that is still growing. What begins later is
/// asked about on its own.
bool correlator_core::impl::belongs_to_open(const weak_sign& s) {
  const auto reaching = reached_by.find(s.entity);
  if (reaching == reached_by.end()) return false;
  bool accounted = false;
  const auto apart = std::chrono::duration_cast<milliseconds>(
      std::chrono::duration<double, std::milli>(options.window) * burst_windows);
  for (const incident_key key : reaching->second) {
    tracked_incident& i = incidents.at(key);
    if (!fits(i, s.at)) continue;
    if (!i.signs.empty()) {
      i.last_sign = std::max(i.last_sign, s.at);
      i.last_end = std::max(i.last_end, s.at);
      schedule(key);
    }
    accounted = accounted || s.at <= i.last_onset + apart;
  }
  return accounted;
}

/// When a suspicion is to be looked at next.
void correlator_core::impl::plan(incident_key key) {
  suspicion& s = suspicions.at(key);
  if (s.due) doubts.erase({*s.due, key});
  if (s.awaiting) {
    s.due = s.asked + milliseconds{answer_ms};
  } else if (s.asks < most_asks(graph, s)) {
    s.due = s.onset + milliseconds{sign_ask_ms[s.asks]};
  } else {
    s.due = s.rests_until;
  }
  doubts.emplace(*s.due, key);
}

void correlator_core::impl::drop(incident_key key) {
  const auto at = suspicions.find(key);
  if (at->second.due) doubts.erase({*at->second.due, key});
  suspicions.erase(at);
}

void correlator_core::impl::pass_doubts() {
  while (!doubts.empty() && doubts.begin()->first <= now) {
    const incident_key key = doubts.begin()->second;
    suspicion& s = suspicions.at(key);
    s.awaiting = false;  // if it was, its answer will not come any more
    if (s.asks >= most_asks(graph, s)) {
      if (s.rests_until <= now) {
        drop(key);
        continue;
      }
      plan(key);
      continue;
    }
    const auto under_way = std::count_if(suspicions.begin(), suspicions.end(),
                                         [](const auto& entry) { return entry.second.awaiting; });
    ++s.asks;
    const std::string& about = s.entities.front();
    const bool crowded =
        !graph.has_neighbour(about) && unconnected_in_trouble(s.onset, now).empty();
    if (under_way < sign_questions && !crowded) {
      s.awaiting = true;
      s.asked = now;
      asked_suspicions.push_back(key);
      ++counters.asked;
    }
    plan(key);
  }
}

rca_request correlator_core::impl::request_of(const suspicion& s) const {
  rca_request r;
  r.incident = s.id;
  r.onset = s.onset;
  r.as_of = s.asked;
  fill_neighbourhood(r, s.entities, std::min(options.hops, sign_hops), sign_candidates,
                     {s.entities.front()});
  return r;
}

/// @returns whether @p r answers a suspicion; it is then taken.
bool correlator_core::impl::take_suspicion(const root_cause_result& r) {
  const auto at = std::find_if(suspicions.begin(), suspicions.end(),
                               [&](const auto& entry) { return entry.second.id == r.incident; });
  if (at == suspicions.end()) return false;
  at->second.awaiting = false;
  if (strong(r, options.false_incidents_per_entity_month)) {
    confirm(at->first, r);
  } else {
    if (!worth_another(r, at->second, options.false_incidents_per_entity_month))
      at->second.asks = sign_asks;
    plan(at->first);
  }
  return true;
}

/// Whether an open incident near @p s has the same cause. Others are closed to newcomers: this is
/// another trouble.
bool correlator_core::impl::told_already(const suspicion& s, const std::string& cause) {
  std::set<incident_key> open;
  for (const std::string& entity : s.entities) {
    const auto reaching = reached_by.find(entity);
    if (reaching == reached_by.end()) continue;
    for (const incident_key k : reaching->second) {
      if (fits(incidents.at(k), s.onset)) open.insert(k);
    }
  }
  for (const incident_key k : open) {
    const incident& known = incidents.at(k).record;
    if (!known.abstained && !known.causes.empty() && known.causes.front().entity == cause)
      return true;
  }
  for (const incident_key k : open) {
    incidents.at(k).frozen = true;
    drop_reach(k);
    schedule(k);
  }
  return false;
}

/// Opens the incident, unless it is told already.
void correlator_core::impl::confirm(incident_key key, const root_cause_result& r) {
  const suspicion s = suspicions.at(key);
  drop(key);
  if (told_already(s, r.causes.front().entity)) return;
  ++counters.opened;
  const incident_key fresh = fresh_key();
  tracked_incident& i = incidents[fresh];
  i.record.id = s.id;
  i.record.transition = 0;  // tell() makes it 1
  i.record.started = s.onset;
  i.record.entities = s.entities;
  i.record.causes = r.causes;
  i.record.unobserved = r.unobserved;
  i.record.abstained = r.abstained;
  rank_remedies(i.record.causes);
  i.first_onset = i.last_onset = i.signed_at = s.onset;
  i.last_sign = i.last_end = std::max(s.onset, r.as_of);
  i.signs = s.entities;
  i.first_text = "weak signs: " + s.text;
  i.told_at = now;
  i.requests = s.asks;
  tell(i);
  schedule(fresh);
  for (const std::string& entity : i.signs) extend(fresh, entity, 0);
}

/// Of an entity that is retired: nobody is to hear of it any more, nor is it behind anything.
void correlator_core::impl::forget_signs(const std::string& entity) {
  if (const auto at = signs.find(entity); at != signs.end()) {
    signs_by_time.erase({at->second.at, entity});
    signs.erase(at);
  }
  std::vector<incident_key> begun;
  for (auto& [key, s] : suspicions) {
    if (s.entities.front() == entity)
      begun.push_back(key);
    else
      s.entities.erase(std::remove(s.entities.begin(), s.entities.end(), entity), s.entities.end());
  }
  for (const incident_key key : begun) drop(key);
}

/// An incident that a page opens asks by itself.
void correlator_core::impl::drop_suspicions_near(incident_key key) {
  const auto& reach = incidents.at(key).reach;
  std::vector<incident_key> gone;
  for (const auto& [k, s] : suspicions) {
    if (reach.count(s.entities.front()) != 0) gone.push_back(k);
  }
  for (const incident_key k : gone) drop(k);
}

}  // namespace faultline
