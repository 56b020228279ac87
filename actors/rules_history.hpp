// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "judgement/rules.hpp"
#include "messages/record.hpp"
#include "storage/store.hpp"

namespace faultline {

/// The rules of one partition along its log: those at its checkpoint and what control records made
/// of them since. Owned by the partition; no thread of its own.
class rules_history {
public:
  using shared_rules = std::shared_ptr<const judgement_rules>;

  /// @p at_checkpoint as it was written with the checkpoint; @p otherwise where none was (a store
  /// older than control records). Fails: ec::malformed; then @p otherwise counts.
  outcome<void> begin(const partition_rules& at_checkpoint, shared_rules otherwise);

  enum class step : std::uint8_t {
    seen,   ///< its sequence is not above the newest: a copy of a copy
    taken,  ///< to be acted on
    rules,  ///< to be acted on: current() has changed
  };
  /// Takes a control record in the order of the log. Fails: ec::malformed rules, which change
  /// nothing.
  outcome<step> take(const control_record& control, log_position position);

  const shared_rules& current() const noexcept { return entries_.back().rules; }
  /// Rules in force after the records at @p position; the oldest known where it is older.
  const shared_rules& at(log_position position) const noexcept;
  /// Rules in force after the control record with this sequence, for who replays what was taken
  /// already; null where it is no longer, or not yet, known.
  shared_rules after(std::uint64_t sequence) const noexcept;
  /// What a checkpoint at @p position has to say; earlier entries are forgotten.
  partition_rules checkpoint(log_position position);
  std::uint64_t sequence() const noexcept { return entries_.back().sequence; }

private:
  struct entry {
    log_position position = 0;
    std::uint64_t sequence = 0;
    shared_rules rules;
    std::shared_ptr<const std::string> payload;
  };
  const entry& entry_at(log_position position) const noexcept;

  std::deque<entry> entries_;  ///< in order of the log; never empty once begun
};

}  // namespace faultline
