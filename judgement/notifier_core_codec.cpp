// SPDX-License-Identifier: Apache-2.0
#include "judgement/notifier_core.hpp"

#include <algorithm>
// Rows by name: alert/ID, group/KEY (notifier_rows.hpp), incident/ID (encode_incident()).

namespace faultline {
namespace {

constexpr std::string_view alert_rows = "alert/";
constexpr std::string_view incident_rows = "incident/";
constexpr std::string_view group_rows = "group/";

bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

}  // namespace

notifier_core::rows notifier_core::changes() {
  plan();
  rows all;
  for (const std::string& name : changed_) {
    std::optional<std::string>& row = all[name];
    if (begins(name, alert_rows)) {
      const auto at = alerts_.find(name.substr(alert_rows.size()));
      if (at != alerts_.end()) row = encode_notify_alert(at->second);
    } else if (begins(name, incident_rows)) {
      const auto at = incidents_.find(name.substr(incident_rows.size()));
      if (at != incidents_.end()) row = encode_incident(at->second);
    } else {
      const auto at = groups_.find(name.substr(group_rows.size()));
      if (at != groups_.end()) row = encode_notify_group(at->second);
    }
  }
  changed_.clear();
  return all;
}

outcome<void> notifier_core::restore(const std::map<std::string, std::string>& from,
                                     arrival_time now) {
  for (const auto& [name, bytes] : from)
    if (auto done = restore_row(name, bytes); !done)
      return failure{done.error().code, "notifier: " + name + ": " + done.error().what};
  clock_ = now;
  set_back(now, milliseconds{0});
  settle_restored(now);
  return {};
}

outcome<void> notifier_core::restore_row(const std::string& name, const std::string& bytes) {
  if (begins(name, alert_rows)) {
    auto row = decode_notify_alert(bytes);
    if (!row) return row.error();
    if (!row->incident.empty()) members_[row->incident].insert(row->what.id);
    static_cast<notify_alert&>(alerts_[row->what.id]) = std::move(*row);
  } else if (begins(name, incident_rows)) {
    auto i = decode_incident(bytes);
    if (!i) return i.error();
    incidents_[i->id] = std::move(*i);
  } else if (begins(name, group_rows)) {
    auto row = decode_notify_group(bytes);
    if (!row) return row.error();
    auto at = std::find_if(routes_.begin(), routes_.end(),
                           [&](const route& r) { return r.name == row->route_name; });
    if (at == routes_.end())
      at = std::find_if(routes_.begin(), routes_.end(), [&](const route& r) {
        return options_.receivers[r.receiver].name == row->receiver;
      });
    group& g = groups_[name.substr(group_rows.size())];
    static_cast<notify_group&>(g) = std::move(*row);
    if (at == routes_.end())
      g.alerts.clear();  // its receiver is gone
    else
      g.route = static_cast<std::size_t>(at - routes_.begin());
  }
  return {};
}

/// Groups know alerts and alerts their groups; where routes have changed, alerts find new ones.
void notifier_core::settle_restored(arrival_time now) {
  for (auto& [key, g] : groups_) {
    for (auto at = g.alerts.begin(); at != g.alerts.end();) {
      const auto a = alerts_.find(at->first);
      if (a == alerts_.end()) {
        at = g.alerts.erase(at);
        continue;
      }
      a->second.groups.insert(key);
      ++at;
    }
    to_plan_.insert(key);
  }
  std::vector<std::string> over;
  for (auto& [id, a] : alerts_) {
    if (a.what.state == alert_state::firing) {
      const arrival_time since = waits_since(a, now);
      leave(a);  // where it was to be told by routes that may be others now
      put(a, since);
      continue;
    }
    leave(a);  // somebody may not want to hear of ends any more
    if (a.groups.empty()) over.push_back(id);
  }
  for (const std::string& id : over) drop_if_done(id);
}

}  // namespace faultline
