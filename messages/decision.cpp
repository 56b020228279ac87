// SPDX-License-Identifier: Apache-2.0
#include "messages/decision.hpp"

#include "messages/bytes.hpp"
#include "messages/internal/incident_bytes.hpp"
#include "messages/version.hpp"

// decision   := version(u8 = 4) kind(u8) logic(u32) model(str) body
//               version 1: without logic and model; up to 3 alerts are of version 1
// alert      := str (encode_alert)
// topology   := from to kind(u8) removed(u8) source at(i64)
// change     := entity kind(u8) summary at(i64)
// root_cause := incident as_of(i64) causes unobserved(f64) abstained(u8) incomplete(strings) model
//               support(f64)                                            -- 1, 2: without support
// command    := name subject payload at(i64)
// notice     := what subject text at(i64)
// clock      := at(i64)
// sign       := entity at(i64) decades(f64) metric

namespace faultline {
namespace {

constexpr std::uint8_t decision_version = 4;

void write_root_cause(field_writer& out, const root_cause_result& r) {
  out.str(r.incident);
  out.i64(unix_ms(r.as_of));
  write_causes(out, r.causes);
  out.f64(r.unobserved);
  out.boolean(r.abstained);
  write_strings(out, r.incomplete);
  out.str(r.model);
  out.f64(r.support);
}

void read_root_cause(field_reader& in, std::uint8_t version, root_cause_result& r) {
  r.incident = in.str();
  r.as_of = event_time_of(in.i64());
  read_causes(in, r.causes);
  r.unobserved = in.f64();
  r.abstained = in.boolean();
  read_strings(in, r.incomplete);
  r.model = in.str();
  if (version > 2) r.support = in.f64();
}

void write_topology(field_writer& out, const topology_change& t) {
  out.str(t.from);
  out.str(t.to);
  out.u8(static_cast<std::uint8_t>(t.kind));
  out.boolean(t.removed);
  out.str(t.source);
  out.i64(unix_ms(t.at));
}

void read_topology(field_reader& in, topology_change& t) {
  t.from = in.str();
  t.to = in.str();
  t.kind = in.enumeration(edge_kind::calls, edge_kind::runs_on);
  t.removed = in.boolean();
  t.source = in.str();
  t.at = event_time_of(in.i64());
}

void read_change(field_reader& in, change_note& c) {
  c.entity = in.str();
  c.kind = in.enumeration(change_kind::other, change_kind::flag);
  c.summary = in.str();
  c.at = event_time_of(in.i64());
}

void read_command(field_reader& in, operator_command& c) {
  c.name = in.str();
  c.subject = in.str();
  c.payload = in.str();
  c.at = arrival_time_of(in.i64());
}

void write_sign(field_writer& out, const weak_sign& s) {
  out.str(s.entity);
  out.i64(unix_ms(s.at));
  out.f64(s.decades);
  out.str(s.metric);
}

void read_sign(field_reader& in, weak_sign& s) {
  s.entity = in.str();
  s.at = event_time_of(in.i64());
  s.decades = in.f64();
  s.metric = in.str();
}

void read_notice(field_reader& in, notice& n) {
  n.what = in.str();
  n.subject = in.str();
  n.text = in.str();
  n.at = event_time_of(in.i64());
}

}  // namespace

bool sets_rules(std::string_view command) noexcept {
  return command == "configuration" || command == "model";
}

bool is_control(std::string_view command) noexcept {
  return sets_rules(command) || command == "retire" || command == "release";
}

std::string encode_decision(const decision& d) {
  std::string bytes;
  field_writer out{bytes};
  out.u8(decision_version);
  out.u8(static_cast<std::uint8_t>(d.kind));
  out.u32(d.logic);
  out.str(d.model);
  switch (d.kind) {
    case decision_kind::alert:
      out.str(encode_alert(d.alert));
      break;
    case decision_kind::topology:
      write_topology(out, d.topology);
      break;
    case decision_kind::change:
      out.str(d.change.entity);
      out.u8(static_cast<std::uint8_t>(d.change.kind));
      out.str(d.change.summary);
      out.i64(unix_ms(d.change.at));
      break;
    case decision_kind::root_cause:
      write_root_cause(out, d.root_cause);
      break;
    case decision_kind::command:
      out.str(d.command.name);
      out.str(d.command.subject);
      out.str(d.command.payload);
      out.i64(unix_ms(d.command.at));
      break;
    case decision_kind::notice:
      out.str(d.notice.what);
      out.str(d.notice.subject);
      out.str(d.notice.text);
      out.i64(unix_ms(d.notice.at));
      break;
    case decision_kind::clock:
      out.i64(unix_ms(d.clock));
      break;
    case decision_kind::sign:
      write_sign(out, d.sign);
      break;
  }
  return bytes;
}

outcome<decision> decode_decision(std::string_view bytes) {
  field_reader in{bytes};
  const auto version = in.u8();
  if (!in.ok()) return failure{ec::malformed, "decision: empty"};
  if (auto known = check_version("decision", version, decision_version); !known)
    return known.error();
  decision d;
  d.kind = in.enumeration(decision_kind::alert, decision_kind::sign);
  if (!in.ok()) return failure{ec::malformed, "decision: unknown kind"};
  d.logic = version == 1 ? 0 : in.u32();
  if (version != 1) d.model = in.str();
  switch (d.kind) {
    case decision_kind::alert: {
      auto a = decode_alert(in.str());
      if (!a) return a.error();
      d.alert = *std::move(a);
      break;
    }
    case decision_kind::topology:
      read_topology(in, d.topology);
      break;
    case decision_kind::change:
      read_change(in, d.change);
      break;
    case decision_kind::root_cause:
      read_root_cause(in, version, d.root_cause);
      break;
    case decision_kind::command:
      read_command(in, d.command);
      break;
    case decision_kind::notice:
      read_notice(in, d.notice);
      break;
    case decision_kind::clock:
      d.clock = event_time_of(in.i64());
      break;
    case decision_kind::sign:
      read_sign(in, d.sign);
      break;
  }
  if (!in.ok()) return failure{ec::malformed, "decision: cut off or a wrong value"};
  if (!in.at_end()) return failure{ec::malformed, "decision: bytes after the record"};
  return d;
}

}  // namespace faultline
