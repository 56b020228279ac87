// SPDX-License-Identifier: Apache-2.0
// Several instances of one entity: docs/decisions/0036-instances-in-rounds.md.
#include "messages/identity.hpp"
#include "processing/internal/hash_joined.hpp"
#include "processing/internal/naming_tables.hpp"
#include "processing/naming.hpp"

namespace faultline {

namespace {

/// Stands among the names of an entity that has had several instances; no metric is called so.
constexpr std::string_view several_instances = "\n";

/// Which of the processes that one entity may be the resource @p labels are of; 0: it does not say.
std::uint64_t instance_of(const sample_labels& labels) noexcept {
  const auto hash_of = [&](const auto& keys) {
    std::uint64_t all = 0;
    for (const auto key : keys)
      for (const auto& l : labels)
        if (l.key == key && !l.value.empty())
          all += hash_joined(stable_hash(key), stable_hash(l.value));
    return all;
  };
  const auto one = hash_of(naming_tables::instance_id);
  const auto some = one != 0 ? one : hash_of(naming_tables::instance_place);
  return some == 0 ? 0 : hash_joined(hash_of(naming_tables::instance_of_service), some);
}

}  // namespace

void sample_namer::note_instance() {
  instance_ = style_ == naming_style::otel ? instance_of(source_) : 0;
}

/// @returns false: one instance alone tells it.
bool sample_namer::join_instances(const std::string& entity, const std::string& name,
                                  const metric_sample& sample) {
  const auto series = hash_joined(stable_hash(entity), stable_hash(name));
  const bool several = !instances_.knows(series) && names_.has(entity, several_instances);
  switch (instances_.add(series, instance_, sample, several)) {
    case instance_rounds::place::alone:
      return false;
    case instance_rounds::place::too_many:
      return leave_out(left_out::too_many), true;
    case instance_rounds::place::joined:
      break;
  }
  ++taken_;
  if (!is_joined_.insert(series).second) return true;
  if (owners_.empty() || owners_.back().entity != entity) {
    owners_.push_back({entity, {}});
    set_attributes(source_, entity, owners_.back().attributes);
  }
  joined_.push_back({series, owners_.size() - 1, arena_.size(), name.size(), !sample.le.empty()});
  arena_ += name;
  gathered_bytes_ += name.size() + 2 * sizeof(joined_series);
  return true;
}

/// What rounds that are over give.
void sample_namer::hand_out_joined() {
  for (const auto& j : joined_) {
    const auto all = instances_.close(j.series);
    if (!all) continue;
    const auto& of = owners_[j.owner];
    if (all->instances > 1)
      names_.may_have(of.entity, several_instances, several_instances, 0);  // for the next process
    bool begun = false;
    auto& r = row_at(of.entity, all->ts_ms, begun);
    if (begun) r.attributes = of.attributes;
    r.metrics.push_back({j.at, j.size, all->value, all->kind, j.bucket});
  }
}

}  // namespace faultline
