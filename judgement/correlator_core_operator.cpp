// SPDX-License-Identifier: Apache-2.0
// What operators say of dependencies, of what helped, and whom they retire.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "judgement/correlator_core_impl.hpp"

namespace faultline {
namespace {

using nlohmann::json;

/// Member @p key of @p from when it is text, else empty.
std::string text_of(const json& from, const char* key) {
  const auto at = from.find(key);
  return at != from.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

/// Mean of what is believed of a remedy that nothing was said of, and then this.
double belief(const remediation_item& r) { return (r.worked + 1.0) / (r.tried + 2.0); }

}  // namespace

/// {from, to, kind: calls | runs_on, action: add | remove | reset, by, comment}.
void correlator_core::impl::set_edge(const operator_command& c) {
  const json said = json::parse(c.payload, nullptr, false);
  if (!said.is_object()) return;
  topology_change t;
  t.from = text_of(said, "from");
  t.to = text_of(said, "to");
  t.kind = text_of(said, "kind") == to_string(edge_kind::runs_on) ? edge_kind::runs_on
                                                                  : edge_kind::calls;
  t.source = "operator";
  t.at = now;
  const std::string action = text_of(said, "action");
  const char* done = "set";
  if (action == "reset") {
    mind_removal(t, graph.reset(t.from, t.to, t.kind));
    done = "left to what is seen";
  } else {
    t.removed = action == "remove";
    if (t.removed) done = "taken away";
    draw(t);
  }
  std::string text = done;
  if (const std::string by = text_of(said, "by"); !by.empty()) text += " by " + by;
  if (const std::string why = text_of(said, "comment"); !why.empty()) text += ": " + why;
  say_notice("edge", t.from + " -> " + t.to, text);
}

/// An incident has one word on each remedy, the newest: nobody counts twice.
void correlator_core::impl::note_remedy(const operator_command& c) {
  const json said = json::parse(c.payload, nullptr, false);
  if (!said.is_object()) return;
  const auto worked = said.find("worked");
  remedy_word word{c.subject, text_of(said, "remediation"), false};
  if (word.title.empty() || worked == said.end() || !worked->is_boolean()) return;
  word.worked = worked->get<bool>();
  remedies.erase(std::remove_if(remedies.begin(), remedies.end(),
                                [&](const remedy_word& w) {
                                  return w.incident == word.incident && w.title == word.title;
                                }),
                 remedies.end());
  remedies.push_back(std::move(word));
  if (remedies.size() > correlator_limits::remedies) remedies.pop_front();
}

/// Of the remedies of one cause those come first that helped; what nobody tried stands between what
/// helped and what did not.
void correlator_core::impl::rank_remedies(std::vector<ranked_cause>& causes) const {
  for (ranked_cause& cause : causes) {
    for (remediation_item& r : cause.remediation) {
      r.tried = r.worked = 0;
      for (const remedy_word& w : remedies) {
        if (w.title != r.title) continue;
        ++r.tried;
        r.worked += w.worked ? 1 : 0;
      }
    }
    std::stable_sort(
        cause.remediation.begin(), cause.remediation.end(),
        [](const remediation_item& a, const remediation_item& b) { return belief(a) > belief(b); });
  }
}

/// The entity is forgotten: its edges go, its alerts end.
void correlator_core::impl::retire(const std::string& entity) {
  const auto reaching = reached_by.find(entity);
  const auto touched = reaching == reached_by.end() ? std::set<incident_key>{} : reaching->second;
  std::vector<std::string> near{entity};
  graph.visit_neighbours(entity, [&](const std::string& other) { near.push_back(other); });
  if (graph.forget(entity)) {
    forget_covered();
    mark_dependents(near);
    reach_anew(touched, near);
  }
  end_alerts_of(entity, true);
  forget_episodes(entity);
  forget_signs(entity);
}

/// Its partition has come to the operator's word: what it said meanwhile ends, too. What others
/// posted or drew behind that word stays.
void correlator_core::impl::end_retired(const std::string& entity) {
  std::set<std::string> others;
  graph.visit_neighbours(entity, [&](const std::string& other) { others.insert(other); });
  for (const std::string& other : others)
    for (const edge_kind kind : {edge_kind::calls, edge_kind::runs_on})
      draw({entity, other, kind, true, "event", now});
  end_alerts_of(entity, false);
  forget_episodes(entity);
  forget_signs(entity);
}

void correlator_core::impl::end_alerts_of(const std::string& entity, bool with_posted) {
  std::vector<alert> ended;
  for (const auto& [id, t] : alerts) {
    if (t.alert.entity != entity || t.alert.state != alert_state::firing) continue;
    if (!with_posted && !t.alert.source.empty()) continue;
    ended.push_back(t.alert);
    ended.back().transition = t.decided() + 1;
  }
  std::set<std::string> posted_ones;
  for (alert& a : ended) {
    if (!a.source.empty()) posted_ones.insert(a.id);
    a.state = alert_state::resolved;
    a.updated = a.ended.emplace(std::max(now, a.started));
    a.lead_time_s.reset();
    a.explanation = "the entity was retired";
    on_alert(a);
  }
  if (!posted_ones.empty()) forget_posted(posted_ones);
}

}  // namespace faultline
