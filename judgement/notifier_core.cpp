// SPDX-License-Identifier: Apache-2.0
#include "judgement/notifier_core.hpp"

#include <algorithm>
#include <utility>

#include "judgement/inhibition.hpp"

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
  follow_clock(now);
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

/// Since when the oldest of its groups waits; @p now where it is in none.
arrival_time notifier_core::waits_since(const known_alert& a, arrival_time now) const {
  for (const std::string& key : a.groups) now = std::min(now, groups_.at(key).first);
  return now;
}

/// Into the groups of an incident. What was told before stays in its group, which is of that
/// incident from now on.
void notifier_core::join(known_alert& a, const incident& of, arrival_time now) {
  const std::string before = std::exchange(a.incident, of.id);
  members_[of.id].insert(a.what.id);
  changed_.insert("alert/" + a.what.id);
  const arrival_time first = waits_since(a, now);
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
  follow_clock(now);
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

}  // namespace faultline
