// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "judgement/correlator_core_impl.hpp"
#include "messages/bytes.hpp"
#include "messages/identity.hpp"
#include "messages/text.hpp"

namespace faultline {

// Alerts that other programs have raised. The labels are the identity, as with Alertmanager: posted
// again, one that fires goes on; it is over when it is posted as ended, or when its end has passed
// without another word.

namespace {

constexpr std::string_view source = "alertmanager";
constexpr std::size_t explanation_bytes = 1024;

std::string text_at(const std::map<std::string, std::string>& texts, const char* key) {
  const auto at = texts.find(key);
  return at == texts.end() ? std::string{} : at->second;
}

/// What people name alerts that somebody should come for.
alert_severity severity_of(const posted_alert& p) {
  const std::string said = text_at(p.labels, "severity");
  for (const char* high : {"critical", "page", "emergency", "fatal", "error", "high"})
    if (said == high) return alert_severity::critical;
  return alert_severity::warning;
}

std::string sentence_of(const posted_alert& p) {
  for (const char* key : {"summary", "description", "message"})
    if (std::string text = text_at(p.annotations, key); !text.empty())
      return std::string{cut_utf8(text, explanation_bytes)};
  return text_at(p.labels, "alertname") + " of " + p.entity + " fires";
}

}  // namespace

/// Whether @p a is one that others post and nobody should come for.
bool correlator_core::impl::only_informs(const alert& a) {
  if (a.source != source) return false;
  const std::string said = text_at(a.labels, "severity");
  return said == "none" || said == "info";
}

void correlator_core::impl::take_posted(const operator_command& c) {
  const auto list = read_posted_json(c.payload);
  if (!list) return;
  const event_time at = std::max(now, event_time_of(unix_ms(c.at)));
  std::size_t number = 0, refused = 0;
  for (const posted_alert& p : *list) {
    const std::string print = label_fingerprint(p.labels);
    const auto known = posted.find(print);
    const bool over = p.ends <= at;
    if (known != posted.end()) {
      posted_agenda.erase({known->second.ends, print});
      known->second.ends = p.ends;
      if (over) {
        end_posted(print, p.ends);
      } else {
        posted_agenda.emplace(p.ends, print);
        take_words(p, known->second.alert);
      }
    } else if (!over && posted.size() >= correlator_limits::posted) {
      ++refused;
    } else if (!over) {
      begin_posted(p, print, number, at);
    }
    ++number;
  }
  if (refused != 0)
    say_notice("posted_alerts", "node",
               std::to_string(refused) + " refused: there are " +
                   std::to_string(correlator_limits::posted) + " of them");
}

/// What is said anew of one that goes on. Nobody is told: it is the same alert.
void correlator_core::impl::take_words(const posted_alert& p, const std::string& id) {
  const auto at = alerts.find(id);
  if (at == alerts.end()) return;
  alert& a = at->second.alert;
  a.annotations = p.annotations;
  a.generator = p.generator;
  a.explanation = sentence_of(p);
}

/// Of those that fire; what is not known has ended meanwhile and will be posted whole.
void correlator_core::impl::take_posted_again(const operator_command& c) {
  const auto list = read_posted_again_json(c.payload);
  if (!list) return;
  for (const posted_again& p : *list) {
    const auto known = posted.find(p.print);
    if (known == posted.end() || p.ends <= known->second.ends) continue;
    posted_agenda.erase({known->second.ends, p.print});
    known->second.ends = p.ends;
    posted_agenda.emplace(p.ends, p.print);
  }
}

void correlator_core::impl::begin_posted(const posted_alert& p, const std::string& print,
                                         std::size_t number, event_time at) {
  alert a;
  a.id = to_hex(stable_hash("posted/" + print + "/" + std::to_string(applied) + "/" +
                            std::to_string(number)));
  a.severity = severity_of(p);
  a.entity = p.entity;
  a.metric = text_at(p.labels, "alertname");
  a.started = a.updated = std::min(p.starts, at);  // a clock that is ahead would hold its incident
  a.score = 1;
  a.explanation = sentence_of(p);
  a.labels = p.labels;
  a.source = source;
  a.annotations = p.annotations;
  a.generator = p.generator;
  posted[print] = {a.id, p.ends};
  posted_agenda.emplace(p.ends, print);
  on_alert(a);
}

void correlator_core::impl::end_posted(const std::string& print, event_time ended) {
  const std::string id = posted.at(print).alert;
  posted.erase(print);
  const auto at = alerts.find(id);
  if (at == alerts.end() || at->second.alert.state != alert_state::firing) return;
  alert a = at->second.alert;
  a.transition = at->second.decided() + 1;
  a.state = alert_state::resolved;
  a.updated = a.ended.emplace(std::max(ended, a.started));
  on_alert(a);
}

/// Posted again, an alert that ended another way begins anew.
void correlator_core::impl::forget_posted(const std::set<std::string>& ended) {
  for (auto at = posted.begin(); at != posted.end();) {
    if (ended.count(at->second.alert) == 0) {
      ++at;
      continue;
    }
    posted_agenda.erase({at->second.ends, at->first});
    at = posted.erase(at);
  }
}

void correlator_core::impl::pass_posted() {
  while (!posted_agenda.empty() && posted_agenda.begin()->first <= now) {
    const auto [ends, print] = *posted_agenda.begin();
    posted_agenda.erase(posted_agenda.begin());
    end_posted(print, ends);
  }
}

std::string correlator_core::impl::save_posted() const {
  std::string bytes;
  field_writer w{bytes};
  w.u32(static_cast<std::uint32_t>(posted.size()));
  for (const auto& [print, p] : posted) {
    w.str(print);
    w.str(p.alert);
    w.i64(unix_ms(p.ends));
  }
  return bytes;
}

bool correlator_core::impl::read_posted(std::string_view bytes) {
  field_reader in{bytes};
  const auto count = in.count(16);
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) {
    const std::string print{in.str()};
    posted_mark& p = posted[print];
    p.alert = in.str();
    p.ends = event_time_of(in.i64());
    posted_agenda.emplace(p.ends, print);
  }
  return in.ok() && in.at_end();
}

}  // namespace faultline
