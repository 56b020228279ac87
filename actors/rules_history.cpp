// SPDX-License-Identifier: Apache-2.0
#include "actors/rules_history.hpp"

#include <utility>

namespace faultline {

outcome<void> rules_history::begin(const partition_rules& at_checkpoint, shared_rules otherwise) {
  entries_.clear();
  entry first;
  first.sequence = at_checkpoint.sequence;
  first.rules = std::move(otherwise);
  first.payload = std::make_shared<const std::string>(at_checkpoint.payload);
  outcome<void> result;
  if (!at_checkpoint.payload.empty()) {
    auto record = decode_rules(at_checkpoint.payload);
    if (record)
      first.rules = std::make_shared<const judgement_rules>(std::move(record->rules));
    else
      result = record.error();
  }
  entries_.push_back(std::move(first));
  return result;
}

outcome<rules_history::step> rules_history::take(const control_record& control,
                                                 log_position position) {
  // Records of builds before control sequences have none: each counts.
  if (control.sequence != 0 && control.sequence <= entries_.back().sequence) return step::seen;
  entry next = entries_.back();
  next.position = position;
  if (control.sequence != 0) next.sequence = control.sequence;
  const bool changes = sets_rules(control.name);
  if (changes) {
    auto record = decode_rules(control.payload);
    if (!record) return record.error();
    next.rules = std::make_shared<const judgement_rules>(std::move(record->rules));
    next.payload = std::make_shared<const std::string>(control.payload);
  }
  entries_.push_back(std::move(next));
  return changes ? step::rules : step::taken;
}

const rules_history::entry& rules_history::entry_at(log_position position) const noexcept {
  auto found = entries_.begin();
  for (auto at = entries_.begin(); at != entries_.end() && at->position <= position; ++at)
    found = at;
  return *found;
}

const rules_history::shared_rules& rules_history::at(log_position position) const noexcept {
  return entry_at(position).rules;
}

rules_history::shared_rules rules_history::after(std::uint64_t sequence) const noexcept {
  for (const auto& e : entries_)
    if (e.sequence == sequence) return e.rules;
  return nullptr;
}

partition_rules rules_history::checkpoint(log_position position) {
  while (entries_.size() > 1 && entries_[1].position <= position) entries_.pop_front();
  const auto& e = entry_at(position);
  return {e.sequence, *e.payload};
}

}  // namespace faultline
