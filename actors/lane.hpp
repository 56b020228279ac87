// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <caf/actor_control_block.hpp>

#include "actors/flight_recorder.hpp"
#include "actors/node_shared.hpp"
#include "actors/options.hpp"
#include "inference/forecaster.hpp"

namespace faultline {

/// Which row: of which incarnation of its entity, and the how manieth.
struct row_name {
  std::uint64_t generation = 0;
  std::uint64_t tick = 0;
  friend bool operator==(const row_name& a, const row_name& b) noexcept {
    return a.generation == b.generation && a.tick == b.tick;
  }
  friend bool operator!=(const row_name& a, const row_name& b) noexcept { return !(a == b); }
};

/// Where one incarnation of an entity and the lane meet. The entity writes the row and `asked`,
/// then `state` submitted (release); the lane writes the result and `answered`, then done
/// (release); the entity reads with acquire. A result of another row is dropped.
struct lane_slot {
  enum : std::uint32_t { idle = 0, submitted = 1, done = 2 };
  std::atomic<std::uint32_t> state{idle};
  std::atomic<std::uint32_t> knock_wanted{0};  ///< 0: nobody waits; see want_knock()
  bool failed = false;                         ///< the pass failed, or row or result are not finite
  std::uint32_t model = 0;                     ///< lane::model_number() of the rules in force
  row_name asked;
  row_name answered;
  record_address about;  ///< the last event of the row's tick; position 0: not known
  float loud_threshold = 0;
  /// The row on its way in, and in its place the result: nobody needs both.
  std::variant<forecast_row, forecast_result> content;
  caf::weak_actor_ptr owner;
  caf::weak_actor_ptr partition;  ///< told when its credit is back
  std::shared_ptr<partition_credit> credit;
  std::shared_ptr<entity_cell> cell;
  /// Credit of the event that closed the tick: given back by the lane, so that the event which
  /// absorbs the result can come.
  std::uint32_t held = 0;
  std::uint32_t held_counted = 0;

  /// The entity waits for the result of @p row, and for none before it: the lane takes a knock when
  /// the result is there already, and the entity may have asked for its next row by then.
  void want_knock(const row_name& row) noexcept { knock_wanted.store(knock_for(row)); }
  void want_no_knock() noexcept { knock_wanted.store(0, std::memory_order_relaxed); }
  /// @returns true, once, when the result of @p row is waited for.
  bool take_knock(const row_name& row) noexcept {
    auto wanted = knock_for(row);
    return knock_wanted.compare_exchange_strong(wanted, 0);
  }

  /// An empty row. @pre state != submitted
  forecast_row& begin_row() { return content.emplace<forecast_row>(); }
  const forecast_row& row() const { return std::get<forecast_row>(content); }
  /// @pre state == done
  const forecast_result& result() const { return std::get<forecast_result>(content); }

private:
  /// Never 0.
  static std::uint32_t knock_for(const row_name& row) noexcept {
    return static_cast<std::uint32_t>(row.tick) | (std::uint32_t{1} << 31);
  }
};

/// Gathers rows of many entities into passes of one fixed padded shape, on a thread of its own.
/// Waits for company at most max_wait, and not at all when no observation is on its way to any
/// entity. A row that fails fails alone. Results go back by slot; only a loud one, or one that is
/// waited for, knocks at its entity.
///
/// Bound: one row per entity can wait, for an entity has one row in flight.
///
/// Models: the one it is made with, and others by their sha-256 (an activation, the replay of one),
/// which its thread loads when the first row for them comes. Rows of a model that cannot be had are
/// answered as failed.
///
/// Rows that were in a pass which killed the process go alone (flight_recorder): company changes
/// nothing of a result, and the one that kills again is known.
class lane {
public:
  /// Finds a model by the sha-256 of its file. Called on the lane's thread.
  using model_source = std::function<outcome<std::unique_ptr<forecaster>>(const std::string&)>;
  lane(std::unique_ptr<forecaster> model, lane_options options, node_counters& counters,
       model_source others = {}, flight_recorder* flight = nullptr);
  ~lane();
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  /// @pre slot->state == submitted. From any thread.
  void submit(std::shared_ptr<lane_slot> slot);
  const model_identity& identity() const noexcept { return model_->identity(); }
  /// What a slot says to be answered by the model with this sha-256; 0 is the first one (also for
  /// "", where nobody says which). From any thread; loads nothing.
  std::uint32_t model_number(const std::string& sha256);
  /// Finishes what waits and ends the thread. Rows submitted later stay unanswered.
  void stop();

private:
  struct asked_row {
    std::shared_ptr<lane_slot> slot;
    row_name name;
  };
  // One buffer per submitting thread, in the order in which they come first, so that workers do not
  // meet; from the 65th thread on they share.
  struct alignas(64) buffer {
    std::atomic_flag busy = ATOMIC_FLAG_INIT;
    std::vector<asked_row> waiting;
  };
  static constexpr std::size_t buffer_count = 64;

  struct other_model {
    std::string sha256;
    std::unique_ptr<forecaster> model;  ///< of the lane's thread
    bool asked_for = false;
  };

  void run();
  void answer(std::vector<asked_row>& rows);
  void answer_together(std::vector<asked_row>& rows, std::size_t begin, std::size_t end);
  bool suspect(const asked_row& row) const;
  forecaster* model_at(std::uint32_t number);
  std::size_t buffer_of_this_thread() noexcept;
  bool company_can_come() const noexcept;
  void wait_for_company();
  std::size_t collect(std::vector<asked_row>& into);
  void pass(const std::vector<asked_row>& rows, std::size_t begin, std::size_t count);
  void finish(const asked_row& row, bool failed, const forecast_result& result);
  void give_back(lane_slot& slot);
  void wait_for_rows();

  std::unique_ptr<forecaster> model_;
  model_source source_;
  std::mutex others_mutex_;
  std::deque<other_model> others_;  ///< number n is others_[n - 1]; entries never move
  std::atomic<std::size_t> other_count_{0};
  lane_options options_;
  node_counters& counters_;
  flight_recorder* flight_;
  std::vector<record_address> suspects_;
  const std::uint64_t serial_;  ///< among all lanes of the process
  std::atomic<std::size_t> threads_{0};
  std::array<buffer, buffer_count> buffers_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stopping_{false};
  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace faultline
