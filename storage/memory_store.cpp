// SPDX-License-Identifier: Apache-2.0
#include "storage/memory_store.hpp"

#include "storage/internal/memory_parts.hpp"
#include "storage/internal/retention_marks.hpp"

namespace faultline {
namespace {

class memory_store final : public store {
public:
  explicit memory_store(const storage_options& options)
      : options_{options},
        letters_{options},
        events_{options, letters_},
        checkpoints_{options},
        log_marks_{options.log_retention},
        feed_marks_{options.feed_retention} {}

  event_log& events() override { return events_; }
  checkpoint_store& checkpoints() override { return checkpoints_; }
  decision_log& decisions() override { return decisions_; }
  feed_store& feed() override { return feed_; }
  dead_letter_store& dead_letters() override { return letters_; }
  poison_store& poison() override { return letters_; }
  note_store& notes() override { return notes_; }
  std::uint64_t bytes_on_disk() const override { return 0; }
  outcome<void> sync() override { return {}; }
  outcome<void> flush() override { return {}; }
  outcome<void> sweep_retention(arrival_time now) override;
  void set_retention(const storage_options& options) override;

private:
  storage_options options_;
  memory_letters letters_;
  memory_event_log events_;
  memory_checkpoints checkpoints_;
  memory_decisions decisions_;
  memory_feed feed_;
  memory_notes notes_;
  std::mutex sweeping_;
  retention_marks log_marks_;  ///< number: index into log_positions_
  retention_marks feed_marks_;
  std::map<std::uint64_t, std::vector<log_position>> log_positions_;
};

outcome<void> memory_store::sweep_retention(arrival_time now) {
  if (unix_ms(now) < 0) return failure{ec::invalid, "a time before 1970"};
  const std::lock_guard sweeping{sweeping_};
  if (log_marks_.due(now)) {
    const auto number = log_positions_.empty() ? 1 : log_positions_.rbegin()->first + 1;
    log_positions_[number] = events_.positions();
    log_marks_.add(now, number);
  }
  if (feed_marks_.due(now)) feed_marks_.add(now, feed_.last());
  const auto reached = log_marks_.reached(now);
  log_positions_.erase(log_positions_.begin(), log_positions_.lower_bound(reached));
  const auto consumed = decisions_.outbox_consumed();
  if (!consumed) return consumed.error();
  for (partition_id p = 0; p < events_.partitions(); ++p) {
    const auto checkpoint = checkpoints_.load_checkpoint(p);
    if (!checkpoint) return checkpoint.error();
    const log_position old = reached == 0 ? 0 : log_positions_.at(reached)[p];
    events_.sweep(p, old, checkpoint->position, options_.log_bytes);
    const auto it = consumed->find(p);
    if (it != consumed->end()) checkpoints_.sweep_outbox(p, it->second, events_.first(p));
  }
  feed_.drop_below(feed_marks_.reached(now));
  letters_.drop_before(now - options_.dead_letter_retention);
  log_marks_.forget_served(now);
  feed_marks_.forget_served(now);
  return {};
}

void memory_store::set_retention(const storage_options& options) {
  const std::lock_guard sweeping{sweeping_};
  options_.log_bytes = options.log_bytes;
  options_.dead_letter_retention = options.dead_letter_retention;
  log_marks_.set_retention(options.log_retention);
  feed_marks_.set_retention(options.feed_retention);
}

}  // namespace

std::unique_ptr<store> open_memory_store(const storage_options& options) {
  storage_options whole = options;
  if (whole.partitions == 0) whole.partitions = storage_options::default_partitions;
  return std::make_unique<memory_store>(whole);
}

std::unique_ptr<store> open_memory_store(std::uint16_t partitions) {
  storage_options options;
  options.partitions = partitions;
  return open_memory_store(options);
}

}  // namespace faultline
