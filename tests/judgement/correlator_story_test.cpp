// SPDX-License-Identifier: Apache-2.0
// Everything that may come to the correlator, in any order, each story from its seed: what holds
// after every decision, and that it is the same for one that starts again in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "judgement/maintenance.hpp"
#include "messages/alert.hpp"
#include "messages/incident.hpp"
#include "processing/label_matchers.hpp"
#include "tests/judgement/correlator_world.hpp"

namespace faultline {
namespace {

std::string all_of(const correlator_output& out) {
  std::string text;
  for (const auto& e : out.feed) {
    if (e.what == feed_event::kind::alert) text += "A" + encode_alert(e.alert);
    if (e.what == feed_event::kind::incident) text += "I" + encode_incident(e.incident);
    if (e.what == feed_event::kind::notice)
      text += "N" + e.notice.what + e.notice.subject + e.notice.text +
              std::to_string(unix_ms(e.notice.at));
  }
  for (const auto& r : out.requests) {
    text += "R" + r.incident + std::to_string(unix_ms(r.onset)) + "," +
            std::to_string(unix_ms(r.as_of));
    for (const auto& a : r.alerts) text += encode_alert(a);
    for (const auto& c : r.candidates) text += c + ";";
    for (const auto& e : r.edges) text += e.from + ">" + e.to + std::to_string(e.confidence);
    for (const auto& c : r.changes) text += c.entity + c.summary;
  }
  return text;
}

/// What must hold of all that was ever told.
struct listener {
  std::map<std::string, alert> alerts;
  std::map<std::string, incident> incidents;
  std::set<std::string> gone_alerts, gone_incidents;
  std::vector<std::string> wrong;

  event_time now{};
  void note(const decision& d) {
    if (d.kind == decision_kind::alert) now = std::max(now, d.alert.updated);
    if (d.kind == decision_kind::sign) now = std::max(now, d.sign.at);
    if (d.kind == decision_kind::clock) now = std::max(now, d.clock);
  }
  void hear(const correlator_output& out) {
    for (const auto& e : out.feed) {
      if (e.what == feed_event::kind::alert) hear(e.alert);
      if (e.what == feed_event::kind::incident) hear(e.incident);
    }
    for (const auto& r : out.requests) hear(r);
  }
  void hear(const alert& a) {
    const auto before = alerts.find(a.id);
    if (before != alerts.end() && a.transition <= before->second.transition)
      wrong.push_back("transition of " + a.id + " does not grow");
    if (before != alerts.end() && before->second.state == alert_state::resolved)
      wrong.push_back(a.id + " is told after its end");
    if (a.state == alert_state::resolved && (!a.ended || *a.ended < a.started))
      wrong.push_back(a.id + " ends before it began");
    if (a.state == alert_state::resolved && a.lead_time_s)
      wrong.push_back(a.id + " has ended, and a lead time: " + a.explanation);
    alerts[a.id] = a;
  }
  void hear(const incident& i) {
    const auto before = incidents.find(i.id);
    const auto last = before == incidents.end() ? 0 : before->second.transition;
    if (i.transition != last + 1) wrong.push_back("transition of incident " + i.id);
    if (before != incidents.end() && before->second.state == incident_state::resolved &&
        i.state != incident_state::resolved)
      wrong.push_back("incident " + i.id + " opens again");
    if (before != incidents.end() && i.updated < before->second.updated)
      wrong.push_back("incident " + i.id + " goes back in time");
    if (i.state == incident_state::resolved && (!i.ended || *i.ended < i.started))
      wrong.push_back("incident " + i.id + " ends before it began");
    if (std::set<std::string>{i.alerts.begin(), i.alerts.end()}.size() != i.alerts.size())
      wrong.push_back("an alert twice in " + i.id);
    if (std::set<std::string>{i.entities.begin(), i.entities.end()}.size() != i.entities.size())
      wrong.push_back("an entity twice in " + i.id);
    double sum = i.unobserved;
    for (const auto& c : i.causes) sum += c.probability;
    if (std::abs(sum - 1) > 1e-9) wrong.push_back("probabilities of " + i.id);
    incidents[i.id] = i;
  }
  void hear(const rca_request& r) {
    if (r.as_of < r.onset) wrong.push_back("asked as of before the onset: " + r.incident);
    const std::set<std::string> c{r.candidates.begin(), r.candidates.end()};
    if (c.size() != r.candidates.size()) wrong.push_back("a candidate twice");
    if (c.empty()) wrong.push_back("no candidate");
    for (const auto& a : r.alerts)
      if (c.count(a.entity) == 0) wrong.push_back("an alert of no candidate");
  }
  void look(const correlator_core& core) {
    std::map<std::string, std::string> of;
    for (const auto& i : core.open()) {
      std::set<std::string> entities;
      for (const auto& id : i.alerts) {
        if (!of.emplace(id, i.id).second) wrong.push_back(id + " is in two incidents");
        entities.insert(alerts[id].entity);
        if (alerts[id].state == alert_state::firing && alerts[id].severity > i.severity)
          wrong.push_back("severity of " + i.id);
      }
      for (const auto& e : entities)
        if (std::find(i.entities.begin(), i.entities.end(), e) == i.entities.end())
          wrong.push_back("incident " + i.id + " does not name " + e);
    }
    const auto firing = core.firing();
    std::map<std::string, const alert*> by_id;
    for (const auto& a : firing) by_id[a.id] = &a;
    for (const auto& a : firing) {
      const bool informs = !a.source.empty() && (a.labels.at("severity") == "info");
      if (!a.learning && !suppressed(a) && !informs && of.count(a.id) == 0)
        wrong.push_back(a.id + " fires and is in no incident");
      for (const auto& by : a.inhibited_by)
        if (by_id.count(by) == 0) wrong.push_back(a.id + " is inhibited by what does not fire");
      std::set<std::string> seen;
      std::vector<std::string> ways{a.inhibited_by};
      while (!ways.empty()) {
        const auto id = ways.back();
        ways.pop_back();
        if (id == a.id) {
          wrong.push_back(a.id + " inhibits itself");
          break;
        }
        if (!seen.insert(id).second || by_id.count(id) == 0) continue;
        for (const auto& w : by_id[id]->inhibited_by) ways.push_back(w);
      }
    }
    std::set<std::string> active;
    for (const auto& s : core.silences())
      if (s.state == silence_state::active) active.insert(s.what.id);
    for (const auto& a : firing) {
      std::vector<std::string> ids;
      for (const auto& s : core.silences()) {
        if (s.state != silence_state::active) continue;
        auto labels = a.labels;
        labels.try_emplace("entity", a.entity);
        if (label_matchers::compile(s.what.matchers)->matches(labels)) ids.push_back(s.what.id);
      }
      if (ids != a.silences || a.silenced != !ids.empty()) wrong.push_back("silences of " + a.id);
    }
  }
};

/// What marks are as things are, looked up afresh.
void look_at_marks(const correlator_core& core, const world& w, event_time now,
                   std::vector<std::string>& wrong) {
  std::map<std::string, std::set<std::string>> callers, callees;
  for (const auto& e : core.edges()) callers[e.to].insert(e.from), callees[e.from].insert(e.to);
  const auto within = [&](const std::map<std::string, std::set<std::string>>& ways,
                          const std::set<std::string>& from) {
    std::set<std::string> seen = from, ring = from;
    for (std::uint32_t step = 0; step < w.hops; ++step) {
      std::set<std::string> next;
      for (const auto& id : ring)
        if (const auto at = ways.find(id); at != ways.end())
          for (const auto& o : at->second)
            if (seen.insert(o).second) next.insert(o);
      ring = next;
    }
    return seen;
  };
  const auto firing = core.firing();
  for (const auto& a : firing) {
    std::set<std::string> names;
    for (const auto& m : w.windows) {
      if (!open_at(m, now)) continue;
      if (names_entity(m, a.entity)) names.insert(m.name);
      if (!m.dependents) continue;
      for (const auto& on : within(callees, {a.entity}))
        if (names_entity(m, on)) names.insert(m.name);
    }
    if (std::vector<std::string>{names.begin(), names.end()} != a.maintenance)
      wrong.push_back("windows over " + a.id + ": " + std::to_string(names.size()) +
                      " and told are " + std::to_string(a.maintenance.size()));
  }
  std::map<std::string, const incident*> of;
  const auto open = core.open();
  for (const auto& i : open)
    for (const auto& id : i.alerts) of[id] = &i;
  std::map<std::string, const alert*> by_id;
  for (const auto& a : firing) by_id[a.id] = &a;
  for (const auto& a : firing) {
    if (of.count(a.id) == 0 || !w.consequences) continue;
    const incident& i = *of.at(a.id);
    if (i.abstained || i.causes.empty() || i.causes.front().probability < 0.5) continue;
    const auto& cause = i.causes.front().entity;
    if (cause == a.entity) continue;
    const bool depends = within(callees, {a.entity}).count(cause) != 0;
    bool spoken = false;
    for (const auto& id : i.alerts) {
      const auto at = by_id.find(id);
      if (at == by_id.end()) continue;
      const alert& c = *at->second;
      const bool informs = !c.source.empty() && c.labels.at("severity") == "info";
      spoken = spoken || (c.entity == cause && c.severity >= a.severity && !suppressed(c) &&
                          !c.flapping && !informs);
    }
    bool by_cause = false;
    for (const auto& id : a.inhibited_by)
      if (const auto at = by_id.find(id); at != by_id.end())
        by_cause = by_cause || at->second->entity == cause;
    if (depends && spoken && !by_cause)
      wrong.push_back(a.id + " is a consequence of " + cause + " and told");
  }
}

void tell_story(std::uint64_t seed, int decisions) {
  world w{seed};
  dice breaks{seed + 1'000'003};
  correlator_core straight{correlation_options{}};
  correlator_core stopped{correlation_options{}};
  listener heard;
  std::uint64_t seq = 0;
  const auto apply = [&](decision d) {
    d.seq = ++seq;
    if (breaks.one_in(6)) {
      correlator_core back{correlation_options{}};
      const auto bytes = stopped.save();
      ASSERT_TRUE(back.restore(bytes)) << "seed " << seed << " seq " << seq;
      ASSERT_EQ(back.save(), bytes) << "seed " << seed << " seq " << seq;
      stopped = std::move(back);
    }
    heard.note(d);
    const auto out = straight.apply(d);
    const auto same = stopped.apply(d);
    const auto a = all_of(out), b = all_of(same);
    ASSERT_EQ(a, b) << "seed " << seed << " seq " << seq << " kind " << static_cast<int>(d.kind)
                    << " " << d.command.name;
    ASSERT_EQ(straight.save(), stopped.save()) << "seed " << seed << " seq " << seq << " kind "
                                               << static_cast<int>(d.kind) << " " << d.command.name;
    for (const std::int64_t ahead : {0, 1, 60})
      ASSERT_EQ(straight.wants_clock(event_time_of(w.now + ahead * minute)),
                stopped.wants_clock(event_time_of(w.now + ahead * minute)));
    heard.hear(out);
    heard.look(straight);
    look_at_marks(straight, w, heard.now, heard.wrong);
    ASSERT_TRUE(heard.wrong.empty())
        << "seed " << seed << " seq " << seq << " kind " << static_cast<int>(d.kind) << " "
        << d.command.name << ": " << heard.wrong.front();
  };
  for (int n = 0; n < decisions; ++n) {
    apply(w.next(straight));
    if (testing::Test::HasFatalFailure()) return;
  }
  // In the end everything ends, by no more clocks than are asked for.
  while (!w.alive.empty()) {
    auto d = w.go_on(w.now);
    apply(d);
    if (testing::Test::HasFatalFailure()) return;
  }
  for (const std::int64_t end = w.now + 24 * 60 * minute; w.now < end; w.now += 10'000) {
    if (straight.wants_clock(event_time_of(w.now))) apply(w.clock(w.now));
    if (testing::Test::HasFatalFailure()) return;
  }
  ASSERT_TRUE(straight.firing().empty()) << "seed " << seed << straight.firing()[0].id;
  ASSERT_TRUE(straight.open().empty()) << "seed " << seed << straight.open()[0].summary;
  for (const auto& s : straight.silences())
    ASSERT_EQ(s.state, silence_state::expired) << "seed " << seed;
  for (const auto& [id, i] : heard.incidents)
    ASSERT_EQ(i.state, incident_state::resolved) << "seed " << seed;
  if (w.windows.empty()) {
    ASSERT_FALSE(straight.wants_clock(event_time_of(w.now))) << "seed " << seed;
  }
}

TEST(CorrelatorStory, HoldsTogetherAndAcrossRestarts) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    tell_story(seed, 600);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace faultline
