// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "dashboard/queries.hpp"
#include "storage/store.hpp"

namespace faultline {

/// What is known of the ids that came last: beyond its bound the one that came first is forgotten.
template <class Value>
class last_ids {
public:
  explicit last_ids(std::size_t most) : most_{most} {}

  /// @returns whether @p id is new; else it keeps its place, and has @p value from now on.
  bool put(const std::string& id, Value value) {
    const auto [at, fresh] = values_.insert_or_assign(id, std::move(value));
    if (!fresh) return false;
    order_.push_back(at);
    if (order_.size() > most_) {
      values_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }
  /// nullptr: it never came, or is forgotten.
  const Value* find(const std::string& id) const {
    const auto at = values_.find(id);
    return at == values_.end() ? nullptr : &at->second;
  }
  const std::map<std::string, Value>& values() const noexcept { return values_; }

private:
  std::size_t most_;
  std::map<std::string, Value> values_;
  std::deque<typename std::map<std::string, Value>::iterator> order_;  ///< as they came
};

/// Counts alerts, causes and operators' verdicts as decisions come. Begins at most 200,000
/// decisions ago.
/// Threads: read() from any; it reads the store, so it blocks.
/// Limits:  knows the last @p most_ids alerts, incidents and verdicts on each; an older one that
///          comes again is counted again.
class quality_ledger {
public:
  quality_ledger(decision_log& log, feed_store& feed, std::size_t most_ids = 100'000)
      : log_{log},
        feed_{feed},
        started_{most_ids},
        alert_verdicts_{most_ids},
        incident_verdicts_{most_ids},
        asked_{most_ids} {}
  /// Reads what was decided since, and says what it came to; promise and entities are the caller's.
  /// Fails: as the store does; the next call goes on where this one ended.
  outcome<quality_view> read();

private:
  outcome<void> read_on();
  outcome<void> take(const decision& d);
  void take_alert(const alert& a);
  outcome<void> take_question(const std::string& incident);
  outcome<void> take_word(const operator_command& c);
  outcome<bool> is_posted(const std::string& alert);

  struct episode {
    std::int64_t started = 0;
    bool critical = false;
  };
  decision_log& log_;
  feed_store& feed_;
  std::mutex mutex_;
  std::uint64_t next_ = 0;
  std::int64_t since_ = 0, until_ = 0;
  std::uint64_t episodes_ = 0, critical_ = 0, at_once_ = 0, incidents_ = 0;
  std::map<std::string, episode> open_;   ///< alerts that fire, by id
  last_ids<std::int64_t> started_;        ///< the last episodes' starts
  last_ids<std::string> alert_verdicts_;  ///< the newest of each
  last_ids<std::string> incident_verdicts_;
  last_ids<bool> asked_;  ///< incidents of which a cause was asked
  std::deque<double> lead_s_;
  std::map<std::int64_t, std::uint64_t> days_;  ///< episodes by day
};

}  // namespace faultline
