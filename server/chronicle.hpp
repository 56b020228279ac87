// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "dashboard/queries.hpp"
#include "storage/store.hpp"

// What the decision log says in hindsight. All of it reads the store, so it blocks: not for actors
// or the HTTP thread.

namespace faultline {

/// What happened in and around @p i, in order: changes from an hour before on, transitions of its
/// alerts, causes found, words of operators.
/// Limits: looks at 50,000 decisions, tells 500 things.
/// Fails: as decision_log::read().
outcome<incident_story> story_of(store& memory, const incident& i);

/// Changes, notices and words about the entity @p id, from the newest back, and the incidents that
/// touch it.
/// Limits: looks at 20,000 decisions and 512 incidents, tells 200 things and 8 incidents.
/// Fails: as decision_log::read().
outcome<entity_story> story_of_entity(store& memory, const std::string& id);

/// @p i in a list. @p alerts: those that fire now, as far as they are known; of others only the
/// number is told.
/// Whether @p entity is affected by it, or its likeliest cause.
bool touches(const incident& i, std::string_view entity);
incident_outline outline_of(const incident& i, const std::map<std::string, const alert*>& alerts);

/// Counts alerts, causes and operators' verdicts as decisions come. Begins at most 200,000
/// decisions ago.
/// Threads: read() from any.
class quality_ledger {
public:
  explicit quality_ledger(store& memory) : memory_{memory} {}
  /// Reads what was decided since, and says what it came to; promise and entities are the caller's.
  outcome<quality_view> read();

private:
  void take(const decision& d);
  void take_alert(const alert& a);
  void take_question(const std::string& incident);
  void take_word(const operator_command& c);

  struct episode {
    std::int64_t started = 0;
    bool critical = false;
  };
  store& memory_;
  std::mutex mutex_;
  std::uint64_t next_ = 0;
  std::int64_t since_ = 0, until_ = 0;
  std::uint64_t episodes_ = 0, critical_ = 0, at_once_ = 0;
  std::map<std::string, episode> open_;          ///< alerts that fire, by id
  std::map<std::string, std::int64_t> started_;  ///< the last episodes' starts, by id
  std::deque<std::string> started_order_;
  std::map<std::string, std::string> alert_verdicts_;  ///< newest by id
  std::map<std::string, std::string> incident_verdicts_;
  std::set<std::string> asked_;  ///< incidents of which a cause was asked
  std::deque<double> lead_s_;
  std::map<std::int64_t, std::uint64_t> days_;  ///< episodes by day
};

}  // namespace faultline
