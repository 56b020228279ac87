// SPDX-License-Identifier: Apache-2.0
#include "server/quality_ledger.hpp"

#include <algorithm>

#include "messages/durations.hpp"
#include "server/internal/decided.hpp"

namespace faultline {

namespace {

constexpr std::size_t chunk = 512;  ///< decisions read at once

}  // namespace

outcome<void> quality_ledger::read_on() {
  constexpr std::uint64_t most_at_first = 200'000;
  if (next_ == 0) next_ = log_.last() > most_at_first ? log_.last() - most_at_first : 1;
  for (;;) {
    auto page = log_.read(next_, chunk);
    if (!page) return page.error();
    for (const auto& d : *page) {
      if (auto taken = take(d); !taken) return taken;
      next_ = d.seq + 1;
    }
    if (page->size() < chunk) return {};
  }
}

outcome<quality_view> quality_ledger::read() {
  const std::lock_guard<std::mutex> lock{mutex_};
  if (auto done = read_on(); !done) return done.error();
  quality_view q;
  q.since = since_;
  q.until = until_;
  q.episodes = episodes_;
  q.critical = critical_;
  q.critical_at_once = at_once_;
  q.incidents = incidents_;
  for (const auto& [id, verdict] : alert_verdicts_.values()) ++q.alert_verdicts[verdict];
  for (const auto& [id, verdict] : incident_verdicts_.values()) ++q.incident_verdicts[verdict];
  q.lead_s.assign(lead_s_.begin(), lead_s_.end());
  std::sort(q.lead_s.begin(), q.lead_s.end());
  std::map<std::int64_t, std::uint64_t> called_false;
  for (const auto& [id, verdict] : alert_verdicts_.values())
    if (const auto* started = started_.find(id); verdict == "false" && started != nullptr)
      ++called_false[*started / day_ms];
  for (const auto& [day, n] : days_) q.days.push_back({day * day_ms, n, called_false[day]});
  return q;
}

outcome<void> quality_ledger::take(const decision& d) {
  if (d.kind == decision_kind::root_cause) return take_question(d.root_cause.incident);
  if (d.kind == decision_kind::notice) return {};  // some have the wall clock's time
  if (d.kind == decision_kind::command) return take_word(d.command);
  const auto at = time_of(d);
  if (since_ == 0 || at < since_) since_ = at;
  until_ = std::max(until_, at);
  if (d.kind == decision_kind::alert) take_alert(d.alert);
  return {};
}

/// Weak signs are asked about, too, and most of them never become an incident.
outcome<void> quality_ledger::take_question(const std::string& incident) {
  if (asked_.find(incident) != nullptr) return {};
  const auto known = feed_.record("incident/" + incident);
  if (!known) return known.error();
  if (*known && asked_.put(incident, true)) ++incidents_;
  return {};
}

void quality_ledger::take_alert(const alert& a) {
  constexpr std::size_t most_leads = 10'000, most_days = 30;
  const auto at = unix_ms(a.updated);
  const auto [found, fresh] = open_.try_emplace(a.id);
  episode& e = found->second;
  if (fresh && a.state == alert_state::firing && started_.find(a.id) == nullptr) {
    ++episodes_;
    e.started = at;
    started_.put(a.id, at);
    ++days_[at / day_ms];
    if (days_.size() > most_days) days_.erase(days_.begin());
  }
  if (a.severity == alert_severity::critical && a.state == alert_state::firing && !e.critical) {
    e.critical = true;
    ++critical_;
    if (fresh) {
      ++at_once_;
    } else {
      lead_s_.push_back(static_cast<double>(at - e.started) / 1000);
      if (lead_s_.size() > most_leads) lead_s_.pop_front();
    }
  }
  if (a.state == alert_state::resolved) open_.erase(found);
}

outcome<void> quality_ledger::take_word(const operator_command& c) {
  const bool of_alert = c.name == "alert_feedback";
  if (!of_alert && c.name != "incident_feedback") return {};
  const auto verdict = said{c.payload}.text("verdict");
  if (verdict.empty()) return {};
  if (of_alert) {
    const auto posted = is_posted(c.subject);
    if (!posted) return posted.error();
    if (*posted) return {};
  }
  auto& words = of_alert ? alert_verdicts_ : incident_verdicts_;
  words.put(c.subject, verdict);
  return {};
}

/// Whether others raised it: what they promise is not ours, and their episodes are not counted.
outcome<bool> quality_ledger::is_posted(const std::string& alert) {
  const auto known = feed_.record("alert/" + alert);
  if (!known) return known.error();
  if (!*known) return false;
  const auto read = decode_alert(**known);
  return read && !read->source.empty();
}

}  // namespace faultline
