// SPDX-License-Identifier: Apache-2.0
#include "judgement/notifier_rows.hpp"

#include "messages/bytes.hpp"
#include "messages/version.hpp"

// alert := version(u8 = 1) alert(str) incident ended(i64)
// group := version(u8 = 3) receiver route labels(u32, (name value)*) incident
//          alerts(u32, (id told(u8))*) first sent retry attempts(u32) number(u64) acknowledged(u8)
//          calm
// Times are i64 milliseconds. Version 1 had no route, and nothing was told perhaps; version 2 no
// calm.

namespace faultline {
namespace {

constexpr unsigned alert_version = 1;
constexpr unsigned group_version = 3;
constexpr const char* alert_format = "notified alert";
constexpr const char* group_format = "notified group";

failure unsound(const char* format) { return {ec::malformed, std::string{format} + " is damaged"}; }

}  // namespace

std::string encode_notify_group(const notify_group& g) {
  std::string bytes;
  field_writer w{bytes};
  w.u8(group_version);
  w.str(g.receiver);
  w.str(g.route_name);
  w.u32(static_cast<std::uint32_t>(g.labels.size()));
  for (const auto& [name, value] : g.labels) {
    w.str(name);
    w.str(value);
  }
  w.str(g.incident);
  w.u32(static_cast<std::uint32_t>(g.alerts.size()));
  for (const auto& [id, known] : g.alerts) {
    w.str(id);
    w.u8(static_cast<std::uint8_t>(known));
  }
  for (const arrival_time t : {g.first, g.sent, g.retry}) w.i64(unix_ms(t));
  w.u32(g.attempts);
  w.u64(g.number);
  w.boolean(g.acknowledged);
  w.i64(unix_ms(g.calm));
  return bytes;
}

outcome<notify_group> decode_notify_group(std::string_view bytes) {
  field_reader in{bytes};
  const unsigned version = in.u8();
  if (auto known = check_version(group_format, version, group_version); !known)
    return known.error();
  notify_group g;
  g.receiver = in.str();
  if (version > 1) g.route_name = in.str();
  for (auto left = in.count(8); left > 0 && in.ok(); --left) {
    std::string name{in.str()};
    g.labels[std::move(name)] = in.str();
  }
  g.incident = in.str();
  for (auto left = in.count(5); left > 0 && in.ok(); --left) {
    std::string id{in.str()};
    g.alerts[std::move(id)] =
        in.enumeration(told_state::nothing, version > 1 ? told_state::perhaps : told_state::ended);
  }
  for (arrival_time* t : {&g.first, &g.sent, &g.retry}) *t = arrival_time_of(in.i64());
  g.attempts = in.u32();
  g.number = in.u64();
  g.acknowledged = in.boolean();
  if (version > 2) g.calm = arrival_time_of(in.i64());
  if (!in.ok() || !in.at_end()) return unsound(group_format);
  return g;
}

std::string encode_notify_alert(const notify_alert& a) {
  std::string bytes;
  field_writer w{bytes};
  w.u8(alert_version);
  w.str(encode_alert(a.what));
  w.str(a.incident);
  w.i64(unix_ms(a.ended));
  return bytes;
}

outcome<notify_alert> decode_notify_alert(std::string_view bytes) {
  field_reader in{bytes};
  if (auto known = check_version(alert_format, in.u8(), alert_version); !known)
    return known.error();
  notify_alert a;
  auto what = decode_alert(in.str());
  a.incident = in.str();
  a.ended = arrival_time_of(in.i64());
  if (!what) return what.error();
  if (!in.ok() || !in.at_end()) return unsound(alert_format);
  a.what = std::move(*what);
  return a;
}

}  // namespace faultline
