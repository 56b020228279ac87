// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "storage/memory_store.hpp"
#include "storage/store.hpp"
#include "tests/sim/chance.hpp"

namespace faultline::sim {

/// Ways in which the machine may lie, to prove that the simulation would notice.
enum class lie : std::uint8_t {
  none,
  lying_disk,  ///< says that what was written is on the disk, and it is not
  forgetful,   ///< does not hand out what publishers have sent before
  skipping,    ///< says that a checkpoint covers a record more than it does
};

/// A store in memory with the mind of a disk: it is a list of writes, of which a crash leaves those
/// that were synced and, by chance, some of the later ones, without a hole. Crashes at a write that
/// was named before: it is made or not, and nobody hears of it; from then on every
/// write fails, and what is read reaches nobody. Dead letters alone are not held to it.
class sim_store final : public store {
public:
  sim_store(const storage_options& options, chance& dice, lie how);
  ~sim_store() override;

  void crash_at(std::uint64_t writes_from_now) { left_ = writes_from_now; }
  void crash() { crashed_ = true; }
  bool crashed() const { return crashed_; }
  /// What a machine finds that starts after the crash.
  void recover();
  std::uint64_t writes() const { return writes_.size(); }

  event_log& events() override;
  checkpoint_store& checkpoints() override;
  decision_log& decisions() override;
  feed_store& feed() override;
  dead_letter_store& dead_letters() override { return inner_->dead_letters(); }
  poison_store& poison() override;
  note_store& notes() override;
  std::uint64_t bytes_on_disk() const override { return 0; }
  outcome<void> sync() override;
  std::uint64_t written() const override { return writes_.size(); }
  std::uint64_t durable() const override { return claimed_; }
  outcome<void> flush() override { return sync(); }
  outcome<void> sweep_retention(arrival_time) override { return {}; }
  void set_retention(const storage_options&) override {}

private:
  friend struct sim_parts;
  static failure gone() { return {ec::store_unavailable, "the machine has crashed"}; }
  /// Makes the write @p op (it gives an outcome), now and again at each recovery.
  template <class Op>
  auto make(sync_when when, Op op) -> decltype(op(*this));

  storage_options options_;
  chance& dice_;
  lie lie_;
  std::unique_ptr<store> inner_;
  std::vector<std::function<void(store&)>> writes_;
  std::uint64_t durable_ = 0;  ///< of these, from the first
  std::uint64_t claimed_ = 0;  ///< what we say that is
  std::uint64_t left_ = 0;     ///< writes before the crash; 0: none is planned
  bool crashed_ = false;
  std::unique_ptr<struct sim_parts> parts_;
};

}  // namespace faultline::sim
