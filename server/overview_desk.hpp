// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include <caf/actor_system.hpp>

#include "actors/interfaces.hpp"
#include "dashboard/queries.hpp"

namespace faultline {

/// One question to the correlator for all who ask what is wrong now while it is under way, or soon
/// after: pages ask all at once when something happens.
///
/// Threads: ask() from any. Answers come on one of the actors', or at once.
/// Limits:  who has waited for question_deadline gets ec::deadline_passed; the question goes on for
///          those who came later.
class overview_desk : public std::enable_shared_from_this<overview_desk> {
public:
  /// What was told is told again for so long.
  static constexpr std::chrono::milliseconds fresh_for{250};

  explicit overview_desk(correlator_actor correlator) : correlator_{std::move(correlator)} {}

  void ask(caf::actor_system& system, answer<overview_view> done);

private:
  using time_point = std::chrono::steady_clock::time_point;
  struct asker {
    answer<overview_view> done;
    time_point until;
  };

  void begin_question(caf::actor_system& system);
  void tell(const outcome<overview_view>& got, time_point now);
  time_point give_up(time_point now);

  const correlator_actor correlator_;
  std::mutex mutex_;
  overview_view last_;
  time_point good_until_{};
  std::deque<asker> waiting_;  ///< as they came
  bool asked_ = false;         ///< a question is under way
};

}  // namespace faultline
