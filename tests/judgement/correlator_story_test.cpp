// SPDX-License-Identifier: Apache-2.0
// Everything that may come to the correlator, in any order, each story from its seed: what holds
// after every decision, and that it is the same for one that starts again in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "judgement/maintenance.hpp"
#include "judgement/rules.hpp"
#include "messages/alert.hpp"
#include "messages/incident.hpp"
#include "messages/retirement.hpp"
#include "processing/label_matchers.hpp"
#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

class dice {
public:
  explicit dice(std::uint64_t seed) : engine_{seed} {}
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <class T>
  const T& of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

private:
  std::mt19937_64 engine_;
};

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

/// What entities, operators and other programs do.
class world {
public:
  explicit world(std::uint64_t seed) : roll{seed} {
    for (int n = 0; n < 12; ++n) names.push_back("service/s" + std::to_string(n));
    names.push_back("host/cart");
    names.push_back("host/cart.prod.svc:8080");
    names.push_back("host/orders");
    names.push_back("host/orders.prod.svc:80");
  }

  decision next(const correlator_core& core) {
    decision d;
    now += static_cast<std::int64_t>(roll.one_in(200) ? roll.below(6 * 60 * minute)
                                                      : roll.below(40'000));
    const std::int64_t at =
        roll.one_in(6) ? now - static_cast<std::int64_t>(roll.below(3 * minute)) : now;
    switch (roll.below(30)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
      case 6:
        return fire(at);
      case 7:
      case 8:
      case 9:
      case 10:
      case 11:
      case 12:
        return go_on(at);
      case 13:
      case 14:
      case 15:
        return edge(at);
      case 16:
        return silence(at);
      case 17:
      case 18:
        return post();
      case 19:
      case 20:
        return sign(at);
      case 21:
      case 22:
        return answer(core);
      case 23:
        return one_word(core);
      case 24:
        if (roll.one_in(3)) return rules();
        return clock(at);
      case 25:
        if (roll.one_in(3)) return retire();
        return clock(at);
      case 26:
        d.kind = decision_kind::change;
        d.change = {roll.of(names), change_kind::deploy, "v" + std::to_string(roll.below(9)),
                    event_time_of(at)};
        return d;
      case 27:
        if (core.wants_clock(event_time_of(now))) return clock(now);
        [[fallthrough]];
      default:
        return roll.one_in(2) ? fire(at) : go_on(at);
    }
  }

  decision clock(std::int64_t at) {
    decision d;
    d.kind = decision_kind::clock;
    d.clock = event_time_of(at);
    return d;
  }
  decision fire(std::int64_t at) {
    const auto& who = roll.of(names);
    if (alive.count(who) != 0) return go_on(at);
    auto d =
        fold::alert_decision(who, at, at, 1, alert_state::firing,
                             roll.one_in(4) ? alert_severity::critical : alert_severity::warning);
    auto& a = d.alert;
    a.id += "#" + std::to_string(++episode[who]);
    a.episode = episode[who];
    a.learning = roll.one_in(5);
    a.labels["severity"] = to_string(a.severity);
    a.labels["team"] = roll.one_in(2) ? "red" : "blue";
    if (roll.one_in(4)) {
      a.metric = "silence_s";
      a.labels["alertname"] = "EntitySilent";
      a.contributors = {{a.metric, 60.0 + static_cast<double>(roll.below(60)), 10, 0, 60, 0}};
    } else if (roll.one_in(3)) {
      a.lead_time_s = 600;
    }
    alive[who] = a;
    return d;
  }
  decision go_on(std::int64_t at) {
    if (alive.empty()) return clock(at);
    auto it = alive.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(roll.below(alive.size())));
    decision d;
    d.kind = decision_kind::alert;
    alert& a = it->second;
    ++a.transition;
    a.updated = std::max(event_time_of(at), a.started);
    if (roll.one_in(3)) {
      a.severity = alert_severity::critical;
      a.labels["severity"] = "critical";
      a.learning = a.learning && roll.one_in(2);
    } else if (roll.one_in(2)) {
      a.state = alert_state::resolved;
      a.ended = a.updated;
      a.lead_time_s.reset();
    } else {
      a.learning = false;
    }
    d.alert = a;
    if (a.state == alert_state::resolved) alive.erase(it);
    return d;
  }
  decision edge(std::int64_t at) {
    decision d;
    d.kind = decision_kind::topology;
    const bool gone = roll.one_in(3);
    d.topology = {roll.of(names),
                  roll.of(names),
                  roll.one_in(5) ? edge_kind::runs_on : edge_kind::calls,
                  gone,
                  gone || roll.one_in(2) ? "event" : "span",
                  event_time_of(at)};
    return d;
  }
  decision command(const std::string& name, const std::string& subject,
                   const std::string& payload) {
    decision d;
    d.kind = decision_kind::command;
    d.command = {name, subject, payload,
                 arrival_time_of(now + static_cast<std::int64_t>(roll.below(20'000)))};
    return d;
  }
  decision silence(std::int64_t at) {
    if (roll.one_in(4) && silences != 0)
      return command("unsilence", "s" + std::to_string(1 + roll.below(silences)),
                     R"({"by":"ann"})");
    faultline::silence s;
    const bool again = silences != 0 && roll.one_in(4);
    s.id = "s" + std::to_string(again ? 1 + roll.below(silences) : ++silences);
    if (roll.one_in(3))
      s.matchers = {{"team", "re.*", true, roll.one_in(2)}, {"entity", ".+", true, true}};
    else if (roll.one_in(2))
      s.matchers = {{"entity", "service/s[0-" + std::to_string(roll.below(9)) + "]", true, true}};
    else
      s.matchers = {{"entity", roll.of(names)}};
    s.starts = event_time_of(at + static_cast<std::int64_t>(roll.below(4 * minute)) - 2 * minute);
    s.ends = s.starts + milliseconds{minute + static_cast<std::int64_t>(roll.below(9 * minute))};
    s.created_by = "ann";
    s.comment = "known";
    return command("silence", s.id, silence_json(s));
  }
  decision post() {
    std::vector<posted_alert> all;
    std::vector<posted_again> again;
    for (auto left = 1 + roll.below(3); left > 0; --left) {
      posted_alert p;
      p.entity = roll.of(names);
      p.labels = {{"alertname", "Slow" + std::to_string(roll.below(2))},
                  {"severity", roll.of(std::vector<std::string>{"critical", "info", "warning"})},
                  {"instance", p.entity}};
      p.starts = event_time_of(now - static_cast<std::int64_t>(roll.below(20 * minute)) + 5'000);
      p.ends = event_time_of(now + static_cast<std::int64_t>(roll.below(8 * minute)) - 2 * minute);
      again.push_back({label_fingerprint(p.labels), p.ends});
      all.push_back(p);
    }
    if (roll.one_in(5)) return command("posted_again", "", posted_again_json(again));
    return command("posted_alerts", "", posted_json(all));
  }
  decision sign(std::int64_t at) {
    decision d;
    d.kind = decision_kind::sign;
    d.sign = {roll.of(names), event_time_of(at), 0.3 + 0.1 * static_cast<double>(roll.below(10)),
              "cpu"};
    return d;
  }
  decision answer(const correlator_core& core) {
    const auto asked = core.outstanding();
    if (asked.empty()) return clock(now);
    const auto& r = roll.of(asked);
    decision d;
    d.kind = decision_kind::root_cause;
    auto& c = d.root_cause;
    c.incident = r.incident;
    c.as_of = roll.one_in(8) ? r.as_of - milliseconds{minute} : r.as_of;
    c.abstained = roll.one_in(4);
    c.support = static_cast<double>(roll.below(20));
    double left = 1;
    for (auto n = roll.below(3) + (c.abstained ? 0 : 1); n > 0 && !r.candidates.empty(); --n) {
      ranked_cause cause;
      cause.entity = roll.of(r.candidates);
      cause.probability = left * (roll.one_in(2) ? 0.95 : 0.55);
      left -= cause.probability;
      cause.remediation = {{"restart", {"restart it"}, "", 0, 0}, {"roll back", {}, "", 0, 0}};
      c.causes.push_back(cause);
    }
    c.unobserved = left;
    return d;
  }
  decision one_word(const correlator_core& core) {
    const auto open = core.open();
    const auto firing = core.firing();
    if (roll.one_in(2) && !open.empty()) {
      const auto& i = roll.of(open);
      if (roll.one_in(2))
        return command("incident_feedback", i.id,
                       roll.one_in(2) ? R"({"remediation":"roll back","worked":true})"
                                      : R"({"remediation":"restart","worked":false})");
      return command("acknowledge", i.id, R"({"by":"ann","comment":"mine","assign":"bob"})");
    }
    if (roll.one_in(3)) {
      const char* action = roll.of(std::vector<const char*>{"add", "remove", "reset"});
      return command("edge", "",
                     R"({"by":"ann","from":")" + roll.of(names) + R"(","to":")" + roll.of(names) +
                         R"(","action":")" + action + "\"}");
    }
    if (firing.empty()) return clock(now);
    return command("acknowledge", roll.of(firing).id,
                   roll.one_in(4) ? R"({"by":"ann","off":true})" : R"({"by":"ann","assign":"cy"})");
  }
  decision retire() {
    const auto& who = roll.of(names);
    alive.erase(who);
    if (roll.one_in(2)) return command(std::string{retirement_done}, who, "{}");
    return command("retire", who, "{}");
  }
  decision rules() {
    rules_record r;
    auto& c = r.correlation;
    c.hops = 1 + static_cast<std::uint32_t>(roll.below(3));
    c.window = milliseconds{(2 + static_cast<std::int64_t>(roll.below(9))) * minute};
    c.settle = milliseconds{(1 + static_cast<std::int64_t>(roll.below(3))) * minute};
    c.false_incidents_per_entity_month = roll.one_in(3) ? 0 : 1;
    c.inhibit_consequences = roll.one_in(2);
    if (roll.one_in(2))
      c.inhibit.push_back({{"severity=critical"}, {"severity=\"warning\""}, {"team"}});
    if (roll.one_in(2)) c.inhibit.push_back({{"team=red"}, {"team=blue"}, {}});
    if (roll.one_in(3))
      c.inhibit.push_back({{"alertname=~\"Slow.*\""}, {"alertname=~\"Entity.*|Slow1\""}, {}});
    if (roll.one_in(3)) c.edges.push_back({roll.of(names), roll.of(names), edge_kind::calls});
    for (auto left = roll.below(3); left > 0; --left) {
      maintenance_window w;
      w.name = "w" + std::to_string(left);
      w.entities = {roll.one_in(2) ? roll.of(names) : "service/s1*"};
      w.dependents = roll.one_in(2);
      w.recurs = roll.one_in(3);
      w.configured = true;
      if (w.recurs) {
        w.at_ms = (now + static_cast<std::int64_t>(roll.below(10 * minute))) % (24 * 60 * minute);
        w.lasts_ms = 5 * minute;
      } else {
        w.starts =
            event_time_of(now + static_cast<std::int64_t>(roll.below(6 * minute)) - 3 * minute);
        w.ends = w.starts + milliseconds{4 * minute};
      }
      r.rules.maintenance.push_back(w);
    }
    if (roll.one_in(3)) r.rules.maintenance = windows;
    windows = r.rules.maintenance;
    hops = c.hops;
    consequences = c.inhibit_consequences;
    return command("configuration", "", encode_rules(r));
  }

  dice roll;
  std::vector<std::string> names;
  std::int64_t now = noon;
  std::map<std::string, alert> alive;
  std::map<std::string, std::uint32_t> episode;
  std::uint64_t silences = 0;
  std::vector<maintenance_window> windows;
  std::uint32_t hops = 3;
  bool consequences = false;
};

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
