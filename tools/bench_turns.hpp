// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>

namespace faultline {

/// Which of the batches of a load are sent in a tick, where not all entities speak at a time: as
/// many in a row as `active`, which move on. Those that are left behind fall silent and go to disk.
class bench_turns {
public:
  /// Ticks of silence after which an entity goes to disk, and one more.
  static constexpr std::size_t silence = 13;

  /// @p active and @p churn entities, in batches of @p batch, both rounded up; active 0: all
  /// @p batches, always.
  bench_turns(std::size_t batches, std::size_t batch, std::size_t active, std::size_t churn)
      : batches_{batches},
        active_{active == 0 ? batches : std::min(batches, (active + batch - 1) / batch)},
        churn_{active_ == batches ? 0 : (churn + batch - 1) / batch} {}

  bool all() const noexcept { return active_ == batches_; }
  std::size_t active() const noexcept { return active_; }  ///< batches in a tick
  /// The @p i-th batch of the tick. @pre i < active()
  std::size_t at(std::size_t i) const noexcept { return (first_ + i) % batches_; }
  /// The next tick.
  void pass() noexcept { first_ = (first_ + churn_) % batches_; }
  /// Goes on to those that have not spoken yet, or to the first ones again.
  void next_group() noexcept { first_ = (first_ + active_) % batches_; }
  /// Groups that hold all batches.
  std::size_t groups() const noexcept { return (batches_ + active_ - 1) / active_; }

private:
  std::size_t batches_, active_, churn_;
  std::size_t first_ = 0;
};

}  // namespace faultline
