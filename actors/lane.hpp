// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <caf/actor_control_block.hpp>

#include "actors/node_shared.hpp"
#include "actors/options.hpp"
#include "inference/forecaster.hpp"

namespace faultline {

/// Where one entity and the lane meet. The entity writes the row and `ticket`, then `state`
/// submitted (release); the lane writes the result, then done (release); the entity reads with
/// acquire. A result whose ticket is not the entity's current one is dropped.
struct lane_slot {
  enum : std::uint32_t { idle = 0, submitted = 1, done = 2 };
  std::atomic<std::uint32_t> state{idle};
  std::atomic<bool> knock_wanted{false};  ///< the entity waits for this very result
  bool failed = false;                    ///< the pass failed or the result was not finite
  std::uint64_t ticket = 0;               ///< {generation, tick} of the row, counted per entity
  float loud_threshold = 0;
  forecast_row row;
  forecast_result result;
  caf::weak_actor_ptr owner;
  caf::weak_actor_ptr partition;  ///< told when its credit is back
  std::shared_ptr<partition_credit> credit;
  std::shared_ptr<entity_cell> cell;
  /// Credit of the event that closed the tick: given back by the lane, so that the event which
  /// absorbs the result can come.
  std::uint32_t held = 0;
  std::uint32_t held_counted = 0;
};

/// Gathers rows of many entities into passes of one fixed padded shape, on a thread of its own.
/// Waits for company at most max_wait, and not at all when no observation is on its way to any
/// entity. Results go back by slot; only a loud one, or one that is waited for, knocks at its
/// entity.
///
/// Bound: one row per entity can wait, for an entity has one row in flight.
class lane {
public:
  lane(std::unique_ptr<forecaster> model, lane_options options, node_counters& counters);
  ~lane();
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  /// @pre slot->state == submitted. From any thread.
  void submit(std::shared_ptr<lane_slot> slot);
  const model_identity& identity() const noexcept { return model_->identity(); }
  /// Finishes what waits and ends the thread. Rows submitted later stay unanswered.
  void stop();

private:
  // One buffer per submitting thread (by a hash of it), so that workers do not meet.
  struct alignas(64) buffer {
    std::atomic_flag busy = ATOMIC_FLAG_INIT;
    std::vector<std::shared_ptr<lane_slot>> waiting;
  };
  static constexpr std::size_t buffer_count = 8;

  void run();
  std::size_t collect(std::vector<std::shared_ptr<lane_slot>>& into);
  void pass(const std::vector<std::shared_ptr<lane_slot>>& rows, std::size_t begin,
            std::size_t count);
  void finish(lane_slot& slot, bool failed);
  void give_back(lane_slot& slot);
  void wait_for_rows();

  std::unique_ptr<forecaster> model_;
  lane_options options_;
  node_counters& counters_;
  std::array<buffer, buffer_count> buffers_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stopping_{false};
  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace faultline
