// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_store.hpp"

#include <utility>

namespace faultline::sim {

template <class Op>
auto sim_store::make(sync_when when, Op op) -> decltype(op(*this)) {
  if (crashed_) return gone();
  const bool last = left_ != 0 && --left_ == 0;
  if (last && dice_.one_in(2)) {
    crashed_ = true;
    return gone();
  }
  auto result = op(*inner_);
  writes_.push_back([op](store& s) { static_cast<void>(op(s)); });
  if (when == sync_when::now) {
    claimed_ = writes_.size();
    if (lie_ != lie::lying_disk) durable_ = claimed_;
  }
  if (!last) return result;
  crashed_ = true;
  return gone();
}

/// The contracts, each handing reads on and writes to sim_store::make().
struct sim_parts {
  explicit sim_parts(sim_store& s) : log{s}, points{s}, decided{s}, told{s}, skipped{s}, noted{s} {}

  struct event_part final : event_log {
    explicit event_part(sim_store& s) : all{s} {}
    event_log& in() const { return all.inner_->events(); }
    std::uint16_t partitions() const noexcept override { return in().partitions(); }
    outcome<std::vector<log_position>> append(const append_group& group, sync_when when) override {
      return all.make(when, [group](store& s) { return s.events().append(group); });
    }
    outcome<std::vector<log_blob>> read(partition_id p, log_position from, std::size_t blobs,
                                        std::size_t bytes) override {
      return in().read(p, from, blobs, bytes);
    }
    log_position last(partition_id p) const override { return in().last(p); }
    log_position first(partition_id p) const override { return in().first(p); }
    outcome<void> trim(partition_id p, log_position below) override {
      return all.make(sync_when::later, [=](store& s) { return s.events().trim(p, below); });
    }
    outcome<void> load_publishers(
        const std::function<void(const publisher_row&)>& row,
        const std::function<void(const publisher_delta&)>& delta) override {
      if (all.lie_ == lie::forgetful) return {};
      return in().load_publishers(row, delta);
    }
    outcome<void> write_publishers(const std::vector<publisher_row>& rows) override {
      return all.make(sync_when::later,
                      [rows](store& s) { return s.events().write_publishers(rows); });
    }
    std::uint64_t last_publisher_delta() const override { return in().last_publisher_delta(); }
    std::map<std::string, std::uint64_t> counters() const override { return in().counters(); }
    std::uint64_t control_sequence() const override { return in().control_sequence(); }
    sim_store& all;
  } log;

  struct checkpoint_part final : checkpoint_store {
    explicit checkpoint_part(sim_store& s) : all{s} {}
    checkpoint_store& in() const { return all.inner_->checkpoints(); }
    outcome<std::vector<outbox_entry>> write(const checkpoint_batch& batch,
                                             sync_when when) override {
      const auto needs = batch.sync || !batch.outbox.empty() ? when : sync_when::later;
      return all.make(needs, [batch](store& s) { return s.checkpoints().write(batch); });
    }
    outcome<partition_checkpoint> load_checkpoint(partition_id p) override {
      auto found = in().load_checkpoint(p);
      if (found && all.lie_ == lie::skipping && found->position != 0) ++found->position;
      return found;
    }
    outcome<partition_rules> load_rules(partition_id p) override { return in().load_rules(p); }
    outcome<void> load_snapshots(partition_id p,
                                 const std::function<void(entity_snapshot)>& each) override {
      return in().load_snapshots(p, each);
    }
    outcome<std::optional<entity_snapshot>> load_snapshot(std::string_view entity) override {
      return in().load_snapshot(entity);
    }
    outcome<bool> load_summaries(partition_id p,
                                 const std::function<void(entity_summary)>& each) override {
      return in().load_summaries(p, each);
    }
    outcome<void> write_summaries(partition_id p,
                                  const std::vector<entity_summary>& rows) override {
      return all.make(sync_when::later,
                      [=](store& s) { return s.checkpoints().write_summaries(p, rows); });
    }
    outcome<std::vector<quarantine_row>> load_quarantine(partition_id p) override {
      return in().load_quarantine(p);
    }
    outcome<std::vector<window_block>> load_blocks(std::string_view entity) override {
      return in().load_blocks(entity);
    }
    outcome<std::vector<outbox_entry>> read_outbox(partition_id p, std::uint64_t from,
                                                   std::size_t limit) override {
      return in().read_outbox(p, from, limit);
    }
    sim_store& all;
  } points;

  struct decision_part final : decision_log {
    explicit decision_part(sim_store& s) : all{s} {}
    decision_log& in() const { return all.inner_->decisions(); }
    outcome<std::uint64_t> append(const decision_append& batch, sync_when when) override {
      return all.make(when, [batch](store& s) { return s.decisions().append(batch); });
    }
    outcome<std::vector<decision>> read(std::uint64_t from, std::size_t limit) override {
      return in().read(from, limit);
    }
    std::uint64_t last() const override { return in().last(); }
    outcome<std::map<partition_id, std::uint64_t>> outbox_consumed() override {
      return in().outbox_consumed();
    }
    outcome<control_mark> controls() override { return in().controls(); }
    sim_store& all;
  } decided;

  struct feed_part final : feed_store {
    explicit feed_part(sim_store& s) : all{s} {}
    feed_store& in() const { return all.inner_->feed(); }
    outcome<std::vector<feed_record>> append(const feed_append& batch, sync_when when) override {
      const auto needs = batch.items.empty() ? sync_when::later : when;
      return all.make(needs, [batch](store& s) { return s.feed().append(batch); });
    }
    outcome<page> read(std::uint64_t from, std::size_t limit, std::string_view prefix) override {
      return in().read(from, limit, prefix);
    }
    std::uint64_t last() const override { return in().last(); }
    std::uint64_t oldest() const override { return in().oldest(); }
    outcome<correlator_checkpoint> load_correlator() override { return in().load_correlator(); }
    outcome<std::vector<std::pair<std::string, std::string>>> records(std::string_view prefix,
                                                                      std::string_view after,
                                                                      std::size_t limit) override {
      return in().records(prefix, after, limit);
    }
    outcome<std::optional<std::string>> record(std::string_view key) override {
      return in().record(key);
    }
    outcome<std::uint64_t> record_seq(std::string_view key) override {
      return in().record_seq(key);
    }
    sim_store& all;
  } told;

  struct poison_part final : poison_store {
    explicit poison_part(sim_store& s) : all{s} {}
    outcome<void> skip(const record_address& where, const dead_letter& why) override {
      return all.make(sync_when::now, [=](store& s) { return s.poison().skip(where, why); });
    }
    outcome<std::vector<record_address>> load(partition_id p) override {
      return all.inner_->poison().load(p);
    }
    sim_store& all;
  } skipped;

  struct note_part final : note_store {
    explicit note_part(sim_store& s) : all{s} {}
    outcome<void> write(const note_rows& rows, sync_when when) override {
      return all.make(when, [rows](store& s) { return s.notes().write(rows, sync_when::now); });
    }
    outcome<std::vector<std::pair<std::string, std::string>>> load(std::string_view prefix,
                                                                   std::string_view after,
                                                                   std::size_t limit) override {
      return all.inner_->notes().load(prefix, after, limit);
    }
    sim_store& all;
  } noted;
};

sim_store::sim_store(const storage_options& options, chance& dice, lie how)
    : options_{options},
      dice_{dice},
      lie_{how},
      inner_{open_memory_store(options)},
      parts_{std::make_unique<sim_parts>(*this)} {}

sim_store::~sim_store() = default;

event_log& sim_store::events() { return parts_->log; }
checkpoint_store& sim_store::checkpoints() { return parts_->points; }
decision_log& sim_store::decisions() { return parts_->decided; }
feed_store& sim_store::feed() { return parts_->told; }
poison_store& sim_store::poison() { return parts_->skipped; }
note_store& sim_store::notes() { return parts_->noted; }

outcome<void> sim_store::sync() {
  if (crashed_) return gone();
  claimed_ = writes_.size();
  if (lie_ != lie::lying_disk) durable_ = claimed_;
  return {};
}

void sim_store::recover() {
  const auto kept = durable_ + dice_.below(writes_.size() - durable_ + 1);
  writes_.resize(kept);
  inner_ = open_memory_store(options_);
  for (const auto& w : writes_) w(*inner_);
  durable_ = claimed_ = kept;
  left_ = 0;
  crashed_ = false;
}

}  // namespace faultline::sim
