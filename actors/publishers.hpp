// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "actors/node_shared.hpp"
#include "messages/decision.hpp"
#include "messages/time.hpp"

namespace faultline {

/// Seconds since @p last, which @p now becomes: also where the clock was set back. Doors bring
/// moments a little out of order, and none of them counts twice.
double passed_since(arrival_time& last, arrival_time now) noexcept;

/// How far a publisher's clock is from ours: the median of the last 15 distances (arrival - ts) of
/// its newest events, one a second. A median, because one late event says nothing about a clock.
class skew_meter {
public:
  /// @p distance of the newest event of a payload that arrived at @p now.
  void add(milliseconds distance, arrival_time now) noexcept;
  bool known() const noexcept { return count_ != 0; }
  milliseconds median() const noexcept;  ///< 0 when nothing is known; positive: it is behind

private:
  static constexpr std::size_t kept = 15;
  std::array<std::int64_t, kept> distances_{};
  std::size_t count_ = 0;
  std::size_t newest_ = 0;
  arrival_time at_{};
};

/// What the doors know of one publisher, since start.
struct publisher_account {
  std::uint32_t number = 0;  ///< never given twice; entities remember who introduced them by it
  event_door door = event_door::router;
  std::string name;  ///< router: as the header says; else as event_source::peer
  arrival_time last_seen{};
  std::uint64_t accepted = 0;  ///< events, like the next two
  std::uint64_t rejected = 0;
  std::uint64_t shed = 0;
  std::uint64_t retried = 0;  ///< requests
  skew_meter skew;
  bool skew_told = false;

  // Shares of what is scarce, by interval: see publisher_accounts and new_entity_rate.
  std::uint64_t interval = 0;
  std::uint64_t used = 0;
  std::int64_t new_second = 0;
  double new_used = 0;
  double letters = 0;  ///< dead letters it may still have kept
  arrival_time letters_at{};
};

/// The publishers that were heard of, bounded, and their fair shares while there is too little room
/// for all: in every interval each may hand over as much as the node applies in one, divided by
/// those who want to. So a noisy publisher is refused first and a quiet one never.
///
/// Threads: whoever touches an account or calls anything holds mutex().
/// Limits:  `most` accounts; those not heard of for a minute give way, and what they counted is
/// added to the account of all others at their door. When nobody gives way newcomers share it.
class publisher_accounts {
public:
  static constexpr std::size_t most = 4096;
  /// Short, so that what all hand over at once at its begin is little beside the room that is left.
  static constexpr milliseconds interval{20};

  /// @p most_at_once: events that all shares of an interval may come to.
  explicit publisher_accounts(std::uint64_t most_at_once) : most_at_once_{most_at_once} {}
  std::mutex& mutex() const { return mutex_; }
  publisher_account& of(event_door door, std::string_view name, arrival_time now);
  /// Begins a new interval when the last one is over. @p applied: records applied since start.
  void pass_time(arrival_time now, std::uint64_t applied);
  /// Whether nothing is left of what @p who handed over: each interval takes a share off it. So who
  /// sends large payloads is heard as many times less often.
  bool is_first(const publisher_account& who) const noexcept { return owed(who) == 0; }
  /// Whether less than a share is left of what @p who handed over.
  bool within_share(const publisher_account& who) const noexcept;
  /// Notes that @p who was heard in this interval and handed over @p events.
  void use(publisher_account& who, std::size_t events) noexcept;
  std::uint64_t share() const noexcept { return share_; }

  template <class Each>
  void for_each(Each each) {
    for (auto& [key, account] : accounts_) each(*account);
  }
  std::size_t size() const noexcept { return accounts_.size(); }

private:
  std::uint64_t owed(const publisher_account& who) const noexcept;
  publisher_account& others(event_door door);
  bool make_room(arrival_time now);
  publisher_account& add(std::string key, event_door door, std::string_view name);

  const std::uint64_t most_at_once_;
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<publisher_account>, std::less<>> accounts_;
  std::string key_;  ///< scratch
  std::uint32_t last_number_ = 0;
  arrival_time room_looked_for_{};
  std::uint64_t interval_number_ = 1;
  arrival_time interval_began_{};
  std::uint64_t applied_at_ = 0;
  double applied_per_ms_ = 0;  ///< smoothed over some intervals
  std::uint64_t budget_ = 0;
  std::uint64_t share_ = 1;
  std::size_t active_ = 0;       ///< publishers heard in this interval
  std::size_t active_last_ = 0;  ///< in the one before
};

/// How many new entities may come: a bucket of `per_second` that holds eleven seconds' worth. A
/// publisher beyond its share of the second (what comes in, divided by those who bring new ones)
/// leaves the last second's worth to the others.
class new_entity_rate {
public:
  new_entity_rate(double per_second, arrival_time now);
  /// @returns false: not now.
  bool take(publisher_account& who, arrival_time now) noexcept;

private:
  double per_second_;
  double tokens_;
  arrival_time filled_;
  std::int64_t second_ = 0;
  std::size_t active_ = 0, active_last_ = 0;
};

/// A notice `clock_skew` for each publisher whose clock passed @p limit, or came back within half
/// of it; a few at a time. Hold the accounts' mutex.
std::vector<notice> skew_notices(publisher_accounts& publishers, milliseconds limit,
                                 arrival_time now);

/// Whether a refused event of @p who gets a dead letter of its own: bursts of 1,000, then 100 a
/// second; a new entity beyond a limit counts as ten. What gets none is counted all the same.
bool may_keep_letter(publisher_account& who, reject_reason reason, arrival_time now) noexcept;

}  // namespace faultline
