// SPDX-License-Identifier: Apache-2.0
// When a group's message goes out, what stands in it, and what an attempt changes.
#include <algorithm>
#include <utility>

#include "judgement/notifier_core.hpp"
#include "messages/identity.hpp"

namespace faultline {
namespace {

using namespace notifier_limits;

milliseconds backoff(std::uint32_t attempts) {
  const std::int64_t ms = first_retry_ms << std::min<std::uint32_t>(attempts - 1, 10);
  return milliseconds{std::min(ms, last_retry_ms)};
}

}  // namespace

void notifier_core::follow_clock(arrival_time now) {
  const arrival_time before = std::exchange(clock_, now);
  if (now < before) set_back(now, before - now);
}

/// Times that are yet to come are @p now. What has waited, or waits for another attempt, waits as
/// long as it would have: the clock went back @p by, where that is known.
void notifier_core::set_back(arrival_time now, milliseconds by) {
  const arrival_time last = now + milliseconds{asked_rest_ms};
  for (auto& [key, g] : groups_) {
    const arrival_time first = g.first - by, retry = std::min(g.retry - by, last);
    bool other = std::exchange(g.first, first) != first;
    other = std::exchange(g.retry, retry) != retry || other;
    for (arrival_time* t : {&g.first, &g.sent, &g.calm}) {
      other = other || *t > now;
      *t = std::min(*t, now);
    }
    if (!other) continue;
    changed_.insert("group/" + key);
    to_plan_.insert(key);
  }
  for (auto& [id, a] : alerts_) {
    if (a.ended <= now) continue;
    a.ended = now;
    changed_.insert("alert/" + id);
  }
  for (auto& [receiver, times] : spent_)
    for (arrival_time& t : times) t = std::min(t, now);
  for (auto& [receiver, t] : tired_) t.until = std::min(t.until - by, last);
}

/// When a receiver may be sent something, from @p wanted on.
std::optional<arrival_time> notifier_core::allowed(const std::string& receiver,
                                                   arrival_time wanted) const {
  if (const auto tired = tired_.find(receiver); tired != tired_.end())
    wanted = std::max(wanted, tired->second.until);
  const auto spent = spent_.find(receiver);
  if (spent == spent_.end()) return wanted;
  const auto r = std::find_if(options_.receivers.begin(), options_.receivers.end(),
                              [&](const notify_receiver& o) { return o.name == receiver; });
  if (r == options_.receivers.end() || spent->second.size() < r->max_per_minute) return wanted;
  const auto oldest = spent->second[spent->second.size() - r->max_per_minute];
  return std::max(wanted, oldest + milliseconds{60'000});
}

void notifier_core::plan() {
  for (const std::string& key : to_plan_) {
    if (const auto at = planned_.find(key); at != planned_.end()) {
      agenda_.erase({at->second, key});
      planned_.erase(at);
    }
    const auto found = groups_.find(key);
    if (found == groups_.end()) continue;
    if (found->second.alerts.empty()) {
      groups_.erase(found);
      changed_.insert("group/" + key);
      continue;
    }
    const auto when = due_at(found->second);
    if (!when) continue;
    planned_[key] = *when;
    agenda_.emplace(*when, key);
  }
  to_plan_.clear();
}

std::optional<arrival_time> notifier_core::next() {
  plan();
  std::optional<arrival_time> first;
  for (const auto& [at, key] : agenda_) {
    const std::string& receiver = receiver_of(groups_.at(key)).name;
    if (first && at >= *first) break;
    if (under_way_.count(receiver) != 0) continue;
    const auto when = allowed(receiver, at);
    if (when && (!first || *when < *first)) first = when;
  }
  return first;
}

std::vector<notification> notifier_core::due(arrival_time now) {
  follow_clock(now);
  plan();
  std::vector<notification> all;
  for (auto& [receiver, times] : spent_) {
    const auto old = now - milliseconds{60'000};
    times.erase(std::remove_if(times.begin(), times.end(), [&](auto t) { return t <= old; }),
                times.end());
  }
  std::vector<std::string> over;
  for (const auto& [at, key] : agenda_) {
    if (at > now) break;
    group& g = groups_.at(key);
    const std::string& receiver = receiver_of(g).name;
    if (flaps(g) && !receiver_of(g).send_resolved && !needs_of(g).fires) {
      over.push_back(key);
      continue;
    }
    if (under_way_.count(receiver) != 0) continue;
    if (const auto when = allowed(receiver, at); !when || *when > now) continue;
    all.push_back(message_of(key, g, now));
  }
  for (const std::string& key : over) forget_calm(key);
  return all;
}

/// What comes and goes has been calm for long, and its receiver does not want to hear of that.
void notifier_core::forget_calm(const std::string& key) {
  group& g = groups_.at(key);
  for (auto at = g.alerts.begin(); at != g.alerts.end();) {
    const std::string id = at->first;
    if (sends(key, id) || fires(alerts_.at(id).what)) {
      ++at;
      continue;
    }
    at = g.alerts.erase(at);
    alerts_.at(id).groups.erase(key);
    drop_if_done(id);
  }
  changed_.insert("group/" + key);
  to_plan_.insert(key);
}

notification notifier_core::message_of(const std::string& key, group& g, arrival_time now) {
  const notify_receiver& receiver = receiver_of(g);
  notification n;
  n.group = key;
  n.receiver = receiver.name;
  n.labels = g.labels;
  n.at = now;
  n.acknowledged = true;
  n.anew = flaps(g) && g.sent != arrival_time{};
  sending what{key, {}, false};
  std::vector<alert> ended;
  // Another message has another id, also of a group that was empty in between.
  std::string print =
      key + "/" + std::to_string(g.number + 1) + "/" + std::to_string(unix_ms(g.first));
  for (auto& [id, known] : g.alerts) {
    const alert& a = alerts_.at(id).what;
    if (fires(a) && told_firing(known)) n.anew = false;
    if (!tellable(a, known)) continue;
    what.alerts[id] = told_of(a);
    print += "/" + id + "=" + std::to_string(static_cast<int>(told_of(a)));
    if (fires(a) && known == told::nothing) {
      known = told::perhaps;
      changed_.insert("group/" + key);
    }
    if (!fires(a)) {
      if (receiver.send_resolved) ended.push_back(a);
      continue;
    }
    n.alerts.push_back(a);
    n.acknowledged = n.acknowledged && a.acknowledged;
  }
  n.id = to_hex(stable_hash(print));
  n.firing = n.alerts.size();
  n.acknowledged = n.acknowledged && n.firing != 0;
  n.anew = n.anew && n.firing != 0 && !n.acknowledged;
  what.acknowledged = n.acknowledged;
  std::move(ended.begin(), ended.end(), std::back_inserter(n.alerts));
  if (receiver.kind != receiver_kind::alertmanager && n.alerts.size() > named) {
    n.left_out = n.alerts.size() - named;
    n.alerts.resize(named);
  }
  if (const auto at = incidents_.find(g.incident); at != incidents_.end()) n.about = at->second;
  under_way_[receiver.name] = std::move(what);
  return n;
}

/// What has ended so long ago that an Alertmanager need not hear of it again.
void notifier_core::end_old(group& g, arrival_time now) {
  const arrival_time old = now - milliseconds{resend_ended_ms};
  for (auto at = g.alerts.begin(); at != g.alerts.end();) {
    const known_alert& a = alerts_.at(at->first);
    at = !fires(a.what) && at->second == told::ended && a.ended <= old ? g.alerts.erase(at)
                                                                       : std::next(at);
  }
}

void notifier_core::settle_sent(group& g, const sending& what, arrival_time now) {
  const bool keeps = routes_[g.route].kind == receiver_kind::alertmanager;
  for (const auto& [id, state] : what.alerts) {
    const auto at = g.alerts.find(id);
    if (at == g.alerts.end()) continue;
    if (told_firing(state) || keeps)
      at->second = state;
    else
      g.alerts.erase(at);
  }
  if (keeps) end_old(g, now);
  g.sent = now;
  g.attempts = 0;
  g.acknowledged = what.acknowledged;
  ++g.number;
}

void notifier_core::settle_failed(group& g, const std::string& receiver, arrival_time now,
                                  milliseconds rest) {
  const milliseconds most{receiver_rest_ms};
  const milliseconds asked = std::min(rest, milliseconds{asked_rest_ms});
  milliseconds wait = backoff(++g.attempts);
  if (routes_[g.route].kind == receiver_kind::alertmanager) wait = std::min(wait, most);
  g.retry = now + std::max(wait, asked);
  tiredness& t = tired_[receiver];
  t.until = now + std::max(std::min(backoff(++t.failures), most), asked);
}

void notifier_core::done(const std::string& receiver, delivery how, arrival_time now,
                         milliseconds rest) {
  follow_clock(now);
  const auto busy = under_way_.find(receiver);
  if (busy == under_way_.end()) return;
  const sending what = std::move(busy->second);
  under_way_.erase(busy);
  const auto found = groups_.find(what.group);
  if (found == groups_.end()) return;
  group& g = found->second;
  notify_counters& count = counters_[receiver];
  if (how == delivery::failed) {
    ++count.failed;
    settle_failed(g, receiver, now, rest);
  } else {
    ++(how == delivery::sent ? count.sent : count.refused);
    spent_[receiver].push_back(now);
    tired_.erase(receiver);
    settle_sent(g, what, now);
  }
  changed_.insert("group/" + what.group);
  to_plan_.insert(what.group);
  std::vector<std::string> ids;
  for (const auto& [id, state] : what.alerts) {
    if (g.alerts.count(id) == 0)
      if (const auto a = alerts_.find(id); a != alerts_.end()) a->second.groups.erase(what.group);
    ids.push_back(id);
  }
  for (const std::string& id : ids) {
    const auto a = alerts_.find(id);
    if (a == alerts_.end()) continue;
    if (!fires(a->second.what)) leave(a->second);
    drop_if_done(id);
  }
}

}  // namespace faultline
