// SPDX-License-Identifier: Apache-2.0
#include "messages/alert.hpp"

#include "messages/bytes.hpp"
#include "messages/version.hpp"

// alert := version(u8 = 2) id transition episode state severity entity metric
//          contributors(u32, (metric actual expected lower upper score)*)
//          started updated ended? score lead_time_s? detectors(u32, (name score)*) explanation
//          model flags(u8) acknowledged_by silenced_by labels(u32, (key value)*)
//          source annotations(as labels) generator silences(u32, id*) inhibited_by(u32, id*)
//          maintenance(u32, name*) assigned_to                    -- not in version 1
// Strings are length(u32) bytes, optional values a u8 (0, 1) before the value.

namespace faultline {
namespace {

constexpr std::uint8_t alert_version = 2;

enum alert_flag : std::uint8_t {
  flag_acknowledged = 1,
  flag_silenced = 2,
  flag_degraded = 4,
  flag_learning = 8,
  flag_was_warning = 16,
  flag_was_critical = 32,
  flag_flapping = 64,
  all_flags = 127,
};

std::uint8_t flags_of(const alert& a) noexcept {
  return static_cast<std::uint8_t>(
      (a.acknowledged ? flag_acknowledged : 0) | (a.silenced ? flag_silenced : 0) |
      (a.degraded ? flag_degraded : 0) | (a.learning ? flag_learning : 0) |
      (a.was_warning ? flag_was_warning : 0) | (a.was_critical ? flag_was_critical : 0) |
      (a.flapping ? flag_flapping : 0));
}

void set_flags(alert& a, std::uint8_t flags) noexcept {
  a.acknowledged = (flags & flag_acknowledged) != 0;
  a.silenced = (flags & flag_silenced) != 0;
  a.degraded = (flags & flag_degraded) != 0;
  a.learning = (flags & flag_learning) != 0;
  a.was_warning = (flags & flag_was_warning) != 0;
  a.was_critical = (flags & flag_was_critical) != 0;
  a.flapping = (flags & flag_flapping) != 0;
}

void write_contributors(field_writer& out, const std::vector<alert_contributor>& contributors) {
  out.u32(static_cast<std::uint32_t>(contributors.size()));
  for (const auto& c : contributors) {
    out.str(c.metric);
    for (const double v : {c.actual, c.expected, c.lower, c.upper, c.score}) out.f64(v);
  }
}

void read_contributors(field_reader& in, std::vector<alert_contributor>& contributors) {
  const auto count = in.count(44);
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    alert_contributor& c = contributors.emplace_back();
    c.metric = in.str();
    for (double* v : {&c.actual, &c.expected, &c.lower, &c.upper, &c.score}) *v = in.f64();
  }
}

void write_texts(field_writer& out, const std::map<std::string, std::string>& texts) {
  out.u32(static_cast<std::uint32_t>(texts.size()));
  for (const auto& [key, value] : texts) {
    out.str(key);
    out.str(value);
  }
}

void read_texts(field_reader& in, std::map<std::string, std::string>& texts) {
  for (auto left = in.count(8); left > 0 && in.ok(); --left) {
    std::string key{in.str()};
    texts[std::move(key)] = in.str();
  }
}

void write_names(field_writer& out, const std::vector<std::string>& names) {
  out.u32(static_cast<std::uint32_t>(names.size()));
  for (const std::string& name : names) out.str(name);
}

void read_names(field_reader& in, std::vector<std::string>& names) {
  for (auto left = in.count(4); left > 0 && in.ok(); --left) names.emplace_back(in.str());
}

}  // namespace

bool suppressed(const alert& a) noexcept {
  return a.silenced || !a.inhibited_by.empty() || !a.maintenance.empty();
}

const char* to_string(alert_state state) noexcept {
  switch (state) {
    case alert_state::firing:
      return "firing";
    case alert_state::resolved:
      return "resolved";
  }
  return "unknown";
}

const char* to_string(alert_severity severity) noexcept {
  switch (severity) {
    case alert_severity::warning:
      return "warning";
    case alert_severity::critical:
      return "critical";
  }
  return "unknown";
}

std::string encode_alert(const alert& a) {
  std::string bytes;
  bytes.reserve(512);
  field_writer out{bytes};
  out.u8(alert_version);
  out.str(a.id);
  out.u32(a.transition);
  out.u32(a.episode);
  out.u8(static_cast<std::uint8_t>(a.state));
  out.u8(static_cast<std::uint8_t>(a.severity));
  out.str(a.entity);
  out.str(a.metric);
  write_contributors(out, a.contributors);
  out.i64(unix_ms(a.started));
  out.i64(unix_ms(a.updated));
  out.boolean(a.ended.has_value());
  if (a.ended) out.i64(unix_ms(*a.ended));
  out.f64(a.score);
  out.boolean(a.lead_time_s.has_value());
  if (a.lead_time_s) out.f64(*a.lead_time_s);
  out.u32(static_cast<std::uint32_t>(a.detectors.size()));
  for (const auto& [name, score] : a.detectors) {
    out.str(name);
    out.f64(score);
  }
  out.str(a.explanation);
  out.str(a.model);
  out.u8(flags_of(a));
  out.str(a.acknowledged_by);
  out.str(a.silenced_by);
  write_texts(out, a.labels);
  out.str(a.source);
  write_texts(out, a.annotations);
  out.str(a.generator);
  for (const auto* names : {&a.silences, &a.inhibited_by, &a.maintenance}) write_names(out, *names);
  out.str(a.assigned_to);
  return bytes;
}

outcome<alert> decode_alert(std::string_view bytes) {
  field_reader in{bytes};
  const auto version = in.u8();
  if (!in.ok()) return failure{ec::malformed, "alert: empty"};
  if (auto known = check_version("alert", version, alert_version); !known) return known.error();
  alert a;
  a.id = in.str();
  a.transition = in.u32();
  a.episode = in.u32();
  a.state = in.enumeration(alert_state::firing, alert_state::resolved);
  a.severity = in.enumeration(alert_severity::warning, alert_severity::critical);
  a.entity = in.str();
  a.metric = in.str();
  read_contributors(in, a.contributors);
  a.started = event_time_of(in.i64());
  a.updated = event_time_of(in.i64());
  if (in.boolean()) a.ended = event_time_of(in.i64());
  a.score = in.f64();
  if (in.boolean()) a.lead_time_s = in.f64();
  for (auto left = in.count(12); left > 0 && in.ok(); --left) {
    std::string name{in.str()};
    a.detectors[std::move(name)] = in.f64();
  }
  a.explanation = in.str();
  a.model = in.str();
  const std::uint8_t flags = in.u8();
  if (flags > all_flags) in.fail();
  set_flags(a, flags);
  a.acknowledged_by = in.str();
  a.silenced_by = in.str();
  read_texts(in, a.labels);
  if (version > 1) {
    a.source = in.str();
    read_texts(in, a.annotations);
    a.generator = in.str();
    for (auto* names : {&a.silences, &a.inhibited_by, &a.maintenance}) read_names(in, *names);
    a.assigned_to = in.str();
  }
  if (!in.ok()) return failure{ec::malformed, "alert: cut off or a wrong value"};
  if (!in.at_end()) return failure{ec::malformed, "alert: bytes after the record"};
  return a;
}

}  // namespace faultline
