// SPDX-License-Identifier: Apache-2.0
#include "processing/naming.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "messages/event_codec.hpp"
#include "messages/identity.hpp"
#include "messages/text.hpp"
#include "processing/internal/hash_joined.hpp"
#include "processing/internal/naming_tables.hpp"
#include "processing/internal/naming_texts.hpp"

namespace faultline {

namespace {

using naming_texts::begins_with;
using naming_texts::host_of_url;
using naming_texts::is_number;
using naming_texts::without_port;

constexpr std::int64_t edge_told_again_ms = 600'000;
constexpr std::size_t most_edges = 65'536;
constexpr std::size_t most_family_bytes = 4096;
/// Of one sample's labels: a body may say a long one once, and mean a million samples by it.
constexpr std::size_t most_label_bytes = 16 * 1024;
constexpr std::size_t row_bytes = 512;  ///< what a row takes, beside its names

std::string_view value_of(const sample_labels& labels, std::string_view key) noexcept {
  for (const auto& l : labels)
    if (l.key == key) return l.value;
  return {};
}

std::size_t bytes_of(const sample_labels& labels) noexcept {
  std::size_t sum = 0;
  for (const auto& l : labels) sum += l.key.size() + l.value.size();
  return sum;
}

}  // namespace

std::string_view entity_aliases::of(std::string_view entity) const {
  if (names_.empty()) return entity;
  const auto name = names_.find(entity);
  return name == names_.end() ? entity : std::string_view{name->second};
}

sample_namer::sample_namer(naming_options options)
    : options_{std::move(options)}, names_{options_} {}

void sample_namer::begin(naming_style style, std::string_view fallback, std::int64_t now_ms,
                         taker take) {
  style_ = style;
  fallback_ = fallback;
  now_ms_ = now_ms;
  take_ = std::move(take);
  source_.clear();
  metrics_entity_.clear();
  words_entity_.clear();
  host_entity_.clear();
  for (const auto hash : telling_) edges_told_.erase(hash);  // of a body that was thrown away
  telling_.clear();
  rows_.clear();
  row_index_.clear();
  last_row_ = 0;
  instances_.begin(now_ms);
  instance_ = 0;
  owners_.clear();
  joined_.clear();
  is_joined_.clear();
  arena_.clear();
  gathered_bytes_ = 0;
  taken_ = 0;
  left_out_.fill(0);
}

/// The first rule whose label is there. @returns false where none is.
bool sample_namer::entity_of(const sample_labels& labels, about what, std::string& out) const {
  const auto set = [&](std::string_view kind, std::string_view space, std::string_view name) {
    if (space.size() + name.size() > payload_limits::entity_bytes) return false;
    out.assign(kind).append("/");
    if (!space.empty()) out.append(space).append("/");
    out.append(name);
    if (const auto alias = options_.aliases.find(out); alias != options_.aliases.end())
      out = alias->second;
    return out.size() <= payload_limits::entity_bytes && check_name(out) == text_fault::none;
  };
  for (const auto& rule : options_.entities)
    if (const auto v = value_of(labels, rule.label); !v.empty())
      return set(rule.kind, {}, without_port(v));
  for (const auto& rule : naming_tables::entity_rules) {
    if (rule.style != style_ || (rule.words_only && what == about::metrics)) continue;
    const auto v = value_of(labels, rule.label);
    if (v.empty() || begins_with(v, "unknown_service")) continue;
    const auto space = rule.space.empty() ? std::string_view{} : value_of(labels, rule.space);
    return set(rule.kind, space, rule.address ? without_port(v) : v);
  }
  return false;
}

void sample_namer::source(const sample_labels& labels) {
  source_ = labels;
  name_source();
  note_instance();
  if (style_ == naming_style::otel) tell_edges(labels);
}

void sample_namer::name_source() {
  if (!entity_of(source_, about::metrics, metrics_entity_)) metrics_entity_.clear();
  if (!entity_of(source_, about::words, words_entity_)) words_entity_.clear();
  host_entity_.clear();
  const auto host = value_of(source_, "host.name");
  if (style_ == naming_style::otel && !host.empty()) {
    sample_labels only{{"host.name", host}};
    if (!entity_of(only, about::metrics, host_entity_)) host_entity_.clear();
  }
}

// What a service runs on, as the resource says it: told at the first sight and every ten minutes.
void sample_namer::tell_edges(const sample_labels& labels) {
  const auto alone = [&](std::string_view label, std::string_view space, std::string& out) {
    const auto v = value_of(labels, label);
    sample_labels only{{label, v}};
    if (!space.empty()) only.push_back({space, value_of(labels, space)});
    return !v.empty() && entity_of(only, about::metrics, out);
  };
  std::string service, pod, host;
  const bool has_service = alone("service.name", "service.namespace", service);
  const bool has_pod = alone("k8s.pod.name", {}, pod);
  const bool has_host =
      alone("k8s.node.name", {}, host) || (!has_pod && alone("host.name", {}, host));
  if (has_service && has_pod) tell_edge(service, pod);
  if (has_pod && has_host) tell_edge(pod, host);
  if (has_service && !has_pod && has_host) tell_edge(service, host);
}

void sample_namer::tell_edge(const std::string& from, const std::string& to) {
  if (from == to) return;
  const auto hash = hash_joined(stable_hash(from), stable_hash(to));
  const auto told = edges_told_.find(hash);
  if (told != edges_told_.end() && now_ms_ - told->second < edge_told_again_ms) return;
  if (edges_told_.size() >= most_edges) edges_told_.clear();
  edges_told_[hash] = now_ms_;
  telling_.push_back(hash);
  event_.clear();
  event_.type = event_type::edge;
  event_.entity = from;
  event_.depends_on = {to};
  event_.edge = edge_kind::runs_on;
  take_(event_, 0);
}

void sample_namer::metric(const metric_sample& sample, const sample_labels& labels) {
  if (overflowed()) return;
  if (!std::isfinite(sample.value)) return leave_out(left_out::not_finite);
  if (sample.name.size() > most_family_bytes || bytes_of(labels) > most_label_bytes)
    return leave_out(left_out::malformed);
  if (is_dropped(sample.name)) return leave_out(left_out::dropped);
  const bool of_host = !host_entity_.empty() && begins_with(sample.name, "system.");
  const std::string* entity = of_host ? &host_entity_ : &metrics_entity_;
  if (entity->empty()) {
    if (!entity_of(labels, about::metrics, entity_)) entity_ = fallback_;
    entity = &entity_;
  }
  if (entity->empty()) return leave_out(left_out::no_entity);
  if (!may_tell(*entity, sample, labels)) return;
  const auto& name = name_;
  // What a host counts is the same whoever of it tells.
  if (instance_ != 0 && !of_host && join_instances(*entity, name, sample)) return;
  bool begun = false;
  auto& r = row_at(*entity, sample.ts_ms, begun);
  if (begun) set_attributes(source_.empty() ? labels : source_, *entity, r.attributes);
  r.metrics.push_back({arena_.size(), name.size(), sample.value, sample.kind, !sample.le.empty()});
  arena_ += name;
  gathered_bytes_ += name.size() + sizeof(named);
  ++taken_;
}

/// @returns the row of @p entity at @p ts_ms; @p begun tells whether it has just begun.
sample_namer::row& sample_namer::row_at(const std::string& entity, std::int64_t ts_ms,
                                        bool& begun) {
  begun = false;
  if (last_row_ < rows_.size() && rows_[last_row_].ts_ms == ts_ms &&
      rows_[last_row_].entity == entity)
    return rows_[last_row_];
  key_.assign(entity).append(1, '\0').append(std::to_string(ts_ms));
  const auto [at, fresh] = row_index_.emplace(key_, rows_.size());
  last_row_ = at->second;
  if (!fresh) return rows_[last_row_];
  rows_.push_back({entity, ts_ms, {}, {}});
  gathered_bytes_ += 2 * key_.size() + row_bytes;
  begun = true;
  return rows_.back();
}

void sample_namer::set_attributes(const sample_labels& labels, const std::string& entity,
                                  std::vector<std::pair<std::string, std::string>>& out) const {
  for (const auto key : naming_tables::kept_attributes) {
    const auto v = value_of(labels, key);
    if (!v.empty() && v.size() <= payload_limits::entity_bytes && check_name(v) == text_fault::none)
      out.emplace_back(key, v);
  }
  if (begins_with(entity, "pod/") || begins_with(entity, "container/"))
    out.emplace_back("ephemeral", "true");
}

void sample_namer::log(const log_sample& sample, const sample_labels& labels) {
  const std::string* entity = &words_entity_;
  if (entity->empty()) {
    if (!entity_of(labels, about::words, entity_)) entity_ = fallback_;
    entity = &entity_;
  }
  if (entity->empty()) return leave_out(left_out::no_entity);
  body_.assign(sample.body);
  const auto type = value_of(labels, "exception.type");
  const auto message = value_of(labels, "exception.message");
  if (!type.empty() || !message.empty())
    body_.append(body_.empty() ? "" : ": ").append(type).append(": ").append(message);
  event_.clear();
  event_.type = event_type::log;
  event_.entity = *entity;
  event_.has_ts = sample.ts_ms != 0;
  event_.ts = event_time_of(sample.ts_ms);
  event_.severity = sample.severity;
  event_.body = cut_utf8(body_, payload_limits::log_body_bytes);
  ++taken_;
  take_(event_, 1);
}

namespace {

/// Whom a span calls, or nothing.
std::string called_by(const span_sample& sample, const sample_labels& labels) {
  for (const auto& rule : naming_tables::peer_rules) {
    auto v = value_of(labels, rule.label);
    if (rule.url) v = host_of_url(v);
    if (v.empty() || (!sample.leaves && rule.label != "peer.service")) continue;
    const bool of_database = rule.kind == "db";
    if (of_database && rule.needs.empty() && is_number(v)) continue;
    if (!rule.needs.empty() && value_of(labels, rule.needs).empty()) continue;
    return std::string{rule.kind}.append("/").append(v);
  }
  return {};
}

}  // namespace

void sample_namer::span(const span_sample& sample, const sample_labels& labels) {
  const std::string* entity = &words_entity_;
  if (entity->empty()) {
    if (!entity_of(labels, about::words, entity_)) entity_ = fallback_;
    entity = &entity_;
  }
  if (entity->empty()) return leave_out(left_out::no_entity);
  std::string peer = sample.arrives ? std::string{} : called_by(sample, labels);
  if (const auto alias = options_.aliases.find(peer); alias != options_.aliases.end())
    peer = alias->second;
  event_.clear();
  event_.type = event_type::span;
  event_.entity = *entity;
  event_.has_ts = sample.ts_ms != 0;
  event_.ts = event_time_of(sample.ts_ms);
  event_.trace = sample.trace;
  event_.span = sample.span;
  event_.parent = sample.parent;
  event_.operation = sample.operation;
  event_.duration_us = sample.duration_us;
  event_.status = sample.status;
  if (peer != *entity) event_.peer = peer;
  ++taken_;
  take_(event_, 1);
}

void sample_namer::finish() {
  hand_out_joined();
  for (auto& r : rows_) hand_out(r);
  rows_.clear();
  row_index_.clear();
}

/// One event, or several where a row has more names than an event may: then buckets come first, so
/// that the others are a row of their entity as before, and by its end the buckets are there.
void sample_namer::hand_out(row& r) {
  const auto others = r.metrics.size() <= payload_limits::metrics
                          ? r.metrics.end()
                          : std::stable_partition(r.metrics.begin(), r.metrics.end(),
                                                  [](const named& m) { return m.bucket; });
  const auto buckets = static_cast<std::size_t>(others - r.metrics.begin());
  for (std::size_t from = 0, to = 0; from < r.metrics.size(); from = to) {
    to = std::min(from + payload_limits::metrics, from < buckets ? buckets : r.metrics.size());
    event_.clear();
    event_.type = event_type::metric;
    event_.entity = r.entity;
    event_.has_ts = r.ts_ms != 0;
    event_.ts = event_time_of(r.ts_ms);
    for (const auto& [key, value] : r.attributes) event_.attributes.push_back({key, value});
    for (auto i = from; i < to; ++i) {
      const auto& m = r.metrics[i];
      event_.metrics.push_back({std::string_view{arena_}.substr(m.at, m.size), m.value, m.kind});
    }
    take_(event_, to - from);
  }
}

}  // namespace faultline
