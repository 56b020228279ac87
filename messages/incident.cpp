// SPDX-License-Identifier: Apache-2.0
#include "messages/incident.hpp"

#include "messages/internal/incident_bytes.hpp"
#include "messages/version.hpp"

// incident    := version(u8 = 1) id state(u8) transition(u32) severity(u8) started updated ended?
//                alerts(strings) entities(strings) summary abstained(u8) unobserved(f64) causes
// causes      := u32, (entity metric fault_class probability(f64) evidence counter_evidence
//                remediation)*
// evidence    := u32, (kind text weight(f64))*
// remediation := u32, (title steps(strings) runbook worked(u32) tried(u32))*

namespace faultline {
namespace {

constexpr std::uint8_t incident_version = 1;

void write_evidence(field_writer& out, const std::vector<evidence_item>& items) {
  out.u32(static_cast<std::uint32_t>(items.size()));
  for (const auto& item : items) {
    out.str(item.kind);
    out.str(item.text);
    out.f64(item.weight);
  }
}

void read_evidence(field_reader& in, std::vector<evidence_item>& items) {
  for (auto left = in.count(16); left > 0 && in.ok(); --left) {
    evidence_item& item = items.emplace_back();
    item.kind = in.str();
    item.text = in.str();
    item.weight = in.f64();
  }
}

}  // namespace

const char* to_string(incident_state state) noexcept {
  switch (state) {
    case incident_state::open:
      return "open";
    case incident_state::resolved:
      return "resolved";
  }
  return "unknown";
}

void write_strings(field_writer& out, const std::vector<std::string>& strings) {
  out.u32(static_cast<std::uint32_t>(strings.size()));
  for (const auto& s : strings) out.str(s);
}

void read_strings(field_reader& in, std::vector<std::string>& strings) {
  for (auto left = in.count(4); left > 0 && in.ok(); --left) strings.emplace_back(in.str());
}

void write_causes(field_writer& out, const std::vector<ranked_cause>& causes) {
  out.u32(static_cast<std::uint32_t>(causes.size()));
  for (const auto& cause : causes) {
    out.str(cause.entity);
    out.str(cause.metric);
    out.str(cause.fault_class);
    out.f64(cause.probability);
    write_evidence(out, cause.evidence);
    write_evidence(out, cause.counter_evidence);
    out.u32(static_cast<std::uint32_t>(cause.remediation.size()));
    for (const auto& item : cause.remediation) {
      out.str(item.title);
      write_strings(out, item.steps);
      out.str(item.runbook);
      out.u32(item.worked);
      out.u32(item.tried);
    }
  }
}

void read_causes(field_reader& in, std::vector<ranked_cause>& causes) {
  for (auto left = in.count(32); left > 0 && in.ok(); --left) {
    ranked_cause& cause = causes.emplace_back();
    cause.entity = in.str();
    cause.metric = in.str();
    cause.fault_class = in.str();
    cause.probability = in.f64();
    read_evidence(in, cause.evidence);
    read_evidence(in, cause.counter_evidence);
    for (auto items = in.count(20); items > 0 && in.ok(); --items) {
      remediation_item& item = cause.remediation.emplace_back();
      item.title = in.str();
      read_strings(in, item.steps);
      item.runbook = in.str();
      item.worked = in.u32();
      item.tried = in.u32();
    }
  }
}

std::string encode_incident(const incident& i) {
  std::string bytes;
  bytes.reserve(1024);
  field_writer out{bytes};
  out.u8(incident_version);
  out.str(i.id);
  out.u8(static_cast<std::uint8_t>(i.state));
  out.u32(i.transition);
  out.u8(static_cast<std::uint8_t>(i.severity));
  out.i64(unix_ms(i.started));
  out.i64(unix_ms(i.updated));
  out.boolean(i.ended.has_value());
  if (i.ended) out.i64(unix_ms(*i.ended));
  write_strings(out, i.alerts);
  write_strings(out, i.entities);
  out.str(i.summary);
  out.boolean(i.abstained);
  out.f64(i.unobserved);
  write_causes(out, i.causes);
  return bytes;
}

outcome<incident> decode_incident(std::string_view bytes) {
  field_reader in{bytes};
  const auto version = in.u8();
  if (!in.ok()) return failure{ec::malformed, "incident: empty"};
  if (auto known = check_version("incident", version, incident_version); !known)
    return known.error();
  incident i;
  i.id = in.str();
  i.state = in.enumeration(incident_state::open, incident_state::resolved);
  i.transition = in.u32();
  i.severity = in.enumeration(alert_severity::warning, alert_severity::critical);
  i.started = event_time_of(in.i64());
  i.updated = event_time_of(in.i64());
  if (in.boolean()) i.ended = event_time_of(in.i64());
  read_strings(in, i.alerts);
  read_strings(in, i.entities);
  i.summary = in.str();
  i.abstained = in.boolean();
  i.unobserved = in.f64();
  read_causes(in, i.causes);
  if (!in.ok()) return failure{ec::malformed, "incident: cut off or a wrong value"};
  if (!in.at_end()) return failure{ec::malformed, "incident: bytes after the record"};
  return i;
}

}  // namespace faultline
