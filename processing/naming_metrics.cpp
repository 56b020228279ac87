// SPDX-License-Identifier: Apache-2.0
// What a metric of another tool is called, and whether its entity may have it.
#include <algorithm>

#include "messages/event_codec.hpp"
#include "messages/glob.hpp"
#include "messages/identity.hpp"
#include "messages/text.hpp"
#include "messages/units.hpp"
#include "processing/internal/hash_joined.hpp"
#include "processing/internal/naming_tables.hpp"
#include "processing/internal/naming_texts.hpp"
#include "processing/naming.hpp"
#include "processing/roles.hpp"

namespace faultline {

namespace {

using naming_texts::begins_with;
using naming_texts::ends_with;
using naming_texts::without_port;

constexpr std::size_t most_dropped_known = 4096;
constexpr std::size_t hash_digits = 8;  ///< at the end of a name that had to be cut

/// What of a label of a target tells it apart from others on the same host; nothing of most.
std::string_view told_apart_by(const attribute& label) noexcept {
  if (label.key == "job" || label.key == "namespace" || label.key == "cluster") return label.value;
  if (label.key != "instance") return {};
  const auto host = without_port(label.value);
  return host.size() == label.value.size() ? std::string_view{}
                                           : label.value.substr(label.value.rfind(':') + 1);
}

/// Whether the name does not say what it measures. What a histogram sums up has to say that it is a
/// time, and so have its buckets: its mean is a latency (interval_means).
bool lacks_unit(std::string_view name, std::string_view unit) {
  const bool made_of = ends_with(name, ".sum") || ends_with(name, ".bucket");
  const auto role = role_of(made_of ? name.substr(0, name.rfind('.')) : name);
  return role == metric_role::none ||
         (made_of && is_time_unit(unit) && role != metric_role::latency);
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

/// Of what tells two targets of one entity apart; 0: nothing does.
std::uint32_t sample_namer::source_of(const sample_labels& labels) const {
  if (style_ != naming_style::prometheus) return 0;
  std::uint64_t all = 0;
  for (const auto& l : labels)
    if (const auto tells = told_apart_by(l); !tells.empty())
      all += hash_joined(stable_hash(l.key), stable_hash(tells));  // in whatever order they come
  return static_cast<std::uint32_t>(all >> 32U);
}

/// Into name_, however long.
void sample_namer::metric_name(const metric_sample& sample, const sample_labels& labels,
                               bool with_source) {
  name_.assign(sample.name);
  // Prometheus tells units apart from values, sooner or later: its names do not depend on them.
  const bool apart = style_ == naming_style::prometheus;
  const auto unit = apart ? unit_of(sample.unit) : unit_word(sample.unit);
  if (!unit.empty() && !names_a_unit(sample.name)) {
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
  std::sort(sorted_.begin(), sorted_.end(),
            [](const attribute& a, const attribute& b) { return a.key < b.key; });
  if (!sample.le.empty()) sorted_.push_back({"le", sample.le});  // the last, where entities look
  for (std::size_t i = 0; i < sorted_.size(); ++i)
    name_.append(i == 0 ? "{" : ",").append(sorted_[i].key).append("=").append(sorted_[i].value);
  if (!sorted_.empty()) name_.append("}");
}

void sample_namer::cut_name() {
  if (name_.size() <= payload_limits::metric_name_bytes) return;
  const auto whole = to_hex(stable_hash(name_)).substr(0, hash_digits);
  name_.resize(cut_utf8(name_, payload_limits::metric_name_bytes - hash_digits - 1).size());
  name_.append("~").append(whole);
}

/// Whether @p entity may have it, and its name in name_. A bucket has the place of the counter
/// beside it that says how many there were in all.
bool sample_namer::may_tell(const std::string& entity, const metric_sample& sample,
                            const sample_labels& labels) {
  constexpr std::string_view bucket = "bucket";
  metric_sample counted = sample;
  if (!sample.le.empty()) {
    counted_.assign(sample.name.substr(0, sample.name.size() - bucket.size())).append("count");
    counted.name = counted_, counted.unit = counted.le = {};
  }
  const auto name = [&](bool with_source) {
    metric_name(counted, labels, with_source);
    cut_name();
  };
  name(false);
  // One that no event may have would take all others of its entity along.
  if (sample.name.empty() || check_name(name_) != text_fault::none)
    return leave_out(left_out::malformed), false;
  const auto source = source_of(labels);
  auto claim = names_.may_have(entity, counted.name, name_, source);
  const bool of_another = claim == name_register::claim::of_another;
  if (of_another) name(true), claim = names_.may_have(entity, counted.name, name_, source);
  if (claim != name_register::claim::granted) return leave_out(left_out::too_many), false;
  if (sample.le.empty()) return true;
  metric_name(sample, labels, of_another);
  if (name_.size() <= payload_limits::metric_name_bytes) return true;
  return leave_out(left_out::bucket), false;
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

}  // namespace faultline
