// SPDX-License-Identifier: Apache-2.0
// What the correlator tells of everything that may come to it, each story from its seed, on its way
// to receivers: whoever heard of an alert hears of its end, and nothing is left over.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "judgement/notifier_core.hpp"
#include "tests/judgement/correlator_world.hpp"

namespace faultline {
namespace {

notify_options receivers() {
  notify_options o;
  const auto add = [&](const char* name, receiver_kind kind, bool resolved) {
    notify_receiver r;
    r.name = name, r.kind = kind, r.send_resolved = resolved;
    o.receivers.push_back(r);
  };
  add("am", receiver_kind::alertmanager, true);
  add("team", receiver_kind::webhook, true);
  add("quiet", receiver_kind::plain, false);
  add("pager", receiver_kind::pagerduty, true);
  const auto route = [&](const char* to, std::vector<std::string> m, std::vector<std::string> by,
                         bool on) {
    notify_route r;
    r.receiver = to, r.matchers = std::move(m), r.group_by = std::move(by), r.go_on = on;
    o.routes.push_back(r);
  };
  route("am", {}, {}, true);
  route("pager", {"severity=critical"}, {"incident"}, true);
  route("quiet", {"team=red"}, {"entity"}, true);
  route("team", {"severity=warning"}, {"incident"}, false);
  route("team", {}, {"team"}, false);
  return o;
}

/// Receivers that answer late, wrongly or never, and a notifier that is ended at any time.
struct teller {
  explicit teller(std::uint64_t seed) : roll{seed + 77}, core{*notifier_core::make(receivers())} {}
  dice roll;
  notifier_core core;
  std::map<std::string, std::string> rows;
  std::map<std::string, std::map<std::string, bool>> heard;  ///< receiver -> id -> fires
  std::map<std::string, alert> latest;
  std::vector<notification> way;  ///< sent, and not answered yet
  std::string wrong;
  std::uint64_t sent = 0;

  void persist() {
    for (auto& [name, bytes] : core.changes()) {
      if (bytes)
        rows[name] = *bytes;
      else
        rows.erase(name);
    }
  }
  void restart(std::int64_t now) {
    persist();
    way.clear();
    core = *notifier_core::make(receivers());
    const auto done = core.restore(rows, arrival_time_of(now));
    if (!done) wrong = done.error().what;
  }
  void hear(const notification& n) {
    for (const auto& a : n.alerts) heard[n.receiver][a.id] = a.state == alert_state::firing;
  }
  void take(const correlator_output& out, std::int64_t now) {
    for (const auto& e : out.feed) {
      if (e.what == feed_event::kind::alert)
        core.take(e.alert, arrival_time_of(now)), latest[e.alert.id] = e.alert;
      if (e.what == feed_event::kind::incident) core.take(e.incident, arrival_time_of(now));
    }
  }
  void work(std::int64_t now, bool calm) {
    if (!calm && roll.one_in(40)) restart(now);
    for (int turn = 0; turn < 50; ++turn) {
      while (!way.empty()) {
        if (!calm && roll.one_in(3)) break;
        const notification n = way.back();
        way.pop_back();
        const auto how = calm || roll.one_in(2) ? delivery::sent
                         : roll.one_in(2)       ? delivery::failed
                                                : delivery::sent;
        if (how == delivery::sent || roll.one_in(2)) hear(n);
        core.done(n.receiver, how, arrival_time_of(now));
      }
      auto all = core.due(arrival_time_of(now));
      persist();
      for (auto& n : all) {
        ++sent;
        if (n.alerts.empty() && n.receiver != "quiet") wrong = "an empty message to " + n.receiver;
        for (const auto& a : n.alerts) {
          if (a.state == alert_state::firing && suppressed(a))
            wrong = "told of one that is suppressed";
          if (latest[a.id].transition != a.transition) wrong = "not the latest of " + a.id;
        }
        way.push_back(std::move(n));
      }
      if (all.empty()) {
        const auto next = core.next();
        if (next && way.empty() && unix_ms(*next) <= now) wrong = "due now, and nothing comes";
        if (way.empty() || !calm) return;
      }
    }
    if (calm) wrong = "never done";
  }
};

void tell_story(std::uint64_t seed, int decisions) {
  world w{seed};
  correlator_core core{correlation_options{}};
  teller t{seed};
  std::uint64_t seq = 0;
  const auto apply = [&](decision d) {
    d.seq = ++seq;
    t.take(core.apply(d), w.now);
    t.work(w.now, false);
    ASSERT_EQ(t.wrong, "") << "seed " << seed << " seq " << seq;
  };
  for (int n = 0; n < decisions && !testing::Test::HasFatalFailure(); ++n) apply(w.next(core));
  while (!w.alive.empty() && !testing::Test::HasFatalFailure()) apply(w.go_on(w.now));
  for (const std::int64_t end = w.now + 12 * 60 * minute; w.now < end; w.now += 10'000) {
    if (core.wants_clock(event_time_of(w.now))) apply(w.clock(w.now));
    t.work(w.now, true);
    ASSERT_EQ(t.wrong, "") << "seed " << seed << " end";
  }
  for (const auto& [r, ids] : t.heard)
    for (const auto& [id, fires] : ids)
      ASSERT_FALSE(fires && r != "quiet")
          << "seed " << seed << ": " << r << " never heard of the end of " << id;
  for (const auto& [id, a] : t.latest) ASSERT_EQ(a.state, alert_state::resolved);
  t.persist();
  for (const auto& [name, row] : t.rows) ASSERT_EQ(name, "") << "seed " << seed;
  ASSERT_EQ(t.core.waiting(), 0u);
  ASSERT_GT(t.sent, 0u);
}

TEST(NotifierStory, WhoeverHeardOfAnAlertHearsOfItsEndAcrossRestarts) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    tell_story(seed, 500);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace faultline
