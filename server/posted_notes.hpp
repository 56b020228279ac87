// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dashboard/queries.hpp"
#include "messages/decision.hpp"
#include "messages/posted_alert.hpp"

namespace faultline {

/// Fills in the times that were left out of @p alerts, and takes out those that end before they
/// start.
void complete(std::vector<posted_alert>& alerts, event_time now);

/// What the decision log says of posted alerts, so that it need not be told everything again each
/// minute. Who posts alerts again and again, each time good for as long, adds nothing while more
/// than half of the time that was recorded is left; then a short record says that it goes on, and
/// every quarter of an hour a whole one, with other annotations every five minutes. Any other end
/// is recorded when it is said.
///
/// Threads: any. Limits: as many alerts as the correlator takes; of more, each post is recorded
/// whole, for it may be taken by then.
class posted_notes {
public:
  explicit posted_notes(std::size_t most = 65'536) : most_{most} {}

  /// Makes decisions of commands, and answers once, when that is durable.
  using recorder = std::function<void(std::vector<operator_command> commands, answer<bool> done)>;

  /// Records what the log does not say already of @p alerts, posted at @p now. @p done hears when
  /// all that it says of them is durable, whoever's post that was.
  void post(std::vector<posted_alert> alerts, event_time now, const recorder& record,
            answer<bool> done);
  /// Records the ends that were said last, where what is recorded is over soon: nobody may post
  /// these alerts any more. Ask each second.
  void tend(event_time now, const recorder& record);
  /// Records every end that was said and is not recorded: the server ends, and the next one knows
  /// the log alone. @p done hears when that is durable. Call it once nobody posts any more.
  void close(event_time now, const recorder& record, answer<bool> done);
  /// The log says that @p entity was retired, which has ended its alerts: what is posted of them
  /// from now on is recorded whole.
  void retired(const std::string& entity);

private:
  struct note {
    std::string entity;
    event_time ends{};        ///< as recorded
    event_time said{};        ///< as said last, where that is later
    event_time whole{};       ///< when it was recorded whole
    std::uint64_t words = 0;  ///< what it said then: a hash
    milliseconds lasts{0};    ///< what was left to the end when it was recorded
    std::uint64_t batch = 0;  ///< that is not durable yet and has it; 0: all is
    event_time due{};         ///< its entry in the agenda
  };
  /// A post that waits for batches, its own and those of others.
  struct waiting {
    std::size_t batches = 0;
    outcome<bool> what{true};
    answer<bool> done;
  };
  struct batch {
    std::vector<posted_again> alerts;  ///< with the ends it records
    std::vector<std::shared_ptr<waiting>> posts;
    bool tended = false;  ///< nobody's post: the note says what is recorded for sure
  };
  struct draft {
    std::uint64_t number = 0;
    std::vector<posted_alert> whole;
    std::vector<posted_again> again;
    std::vector<posted_again> all;   ///< of both that go on firing
    std::set<std::uint64_t> others;  ///< batches that say already what is posted
  };
  using note_map = std::map<std::string, note>;

  void look_at(posted_alert& a, event_time now, draft& d);
  void note_record(const std::string& print, const posted_alert& a, event_time now, draft& d);
  void plan(const std::string& print, note& n);
  void erase(note_map::iterator at);
  std::vector<operator_command> open_batch(draft& d, const std::shared_ptr<waiting>& post);
  void send(std::vector<operator_command> commands, std::uint64_t number, const recorder& record);
  void settle(std::uint64_t number, const outcome<bool>& ok);

  const std::size_t most_;
  std::mutex mutex_;
  note_map notes_;                                           ///< by fingerprint
  std::set<std::pair<std::string, std::string>> by_entity_;  ///< with fingerprint
  /// When an end that was said has to be recorded, or the note is of no use any more.
  std::set<std::pair<event_time, std::string>> agenda_;
  std::map<std::uint64_t, batch> batches_;  ///< not durable yet
  std::uint64_t newest_ = 0;
};

}  // namespace faultline
