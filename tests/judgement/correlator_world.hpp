// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "judgement/rules.hpp"
#include "messages/retirement.hpp"
#include "tests/judgement/correlator_fold.hpp"

namespace faultline {

/// Chance, from a seed.
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

}  // namespace faultline
