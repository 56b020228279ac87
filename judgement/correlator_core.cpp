// SPDX-License-Identifier: Apache-2.0
#include "judgement/correlator_core.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "judgement/correlator_core_impl.hpp"
#include "judgement/rules.hpp"
#include "messages/retirement.hpp"

namespace faultline {
namespace {

struct command_words {
  std::string by;
  std::string comment;
  std::string assign;
  bool off = false;
};

/// {by, comment, assign: string, off: bool}; what is missing or of another type keeps its default.
command_words words_of(const std::string& payload) {
  command_words words;
  const auto json = nlohmann::json::parse(payload, nullptr, false);
  if (!json.is_object()) return words;
  if (const auto at = json.find("by"); at != json.end() && at->is_string()) {
    words.by = at->get<std::string>();
  }
  if (const auto at = json.find("comment"); at != json.end() && at->is_string()) {
    words.comment = at->get<std::string>();
  }
  if (const auto at = json.find("assign"); at != json.end() && at->is_string()) {
    words.assign = at->get<std::string>();
  }
  if (const auto at = json.find("off"); at != json.end() && at->is_boolean()) {
    words.off = at->get<bool>();
  }
  return words;
}

std::string by_whom(const std::string& what, const command_words& words) {
  const std::string text = words.by.empty() ? what : what + " by " + words.by;
  return words.comment.empty() ? text : text + ": " + words.comment;
}

/// Event time that has passed with @p d; the least time where it says nothing of that.
event_time time_of(const decision& d) {
  switch (d.kind) {
    case decision_kind::alert:
      return d.alert.updated;
    case decision_kind::sign:
      return d.sign.at;
    case decision_kind::clock:
      return d.clock;
    case decision_kind::topology:
    case decision_kind::change:
    case decision_kind::root_cause:
    case decision_kind::command:
    case decision_kind::notice:
      break;
  }
  return event_time::min();
}

}  // namespace

correlator_core::correlator_core(correlation_options options)
    : impl_{std::make_unique<impl>(options)} {}
correlator_core::~correlator_core() = default;
correlator_core::correlator_core(correlator_core&&) noexcept = default;
correlator_core& correlator_core::operator=(correlator_core&&) noexcept = default;

correlator_output correlator_core::apply(const decision& d) {
  correlator_output out;
  impl& state = *impl_;
  if (d.seq <= state.applied) return out;
  state.applied = d.seq;
  state.last_key = 0;
  state.out = &out;
  state.now = std::max(state.now, time_of(d));
  state.pass_what_is_due();
  switch (d.kind) {
    case decision_kind::alert:
      state.on_alert(d.alert);
      break;
    case decision_kind::topology:
      state.on_topology(d.topology);
      break;
    case decision_kind::change:
      state.on_change(d.change);
      break;
    case decision_kind::root_cause:
      state.on_root_cause(d.root_cause);
      break;
    case decision_kind::command:
      state.on_command(d.command);
      break;
    case decision_kind::notice:
      state.on_notice(d.notice);
      break;
    case decision_kind::sign:
      state.on_sign(d.sign);
      break;
    case decision_kind::clock:
      break;
  }
  state.settle();
  state.pass_time();
  state.pass_doubts();
  state.out = nullptr;
  for (const incident_key key : state.asked) {
    const auto at = state.incidents.find(key);
    if (at == state.incidents.end() || !at->second.awaiting) continue;
    tracked_incident& i = at->second;
    i.asked_burst = i.burst;
    i.asked =
        std::max({i.asked, i.begins(), i.burst});  // what came behind the question may be newer
    state.schedule(key);
    out.requests.push_back(state.request_of(i));
  }
  state.asked.clear();
  for (const incident_key key : state.asked_suspicions) {
    const auto at = state.suspicions.find(key);
    if (at != state.suspicions.end()) out.requests.push_back(state.request_of(at->second));
  }
  state.asked_suspicions.clear();
  return out;
}

correlator_output correlator_core::pass_over(const decision& d) {
  correlator_output out;
  impl& state = *impl_;
  if (d.seq <= state.applied) return out;
  state.applied = d.seq;
  if (d.kind != decision_kind::alert || d.alert.state != alert_state::resolved) return out;
  const auto known = state.alerts.find(d.alert.id);
  if (known == state.alerts.end() || known->second.alert.state == alert_state::resolved) return out;
  state.out = &out;
  state.end_alone(known->second, d.alert);
  state.out = nullptr;
  return out;
}

void correlator_core::impl::end_alone(tracked_alert& t, const alert& end) {
  const alert before = t.alert;
  t.alert.state = alert_state::resolved;
  t.alert.updated = end.updated;
  t.alert.ended = end.ended;
  t.alert.transition = end.transition + t.marks;
  const auto touched = index_alert(t.alert, &before);
  say(t.alert);
  if (t.incident == 0)
    let_go(before.id);
  else
    on_member_ended(t.incident, end.ended.value_or(end.updated));
  mark_some(touched);
  mark_around(before.id);
}

/// All that ends and begins by now does, before any alert is looked at for it: what ends together
/// leaves no moment in which only one of it has.
void correlator_core::impl::pass_what_is_due() {
  const bool silences_moved = pass_silences();
  const bool windows_moved = pass_windows();
  pass_posted();
  if (silences_moved || windows_moved) mark_all();
  mark_some(std::exchange(merged, {}));
  attach_heard();
}

/// Who belongs together, and what follows from that for who is told, until nothing follows.
void correlator_core::impl::settle() {
  attach_heard();
  settle_newly_reached();
  while (!merged.empty() || !heard.empty()) {
    mark_some(std::exchange(merged, {}));
    attach_heard();
    settle_newly_reached();
  }
}

bool correlator_core::impl::seen(const alert& a) const {
  if (const auto at = alerts.find(a.id); at != alerts.end()) {
    return a.transition <= at->second.decided();
  }
  const auto ended = finished.find(a.id);
  return ended && a.transition <= *ended;
}

void correlator_core::impl::apply_marks(alert& a, const tracked_alert* before) {
  if (before != nullptr) a.inhibited_by = before->alert.inhibited_by;
  if (before != nullptr && before->alert.acknowledged && !a.acknowledged) {
    a.acknowledged = true;
    a.acknowledged_by = before->alert.acknowledged_by;
    a.assigned_to = before->alert.assigned_to;
  }
  set_marks_of(a);
}

void correlator_core::impl::say(const alert& a) {
  feed_event& e = out->feed.emplace_back();
  e.what = feed_event::kind::alert;
  e.alert = a;
}

void correlator_core::impl::say_notice(std::string what, std::string subject, std::string text) {
  feed_event& e = out->feed.emplace_back();
  e.what = feed_event::kind::notice;
  e.notice = {std::move(what), std::move(subject), std::move(text), now};
}

/// The episode is over for us; its last transition is remembered so that it cannot come again.
void correlator_core::impl::let_go(const std::string& alert_id) {
  const auto at = alerts.find(alert_id);
  if (at == alerts.end()) return;
  if (const auto l = loose.find(at->second.alert.entity); l != loose.end()) {
    l->second.erase(alert_id);
    if (l->second.empty()) loose.erase(l);
  }
  alert none;
  none.id = alert_id;
  note_inhibitors(none, at->second.alert.inhibited_by);
  finished.add(alert_id, at->second.decided());
  alerts.erase(at);
}

void correlator_core::impl::on_alert(const alert& told) {
  if (seen(told)) return;
  const auto before = alerts.find(told.id);
  const bool known = before != alerts.end();
  // An ended episode stays ended, also where its incident is open yet; what others post may come
  // again under its name.
  const bool ended =
      known ? told.source.empty() && before->second.alert.state == alert_state::resolved
            : finished.find(told.id).has_value();
  if (ended) return;
  alert a = told;
  a.flapping =
      known ? before->second.alert.flapping : a.state == alert_state::firing && note_episode(a);
  best_speakers.clear();
  apply_marks(a, known ? &before->second : nullptr);
  const std::set<std::string> touched = index_alert(a, known ? &before->second.alert : nullptr);
  if (known) a.transition += before->second.marks;
  say(a);
  const bool other = !known || a.state != before->second.alert.state ||
                     a.severity != before->second.alert.severity ||
                     suppressed(a) != suppressed(before->second.alert);
  const incident_key was_in = known ? before->second.incident : 0;
  place_alert(a, known);
  merged.insert(touched.begin(), touched.end());  // once, however many of this decision touch them
  const auto placed = alerts.find(a.id);
  const bool elsewhere = placed != alerts.end() && placed->second.incident != was_in;
  if (other || elsewhere) mark_around(a.id);
}

/// Where it belongs: into its incident, out of it, or nowhere.
void correlator_core::impl::place_alert(const alert& a, bool known) {
  const auto before = alerts.find(a.id);
  const incident_key key = known ? before->second.incident : 0;
  const bool was_firing = known && before->second.alert.state == alert_state::firing;
  if (!known && a.state == alert_state::resolved) {
    alerts[a.id] = {a, 0, 0};
    let_go(a.id);
    return;
  }
  tracked_alert& t = alerts[a.id];
  t.alert = a;
  t.incident = key;
  if (a.state == alert_state::resolved) {
    if (key == 0) {
      let_go(a.id);
    } else if (was_firing) {
      on_member_ended(key, a.ended.value_or(a.updated));
    }
    return;
  }
  if (key == 0) {
    attach(a.id);
    return;
  }
  if (known && !was_firing) {
    ++incidents.at(key).firing;
    schedule(key);
  }
  raise(key, a.severity);
}

void correlator_core::impl::on_change(const change_note& c) {
  changes.push_back(c);
  if (changes.size() > correlator_limits::changes) changes.pop_front();
}

void correlator_core::impl::on_notice(const notice& n) {
  feed_event& e = out->feed.emplace_back();
  e.what = feed_event::kind::notice;
  e.notice = n;
}

void correlator_core::impl::on_command(const operator_command& c) {
  if (c.name == "acknowledge") acknowledge(c);
  if (c.name == "silence") set_silence(c);
  if (c.name == "unsilence") end_silence(c);
  if (c.name == "posted_alerts") take_posted(c);
  if (c.name == "posted_again") take_posted_again(c);
  if (c.name == "retire") retire(c.subject);
  if (c.name == retirement_done) end_retired(c.subject);
  if (c.name == "edge") set_edge(c);
  if (c.name == "incident_feedback") note_remedy(c);
  if (sets_rules(c.name)) take_rules(c);
  // All other feedback is the learner's.
}

void correlator_core::impl::acknowledge(const operator_command& c) {
  const command_words words = words_of(c.payload);
  std::vector<std::string> ids;
  if (alerts.count(c.subject) != 0) ids.push_back(c.subject);
  for (const auto& [key, i] : incidents) {
    if (i.record.id == c.subject) ids = i.record.alerts;
  }
  bool changed = false;
  for (const std::string& id : ids) {
    tracked_alert& t = alerts.at(id);
    alert& a = t.alert;
    const std::string by = words.off ? std::string{} : words.by;
    const std::string& to = words.off ? by : words.assign.empty() ? a.assigned_to : words.assign;
    const bool same = a.acknowledged != words.off && a.acknowledged_by == by && a.assigned_to == to;
    if (a.state != alert_state::firing || same) continue;
    a.acknowledged = !words.off;
    a.acknowledged_by = by;
    a.assigned_to = to;
    ++t.marks;
    ++a.transition;
    say(a);
    changed = true;
  }
  if (!changed) return;
  std::string what = words.off ? "not acknowledged" : "acknowledged";
  if (!words.assign.empty() && !words.off) what += " and assigned to " + words.assign;
  say_notice(words.off ? "unacknowledged" : "acknowledged", c.subject, by_whom(what, words));
}

/// New numbers for the incidents that are open, too.
void correlator_core::impl::take_rules(const operator_command& c) {
  const auto record = decode_rules(c.payload);
  if (!record) return;  // of a newer build: its partitions say so
  const auto& o = record->correlation;
  for (const topology_change& t : graph.configured(o.edges, now)) draw(t);
  const bool elsewhere = o.hops != options.hops;
  const bool other = elsewhere || o.window != options.window || o.settle != options.settle;
  options = o;
  if (elsewhere) forget_covered();
  for (auto& [key, i] : incidents) {
    if (elsewhere && !i.frozen) rebuild_reach(key);
    if (other) schedule(key);
  }
  auto fresh = record->rules.maintenance;
  // What an operator opens by the clock is open at once: no decision has come that late yet.
  for (maintenance_window& w : fresh)
    if (!w.configured && !w.recurs && w.starts > now && w.starts <= event_time_of(unix_ms(c.at)))
      w.starts = now;
  take_inhibitions(options.inhibit);
  take_windows(fresh);
  mark_all();
}

std::vector<alert> correlator_core::firing() const {
  std::vector<alert> list;
  for (const auto& [id, t] : impl_->alerts) {
    if (t.alert.state == alert_state::firing) list.push_back(t.alert);
  }
  return list;
}

std::vector<incident> correlator_core::open() const {
  std::vector<incident> list;
  for (const auto& [key, i] : impl_->incidents) list.push_back(i.record);
  std::sort(list.begin(), list.end(),
            [](const incident& a, const incident& b) { return a.id < b.id; });
  return list;
}

std::vector<rca_request> correlator_core::outstanding() const {
  std::vector<rca_request> list;
  for (const auto& [key, i] : impl_->incidents) {
    if (i.awaiting) list.push_back(impl_->request_of(i));
  }
  for (const tracked_incident& i : impl_->late) {
    if (i.asked + milliseconds{correlator_limits::late_ms} > impl_->now)
      list.push_back(impl_->request_of_late(i));
  }
  for (const auto& [key, s] : impl_->suspicions) {
    if (s.awaiting) list.push_back(impl_->request_of(s));
  }
  return list;
}

std::vector<topology_node> correlator_core::nodes() const {
  std::vector<topology_node> list;
  for (std::string& id : impl_->graph.nodes()) list.push_back({std::move(id)});
  return list;
}

std::vector<topology_edge> correlator_core::edges() const {
  std::vector<topology_edge> list;
  for (dependency_edge& e : impl_->graph.edges()) {
    list.push_back({std::move(e.from), std::move(e.to), e.kind, std::move(e.source), e.confidence,
                    e.last_seen});
  }
  return list;
}

std::vector<configured_edge> correlator_core::taken_away() const {
  return impl_->graph.taken_away();
}

std::vector<told_silence> correlator_core::silences() const {
  std::vector<told_silence> list;
  for (const auto& [id, s] : impl_->silences) list.push_back({s.what, s.state});
  return list;
}

std::uint64_t correlator_core::applied_through() const noexcept { return impl_->applied; }

sign_counters correlator_core::signs() const noexcept { return impl_->counters; }

bool correlator_core::wants_clock(event_time at) const noexcept {
  if (!impl_->suspicions.empty()) return true;
  if (impl_->window_due <= at) return true;
  for (const auto* agenda : {&impl_->silence_agenda, &impl_->posted_agenda}) {
    if (!agenda->empty() && agenda->begin()->first <= at) return true;
  }
  for (const auto& [key, i] : impl_->incidents) {
    if (i.due &&
        (i.firing == 0 || i.untold || i.awaiting || i.refreshed < correlator_limits::refreshes)) {
      return true;
    }
  }
  return false;
}

std::string correlator_core::save() const { return impl_->save(); }

outcome<void> correlator_core::restore(std::string_view bytes) {
  auto fresh = std::make_unique<impl>(impl_->options);
  if (const auto read = fresh->read(bytes); !read) return read.error();
  impl_ = std::move(fresh);
  return {};
}

}  // namespace faultline
