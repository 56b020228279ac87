// SPDX-License-Identifier: Apache-2.0
#include "judgement/notifier_core.hpp"

#include <algorithm>
#include <utility>

#include "judgement/inhibition.hpp"
#include "messages/identity.hpp"

namespace faultline {
namespace {

using namespace notifier_limits;

/// Labels by which alerts are grouped that are no labels of theirs.
constexpr std::string_view by_incident = "incident";
/// What comes and goes is one group, whatever incidents its episodes open.
constexpr std::string_view flapping = "flapping/";

std::string flapping_of(const alert& a) {
  const auto [entity, name] = flap_key_of(a);
  return std::string{flapping} + entity + "/" + name;
}

std::map<std::string, std::string> labels_of(const alert& a) {
  auto labels = a.labels;
  labels.try_emplace("entity", a.entity);
  return labels;
}

bool fires(const alert& a) { return a.state == alert_state::firing; }

milliseconds backoff(std::uint32_t attempts) {
  const std::int64_t ms = first_retry_ms << std::min<std::uint32_t>(attempts - 1, 10);
  return milliseconds{std::min(ms, last_retry_ms)};
}

failure unknown_receiver(const std::string& name) {
  return {ec::invalid, "notifications.routes: there is no receiver \"" + name + "\""};
}

}  // namespace

outcome<notifier_core> notifier_core::make(const notify_options& options) {
  notifier_core core;
  core.options_ = options;
  for (const notify_route& o : options.routes) {
    const auto at = std::find_if(options.receivers.begin(), options.receivers.end(),
                                 [&](const notify_receiver& r) { return r.name == o.receiver; });
    if (at == options.receivers.end()) return unknown_receiver(o.receiver);
    std::vector<label_matcher> all;
    for (const std::string& text : o.matchers) {
      auto some = parse_matchers(text);
      if (!some) return some.error();
      all.insert(all.end(), some->begin(), some->end());
    }
    const std::vector<label_matcher> all_of_it = all;
    auto compiled = label_matchers::compile(std::move(all));
    if (!compiled) return compiled.error();
    std::string name = o.receiver;
    for (const route& other : core.routes_)
      if (other.options.receiver == o.receiver) {
        name += "/" + matchers_text(all_of_it);
        break;
      }
    core.routes_.push_back({o, std::move(*compiled), at->kind,
                            static_cast<std::size_t>(at - options.receivers.begin()),
                            std::move(name)});
  }
  for (const notify_receiver& r : options.receivers) core.counters_[r.name];
  return core;
}

const notify_receiver& notifier_core::receiver_of(const group& g) const {
  return options_.receivers[routes_[g.route].receiver];
}

std::string notifier_core::key_of(const route& r, const known_alert& a,
                                  std::map<std::string, std::string>& labels) const {
  if (r.kind == receiver_kind::alertmanager) return r.name + ":{}";
  std::vector<label_matcher> parts;
  const auto own = labels_of(a.what);
  for (const std::string& by : r.options.group_by) {
    const auto at = own.find(by);
    std::string value = at == own.end() ? std::string{} : at->second;
    if (by == by_incident) value = a.incident.empty() ? "alert/" + a.what.id : a.incident;
    if (by == by_incident && a.what.flapping) value = flapping_of(a.what);
    parts.push_back({by, value});
    labels[by] = std::move(value);
  }
  const std::string incident{by_incident};
  if (a.what.flapping && labels.count(incident) == 0)
    parts.push_back({incident, labels[incident] = flapping_of(a.what)});
  return r.name + ":" + matchers_text(parts);
}

std::vector<std::string> notifier_core::receivers_of(const alert& a) const {
  std::vector<std::string> names;
  const auto labels = labels_of(a);
  for (const route& r : routes_) {
    if (!r.matchers.matches(labels)) continue;
    names.push_back(options_.receivers[r.receiver].name);
    if (!r.options.go_on) break;
  }
  return names;
}

notifier_core::told notifier_core::told_of(const alert& a) noexcept {
  if (!fires(a)) return told::ended;
  return a.severity == alert_severity::critical ? told::critical : told::warning;
}

/// Whether a message names it: what fires and is not suppressed, and the end of what was told.
bool notifier_core::tellable(const alert& a, told known) noexcept {
  return fires(a) ? !suppressed(a) : known != told::nothing;
}

/// Whether a message that names it is on its way for group @p key.
bool notifier_core::sends(const std::string& key, const std::string& id) const {
  const auto busy = under_way_.find(receiver_of(groups_.at(key)).name);
  return busy != under_way_.end() && busy->second.group == key &&
         busy->second.alerts.count(id) != 0;
}

/// Whether @p receiver has been told that it fires, in whatever group, or is being told.
bool notifier_core::knows(const std::string& receiver, const known_alert& a) const {
  return std::any_of(a.groups.begin(), a.groups.end(), [&](const std::string& key) {
    const group& g = groups_.at(key);
    if (receiver_of(g).name != receiver) return false;
    const auto at = g.alerts.find(a.what.id);
    return (at != g.alerts.end() && may_know(at->second)) || sends(key, a.what.id);
  });
}

/// Into the groups it belongs to as things are. What a receiver knows of it stays with its group:
/// nobody is told twice because incidents have merged.
void notifier_core::put(known_alert& a, arrival_time now) {
  const auto labels = labels_of(a.what);
  for (std::size_t n = 0; n < routes_.size(); ++n) {
    const route& r = routes_[n];
    if (!r.matchers.matches(labels)) continue;
    std::map<std::string, std::string> shared;
    const std::string key = key_of(r, a, shared);
    const bool elsewhere =
        a.groups.count(key) == 0 && knows(options_.receivers[r.receiver].name, a);
    if (!elsewhere && a.groups.insert(key).second) {
      group& g = groups_[key];
      if (g.alerts.empty()) {
        g.route = n;
        g.receiver = options_.receivers[r.receiver].name;
        g.route_name = r.name;
        g.labels = std::move(shared);
        g.incident = a.incident;
        g.first = now;
      }
      g.alerts.try_emplace(a.what.id, told::nothing);
      changed_.insert("group/" + key);
    }
    if (!elsewhere) to_plan_.insert(key);
    if (!r.options.go_on) break;
  }
}

/// Out of every group whose receiver has not heard of it, or does not want to hear of its end.
void notifier_core::leave(known_alert& a) {
  for (auto at = a.groups.begin(); at != a.groups.end();) {
    group& g = groups_.at(*at);
    const auto mine = g.alerts.find(a.what.id);
    const bool minds = fires(a.what) || receiver_of(g).send_resolved || flaps(g);
    if (sends(*at, a.what.id) ||
        (minds && mine != g.alerts.end() && mine->second != told::nothing)) {
      ++at;
      continue;
    }
    if (mine != g.alerts.end()) g.alerts.erase(mine);
    changed_.insert("group/" + *at);
    to_plan_.insert(*at);
    at = a.groups.erase(at);
  }
}

void notifier_core::take(const alert& fresh, arrival_time now) {
  if (routes_.empty()) return;
  const auto known = alerts_.find(fresh.id);
  if (known == alerts_.end()) {
    if (!fires(fresh)) return;
    if (alerts_.size() >= notifier_limits::alerts) {
      ++left_out_;
      return;
    }
  } else if (fresh.transition <= known->second.what.transition) {
    return;
  }
  known_alert& a = alerts_[fresh.id];
  const bool other_labels = a.what.labels != fresh.labels;
  if (known != alerts_.end() && suppressed(a.what) && fires(fresh) && !suppressed(fresh))
    begin_again(a, now);
  a.what = fresh;
  if (!fires(fresh)) a.ended = now;
  changed_.insert("alert/" + fresh.id);
  if (other_labels) leave(a);
  if (fires(fresh)) put(a, now);
  for (const std::string& key : a.groups) {
    to_plan_.insert(key);
    if (fires(fresh) || !flaps(groups_.at(key))) continue;
    groups_.at(key).calm = now;
    changed_.insert("group/" + key);
  }
  if (!fires(fresh)) leave(a);
  drop_if_done(fresh.id);
}

/// What is heard of only now waits `group_wait` from now on, where its group had nothing to say.
void notifier_core::begin_again(const known_alert& a, arrival_time now) {
  for (const std::string& key : a.groups) {
    group& g = groups_.at(key);
    if (g.sent != arrival_time{}) continue;
    const bool says = std::any_of(g.alerts.begin(), g.alerts.end(), [&](const auto& entry) {
      return tellable(alerts_.at(entry.first).what, entry.second);
    });
    if (says) continue;
    g.first = now;
    changed_.insert("group/" + key);
  }
}

/// Into the groups of an incident. What was told before stays in its group, which is of that
/// incident from now on.
void notifier_core::join(known_alert& a, const incident& of, arrival_time now) {
  const std::string before = std::exchange(a.incident, of.id);
  members_[of.id].insert(a.what.id);
  changed_.insert("alert/" + a.what.id);
  arrival_time first = now;
  for (const std::string& key : a.groups) first = std::min(first, groups_.at(key).first);
  leave(a);
  for (const std::string& key : a.groups) {
    groups_.at(key).incident = of.id;
    changed_.insert("group/" + key);
  }
  if (fires(a.what)) put(a, first);
  part(a.what.id, before);
}

/// An incident none of whose alerts is known is forgotten.
void notifier_core::part(const std::string& id, const std::string& incident) {
  const auto of = members_.find(incident);
  if (of == members_.end()) return;
  of->second.erase(id);
  if (!of->second.empty()) return;
  incidents_.erase(of->first);
  changed_.insert("incident/" + of->first);
  members_.erase(of);
}

void notifier_core::take(const incident& fresh, arrival_time now) {
  if (routes_.empty()) return;
  bool wanted = false;
  for (const std::string& id : fresh.alerts) {
    const auto at = alerts_.find(id);
    if (at == alerts_.end()) continue;
    wanted = true;
    known_alert& a = at->second;
    if (a.incident != fresh.id) join(a, fresh, now);
  }
  if (!wanted) return;
  incidents_[fresh.id] = fresh;
  changed_.insert("incident/" + fresh.id);
}

/// An alert that is over, and of which every receiver knows, is forgotten, with its incident.
void notifier_core::drop_if_done(const std::string& id) {
  const auto at = alerts_.find(id);
  if (at == alerts_.end() || fires(at->second.what) || !at->second.groups.empty()) return;
  part(id, at->second.incident);
  alerts_.erase(at);
  changed_.insert("alert/" + id);
}

notifier_core::needs notifier_core::needs_of(const group& g) const {
  needs n;
  bool told_critical = false;
  for (const auto& [id, known] : g.alerts) {
    const alert& a = alerts_.at(id).what;
    told_critical = told_critical || known == told::critical;
    if (!tellable(a, known)) continue;
    n.any = true;
    if (!fires(a)) {
      if (may_know(known)) n.ended = true;
      continue;
    }
    n.fires = true;
    if (told_firing(known)) n.open = true;
    if (a.acknowledged) continue;
    n.unheeded = true;
    n.risen = n.risen || told_of(a) == told::critical;
    if (!told_firing(known) || (known == told::warning && told_of(a) == told::critical))
      n.fresh = true;
  }
  n.risen = n.risen && !told_critical;
  n.acknowledged = (flaps(g) ? n.fires : n.open) && !n.unheeded && !g.acknowledged;
  if (!n.unheeded) n.open = false;  // nobody is reminded of what somebody looks after
  return n;
}

std::optional<arrival_time> notifier_core::due_at(const group& g) const {
  const route& r = routes_[g.route];
  const needs n = needs_of(g);
  const bool never = g.sent == arrival_time{};
  const bool pager = n.acknowledged && r.kind == receiver_kind::pagerduty;
  const milliseconds rest{group_rest_ms};
  std::optional<arrival_time> at;
  if (!n.any) return at;
  if (r.kind == receiver_kind::alertmanager) {
    at = never || n.fresh || n.ended ? std::max(g.first, g.sent) + milliseconds{resend_wait_ms}
                                     : g.sent + milliseconds{resend_ms};
  } else if (!never && flaps(g)) {
    if (n.risen || pager)
      at = g.sent + std::max(r.options.group_interval, rest);
    else if (n.unheeded)
      at = again_at(r, g, n.fresh);
    else if (!n.fires)
      at = std::max(g.sent + rest, g.calm + milliseconds{calm_ms});
  } else if (n.fresh || n.ended || pager) {
    at = never ? g.first + r.options.group_wait : g.sent + std::max(r.options.group_interval, rest);
  } else if (n.open) {
    at = g.sent + std::max(r.options.repeat_interval, rest);
  }
  if (at && g.attempts != 0) at = std::max(*at, g.retry);
  return at;
}

/// When people hear of what comes and goes once more: after `repeat_interval`, or when the episode
/// that is open has lasted: what lasts does not come and go.
arrival_time notifier_core::again_at(const route& r, const group& g, bool fresh) {
  const milliseconds rest{group_rest_ms};
  const arrival_time repeat = g.sent + std::max(r.options.repeat_interval, rest);
  if (!fresh) return repeat;
  return std::min(repeat, std::max(g.sent + std::max(r.options.group_interval, rest),
                                   g.calm + milliseconds{lasts_ms}));
}

/// A group of what comes and goes.
bool notifier_core::flaps(const group& g) {
  const auto at = g.labels.find(std::string{by_incident});
  return at != g.labels.end() && at->second.substr(0, flapping.size()) == flapping;
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
