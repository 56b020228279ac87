// SPDX-License-Identifier: Apache-2.0
//
// What the fields of one event mean and which rules they keep; its metrics are in
// event_metrics.cpp, the structure around them in event_builder.cpp.
#include "messages/internal/event_builder.hpp"

#include <algorithm>

#include "messages/text.hpp"

namespace faultline {
namespace {

constexpr std::size_t max_depends = 1024;
constexpr std::size_t max_operation_bytes = 1024;
constexpr std::size_t max_summary_bytes = 4096;
constexpr std::size_t max_attribute_value_bytes = 4096;
constexpr std::size_t max_hex_digits = 64;

constexpr std::array<const char*, 21> wrong_type_texts = {
    "a value has the wrong type",  // of a key we do not know: never used
    "type is not a string",
    "entity is not a string",
    "ts is not an integer: Unix milliseconds are expected",
    "attrs is not a map",
    "values is not a map of numbers",
    "counters is not a map of numbers",
    "rates is not a map of numbers",
    "body is not a string",
    "severity is not a string",
    "trace is not a string",
    "span is not a string",
    "parent is neither a string nor nil",
    "operation is not a string",
    "duration_us is not an integer",
    "status is not a string",
    "peer is neither a string nor nil",
    "depends_on is not a list of strings",
    "kind is not a string",
    "summary is not a string",
    "remove is not a boolean",
};

/// The group of faults a key belongs to: 0 = common to all types. `kind` belongs to two.
std::size_t group_of(event_key key) noexcept {
  const auto group = [](event_type t) { return static_cast<std::size_t>(t); };
  switch (key) {
    case event_key::unknown:
    case event_key::type:
    case event_key::entity:
    case event_key::ts:
    case event_key::attrs:
      return 0;
    case event_key::values:
    case event_key::counters:
    case event_key::rates:
      return group(event_type::metric);
    case event_key::body:
    case event_key::severity:
      return group(event_type::log);
    case event_key::trace:
    case event_key::span:
    case event_key::parent:
    case event_key::operation:
    case event_key::duration_us:
    case event_key::status:
    case event_key::peer:
      return group(event_type::span);
    case event_key::depends_on:
    case event_key::kind:
    case event_key::remove:
      return group(event_type::edge);
    case event_key::summary:
      return group(event_type::change);
  }
  return 0;
}

bool is_hex(std::string_view text) noexcept {
  if (text.empty() || text.size() > max_hex_digits) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

bool is_entity(std::string_view text) noexcept {
  return !text.empty() && text.size() <= payload_limits::entity_bytes &&
         check_name(text) == text_fault::none;
}

}  // namespace

event_fault check_ts(std::int64_t ts) noexcept {
  constexpr std::int64_t from_s = 631'152'000;     // 1990-01-01
  constexpr std::int64_t until_s = 4'102'444'800;  // 2100-01-01
  const auto looks_like = [ts](std::int64_t per_second) {
    return ts >= from_s * per_second && ts < until_s * per_second;
  };
  if (looks_like(1000)) return {};
  if (looks_like(1))
    return {reject_reason::ts_unit, "ts looks like seconds: milliseconds expected"};
  if (looks_like(1'000'000))
    return {reject_reason::ts_unit, "ts looks like microseconds: milliseconds expected"};
  if (looks_like(1'000'000'000))
    return {reject_reason::ts_unit, "ts looks like nanoseconds: milliseconds expected"};
  return {reject_reason::ts_unit, "ts is outside 1990..2100 in milliseconds and in any other unit"};
}

void event_builder::note(std::size_t group, reject_reason reason, const char* text) noexcept {
  for (std::size_t i = 0; i < fault_count_; ++i)
    if (faults_[i].key == key_ && faults_[i].group == group) return;
  if (fault_count_ < faults_.size()) faults_[fault_count_++] = {key_, group, {reason, text}};
}

/// @p key comes again: what its value before broke does not count.
void event_builder::take_back_faults(event_key key) noexcept {
  const auto end = faults_.begin() + static_cast<std::ptrdiff_t>(fault_count_);
  const auto kept =
      std::remove_if(faults_.begin(), end, [key](const noted& n) { return n.key == key; });
  fault_count_ = static_cast<std::size_t>(kept - faults_.begin());
}

void event_builder::note_wrong_type() {
  const char* text = wrong_type_texts[static_cast<std::size_t>(key_)];
  if (level_ == level::attributes)
    return note(common, reject_reason::bad_attribute, "a value of attrs is not a string");
  if (level_ == level::depends)
    return note(event_type::edge, reject_reason::wrong_field_type, text);
  if (key_ == event_key::unknown) return;
  if (key_ == event_key::ts) return note(common, reject_reason::bad_ts, text);
  note(group_of(key_), reject_reason::wrong_field_type, text);
  if (key_ == event_key::kind) note(event_type::change, reject_reason::wrong_field_type, text);
}

void event_builder::begin_event() {
  now_ = {};
  const auto here = [](const auto& v) { return static_cast<std::uint32_t>(v.size()); };
  now_.metrics.from = here(metrics_);
  now_.attributes.from = here(attributes_);
  now_.depends.from = here(depends_);
  now_.dropped.from = here(dropped_);
  fault_count_ = 0;
  has_entity_ = false;
  saw_ = {};
  gaps_ = false;
  taken_back_ = 0;
  key_ = event_key::unknown;
  next_generation();
}

void event_builder::finish_event() {
  if (gaps_) close_gaps();
  now_.metrics.to = static_cast<std::uint32_t>(metrics_.size());
  now_.attributes.to = static_cast<std::uint32_t>(attributes_.size());
  now_.depends.to = static_cast<std::uint32_t>(depends_.size());
  now_.dropped.to = static_cast<std::uint32_t>(dropped_.size());
  now_.fault = verdict();
  pending_.push_back(now_);
}

event_builder::texts& event_builder::own_texts() {
  if (now_.texts == no_texts) {
    now_.texts = static_cast<std::uint32_t>(texts_.size());
    texts_.emplace_back();
  }
  return texts_[now_.texts];
}

event_fault event_builder::verdict() const noexcept {
  for (const std::size_t group : {common, static_cast<std::size_t>(now_.type)})
    for (std::size_t i = 0; i < fault_count_; ++i)
      if (faults_[i].group == group) return faults_[i].fault;
  if (!has_entity_) return {reject_reason::missing_entity, "entity is missing"};
  const texts* t = now_.texts == no_texts ? nullptr : &texts_[now_.texts];
  switch (now_.type) {
    case event_type::metric:
      return metric_verdict();
    case event_type::log:
      if (!t || !t->has_body) return {reject_reason::wrong_field_type, "log: body is missing"};
      return {};
    case event_type::span:
      return span_verdict();
    case event_type::edge:
      if (now_.depends.from == now_.depends.to)
        return {reject_reason::bad_edge, "depends_on is missing or empty"};
      return {};
    case event_type::change:
      if (!t || (!t->has_kind && !t->has_summary))
        return {reject_reason::bad_change, "a change has neither kind nor summary"};
      return {};
    case event_type::calls:  // no publisher's word
      break;
  }
  return {};
}

event_fault event_builder::metric_verdict() const noexcept {
  if (now_.metrics.from != now_.metrics.to) return {};
  if (now_.dropped.from != now_.dropped.to)
    return {reject_reason::non_finite_value, "every value is NaN or infinite"};
  return {reject_reason::no_values, "a metric event has no values, counters or rates"};
}

event_fault event_builder::span_verdict() const noexcept {
  if (now_.texts == no_texts) return {reject_reason::bad_span, "trace is missing"};
  const texts& t = texts_[now_.texts];
  if (t.trace.empty()) return {reject_reason::bad_span, "trace is missing"};
  if (t.span.empty()) return {reject_reason::bad_span, "span is missing"};
  if (t.operation.empty()) return {reject_reason::bad_span, "operation is missing or empty"};
  return {};
}

// ---- strings ----

void event_builder::set_string(std::string_view text) {
  switch (key_) {
    case event_key::unknown:
      return;
    case event_key::type:
      return set_type(text);
    case event_key::entity:
      return set_entity(text);
    case event_key::kind:
      return set_kind(text);
    case event_key::body:
    case event_key::severity:
      return set_log(text);
    case event_key::trace:
    case event_key::span:
    case event_key::parent:
    case event_key::operation:
    case event_key::status:
    case event_key::peer:
      return set_span(text);
    case event_key::summary:
      if (!is_utf8(text))
        return note(event_type::change, reject_reason::bad_utf8, "summary is not UTF-8");
      own_texts().summary = keep(cut_utf8(text, max_summary_bytes));
      own_texts().has_summary = true;
      return;
    case event_key::ts:
    case event_key::attrs:
    case event_key::values:
    case event_key::counters:
    case event_key::rates:
    case event_key::duration_us:
    case event_key::depends_on:
    case event_key::remove:
      return note_wrong_type();
  }
}

void event_builder::set_entity(std::string_view text) {
  has_entity_ = true;
  if (text.empty()) return note(common, reject_reason::bad_entity, "entity is empty");
  if (text.size() > payload_limits::entity_bytes)
    return note(common, reject_reason::bad_entity, "entity is longer than 256 bytes");
  switch (check_name(text)) {
    case text_fault::none:
      now_.entity = keep(text);
      return;
    case text_fault::not_utf8:
      return note(common, reject_reason::bad_entity, "entity is not UTF-8");
    case text_fault::control:
      return note(common, reject_reason::bad_entity, "entity has control characters");
  }
}

void event_builder::set_type(std::string_view text) {
  for (const event_type t : {event_type::metric, event_type::log, event_type::span,
                             event_type::edge, event_type::change}) {
    if (text != to_string(t)) continue;
    now_.type = t;
    return;
  }
  note(common, reject_reason::unknown_type, "type is none of metric, log, span, edge, change");
}

void event_builder::set_kind(std::string_view text) {
  texts& t = own_texts();
  t.has_kind = true;
  bool known = false;
  for (const edge_kind k : {edge_kind::calls, edge_kind::runs_on}) {
    if (text == to_string(k)) t.edge = k, known = true;
  }
  if (!known) note(event_type::edge, reject_reason::bad_edge, "kind is neither calls nor runs_on");
  known = false;
  for (const change_kind k : {change_kind::other, change_kind::deploy, change_kind::config,
                              change_kind::scale, change_kind::flag}) {
    if (text == to_string(k)) t.change = k, known = true;
  }
  if (!known)
    note(event_type::change, reject_reason::bad_change,
         "kind is none of deploy, config, scale, flag, other");
}

void event_builder::set_log(std::string_view text) {
  texts& t = own_texts();
  if (key_ == event_key::body) {
    t.has_body = true;
    if (!is_utf8(text)) return note(event_type::log, reject_reason::bad_utf8, "body is not UTF-8");
    t.body = keep(cut_utf8(text, payload_limits::log_body_bytes));
    return;
  }
  for (const log_severity s : {log_severity::trace, log_severity::debug, log_severity::info,
                               log_severity::warn, log_severity::error, log_severity::fatal}) {
    if (text != to_string(s)) continue;
    t.severity = s;
    return;
  }
  note(event_type::log, reject_reason::bad_severity,
       "severity is none of trace, debug, info, warn, error, fatal");
}

void event_builder::set_span(std::string_view text) {
  texts& t = own_texts();
  if (key_ == event_key::status) {
    if (text == "ok")
      t.status = span_status::ok;
    else if (text == "error")
      t.status = span_status::error;
    else
      note(event_type::span, reject_reason::bad_status, "status is neither ok nor error");
    return;
  }
  if (key_ == event_key::peer) {
    if (!is_entity(text))
      return note(event_type::span, reject_reason::bad_span, "peer is not the name of an entity");
    t.peer = keep(text);
    return;
  }
  if (key_ == event_key::operation) {
    if (!is_utf8(text))
      return note(event_type::span, reject_reason::bad_utf8, "operation is not UTF-8");
    t.operation = keep(cut_utf8(text, max_operation_bytes));
    return;
  }
  if (!is_hex(text))
    return note(event_type::span, reject_reason::bad_span,
                "trace, span and parent are 1 to 64 hex digits");
  (key_ == event_key::trace ? t.trace : key_ == event_key::span ? t.span : t.parent) = keep(text);
}

void event_builder::set_ts(std::int64_t v) {
  if (const auto fault = check_ts(v)) return note(common, fault.reason, fault.text);
  now_.has_ts = true;
  now_.ts = v;
}

void event_builder::attribute_value(std::string_view text) {
  if (!name_ok_) return;
  if (!is_utf8(text)) return note(common, reject_reason::bad_utf8, "a value of attrs is not UTF-8");
  const auto value = keep(cut_utf8(text, max_attribute_value_bytes));
  for (std::size_t i = now_.attributes.from; i < attributes_.size(); ++i) {
    if (attributes_[i].key != name_) continue;
    attributes_[i].value = value;
    return;
  }
  if (attributes_.size() - now_.attributes.from == payload_limits::attributes)
    return note(common, reject_reason::too_many_attributes, "more than 32 attributes");
  attributes_.push_back({name_, value});
}

void event_builder::depends_item(std::string_view entity) {
  if (!is_entity(entity))
    return note(event_type::edge, reject_reason::bad_edge,
                "depends_on has something that is not the name of an entity");
  if (depends_.size() - now_.depends.from == max_depends)
    return note(event_type::edge, reject_reason::bad_edge, "depends_on has more than 1024 names");
  depends_.push_back(keep(entity));
}

// ---- handing out ----

void event_builder::fill_view(const pending& p) {
  view_.clear();
  view_.type = p.type;
  view_.entity = p.entity;
  view_.has_ts = p.has_ts;
  view_.ts = event_time_of(p.ts);
  view_.attributes.assign(attributes_.begin() + p.attributes.from,
                          attributes_.begin() + p.attributes.to);
  if (p.type == event_type::metric) {
    view_.metrics.assign(metrics_.begin() + p.metrics.from, metrics_.begin() + p.metrics.to);
    return;
  }
  if (p.type == event_type::edge)
    view_.depends_on.assign(depends_.begin() + p.depends.from, depends_.begin() + p.depends.to);
  if (p.texts == no_texts) return;
  const texts& t = texts_[p.texts];
  view_.body = t.body;
  view_.severity = t.severity;
  view_.trace = t.trace;
  view_.span = t.span;
  view_.parent = t.parent;
  view_.operation = t.operation;
  view_.peer = t.peer;
  view_.duration_us = t.duration_us;
  view_.status = t.status;
  view_.edge = t.edge;
  view_.remove = t.remove;
  view_.change = t.change;
  view_.summary = t.summary;
}

void event_builder::hand_out(event_sink& sink) {
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const pending& p = pending_[i];
    if (p.fault) {
      sink.reject(i, p.fault.reason, p.fault.text);
      continue;
    }
    fill_view(p);
    sink.accept(i, view_);
    if (p.type != event_type::metric) continue;
    for (auto d = p.dropped.from; d < p.dropped.to; ++d) sink.drop_value(i, dropped_[d]);
  }
}

}  // namespace faultline
