// SPDX-License-Identifier: Apache-2.0
#include "processing/naming.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "messages/event_codec.hpp"
#include "messages/glob.hpp"
#include "messages/identity.hpp"
#include "messages/text.hpp"
#include "messages/units.hpp"
#include "processing/internal/hash_joined.hpp"
#include "processing/internal/naming_tables.hpp"
#include "processing/roles.hpp"

namespace faultline {

namespace {

constexpr std::int64_t edge_told_again_ms = 600'000;
constexpr std::size_t most_edges = 65'536;
constexpr std::size_t most_dropped_known = 4096;
constexpr std::size_t most_family_bytes = 4096;
/// Of one sample's labels: a body may say a long one once, and mean a million samples by it.
constexpr std::size_t most_label_bytes = 16 * 1024;
constexpr std::size_t row_bytes = 512;  ///< what a row takes, beside its names
constexpr std::size_t hash_digits = 8;  ///< at the end of a name that had to be cut

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

/// "web-1" of "web-1:9100", "::1" of "[::1]:9100"; what has no port stays as it is.
std::string_view without_port(std::string_view address) noexcept {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == address.size()) return address;
  for (const char c : address.substr(colon + 1))
    if (c < '0' || c > '9') return address;
  auto host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    return host.substr(1, host.size() - 2);
  return host.empty() || host.find(':') != std::string_view::npos ? address : host;
}

bool begins_with(std::string_view text, std::string_view with) noexcept {
  return text.substr(0, with.size()) == with;
}

/// What of a label of a target tells it apart from others on the same host; nothing of most.
std::string_view told_apart_by(const attribute& label) noexcept {
  if (label.key == "job" || label.key == "namespace" || label.key == "cluster") return label.value;
  if (label.key != "instance") return {};
  const auto host = without_port(label.value);
  return host.size() == label.value.size() ? std::string_view{}
                                           : label.value.substr(label.value.rfind(':') + 1);
}

/// Whether the name does not say what it measures. What a histogram sums up has to say that it is a
/// time: its mean is a latency (interval_means).
bool lacks_unit(std::string_view name, std::string_view unit) {
  constexpr std::string_view sum = ".sum";
  const auto role = role_of(name);
  const bool sums = name.size() > sum.size() && name.substr(name.size() - sum.size()) == sum;
  return role == metric_role::none || (sums && is_time_unit(unit) && role != metric_role::latency);
}

/// Whether the label says what the entity is, and so not which of its metrics.
bool names_the_source(naming_style style, std::string_view key) noexcept {
  if (begins_with(key, "__")) return true;
  const auto in = [key](const auto& table) {
    return std::find(table.begin(), table.end(), key) != table.end();
  };
  switch (style) {
    case naming_style::prometheus:
      return in(naming_tables::prometheus_source);
    case naming_style::plain:
      return in(naming_tables::plain_source);
    case naming_style::otel:
      break;
  }
  return false;
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

/// Of what tells two targets of one entity apart; 0: nothing does.
std::uint32_t sample_namer::source_of(const sample_labels& labels) const {
  if (style_ != naming_style::prometheus) return 0;
  std::uint64_t all = 0;
  for (const auto& l : labels)
    if (const auto tells = told_apart_by(l); !tells.empty())
      all += hash_joined(stable_hash(l.key), stable_hash(tells));  // in whatever order they come
  return static_cast<std::uint32_t>(all >> 32U);
}

std::string& sample_namer::metric_name(const metric_sample& sample, const sample_labels& labels,
                                       bool with_source) {
  name_.assign(sample.name);
  // Prometheus tells units apart from values, sooner or later: its names do not depend on them.
  const bool apart = style_ == naming_style::prometheus;
  const auto unit = apart ? unit_of(sample.unit) : unit_word(sample.unit);
  if (!unit.empty() && unit_of(sample.name).empty()) {
    if (!apart && lacks_unit(sample.name, unit))
      name_.append("_").append(unit);
    else
      tell_unit(sample.name, unit);
  }
  sorted_.clear();
  // Families that every exporter has: two of them on one host are told apart by their job.
  const bool everybodys =
      style_ == naming_style::prometheus &&
      std::any_of(naming_tables::everybodys.begin(), naming_tables::everybodys.end(),
                  [&](std::string_view p) { return begins_with(sample.name, p); });
  for (const auto& l : labels)
    if (!l.value.empty() && (!names_the_source(style_, l.key) || (everybodys && l.key == "job")))
      sorted_.push_back(l);
    else if (const auto tells = told_apart_by(l); with_source && !tells.empty())
      sorted_.push_back({l.key == "instance" ? "port" : l.key, tells});
  if (sorted_.empty()) return cut_name();
  std::sort(sorted_.begin(), sorted_.end(),
            [](const attribute& a, const attribute& b) { return a.key < b.key; });
  for (std::size_t i = 0; i < sorted_.size(); ++i)
    name_.append(i == 0 ? "{" : ",").append(sorted_[i].key).append("=").append(sorted_[i].value);
  name_.append("}");
  return cut_name();
}

std::string& sample_namer::cut_name() {
  if (name_.size() <= payload_limits::metric_name_bytes) return name_;
  const auto whole = to_hex(stable_hash(name_)).substr(0, hash_digits);
  name_.resize(cut_utf8(name_, payload_limits::metric_name_bytes - hash_digits - 1).size());
  return name_.append("~").append(whole);
}

void sample_namer::tell_unit(std::string_view metric, std::string_view unit) {
  if (units_ == nullptr) return;
  if (units_told_.size() >= unit_book::most) units_told_.clear();
  if (units_told_.insert(hash_joined(stable_hash(metric), stable_hash(unit))).second)
    units_->learn(metric, unit);
}

bool sample_namer::is_dropped(std::string_view family) {
  if (options_.drop.empty()) return false;
  key_.assign(family);
  if (const auto known = dropped_.find(key_); known != dropped_.end()) return known->second;
  if (dropped_.size() >= most_dropped_known) dropped_.clear();
  return dropped_[key_] =
             std::any_of(options_.drop.begin(), options_.drop.end(),
                         [&](const std::string& glob) { return glob_matches(glob, family); });
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
  const auto& name = metric_name(sample, labels, false);
  // One that no event may have would take all others of its entity along.
  if (sample.name.empty() || check_name(name) != text_fault::none)
    return leave_out(left_out::malformed);
  const auto source = source_of(labels);
  auto has = names_.may_have(*entity, sample.name, name, source);
  if (has == name_register::claim::of_another)
    has = names_.may_have(*entity, sample.name, metric_name(sample, labels, true), source);
  if (has != name_register::claim::granted) return leave_out(left_out::too_many);
  // What a host counts is the same whoever of it tells.
  if (instance_ != 0 && !of_host && join_instances(*entity, name, sample)) return;
  bool begun = false;
  auto& r = row_at(*entity, sample.ts_ms, begun);
  if (begun) set_attributes(source_.empty() ? labels : source_, *entity, r.attributes);
  r.metrics.push_back({arena_.size(), name.size(), sample.value, sample.kind});
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

void sample_namer::span(const span_sample& sample, const sample_labels& labels) {
  const std::string* entity = &words_entity_;
  if (entity->empty()) {
    if (!entity_of(labels, about::words, entity_)) entity_ = fallback_;
    entity = &entity_;
  }
  if (entity->empty()) return leave_out(left_out::no_entity);
  std::string peer;
  for (const auto& rule : naming_tables::peer_rules) {
    const auto v = value_of(labels, rule.label);
    if (v.empty() || (!sample.leaves && rule.label != "peer.service")) continue;
    if (!rule.needs.empty() && value_of(labels, rule.needs).empty()) continue;
    peer.assign(rule.kind).append("/").append(v);
    if (const auto alias = options_.aliases.find(peer); alias != options_.aliases.end())
      peer = alias->second;
    break;
  }
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
  for (const auto& r : rows_) hand_out(r);
  rows_.clear();
  row_index_.clear();
}

/// One event, or several where a row has more names than an event may.
void sample_namer::hand_out(const row& r) {
  for (std::size_t from = 0; from < r.metrics.size(); from += payload_limits::metrics) {
    const auto to = std::min(from + payload_limits::metrics, r.metrics.size());
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
