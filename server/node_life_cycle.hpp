// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>

#include "actors/directory.hpp"
#include "actors/interfaces.hpp"
#include "dashboard/life_cycle.hpp"
#include "judgement/options.hpp"
#include "processing/label_matchers.hpp"
#include "processing/naming.hpp"
#include "server/notifier.hpp"
#include "server/posted_notes.hpp"
#include "server/reading_desk.hpp"
#include "storage/store.hpp"

namespace faultline {

/// What the answers are made from. All outlive them.
struct life_cycle_parts {
  store* memory = nullptr;
  reading_desk* reads = nullptr;
  partition_directory* directory = nullptr;
  correlator_actor correlator;
  keeper_actor keeper;
  std::function<arrival_time()> now;
  silence_options silences;
  const notifier* notifications = nullptr;                     ///< none without receivers
  std::chrono::milliseconds test_patience{8'000};              ///< with a receiver under test
  std::function<std::vector<maintenance_window>()> windows{};  ///< in force
  /// Records other windows; blocks, called on a thread of its own.
  using window_edit = std::function<outcome<bool>(std::vector<maintenance_window>&)>;
  std::function<outcome<bool>(const window_edit&)> change_windows{};
  entity_aliases aliases{};          ///< of whom posted alerts are about
  std::vector<naming_rule> names{};  ///< by which they say it
  posted_notes* posted = nullptr;    ///< what the log says of them
};

/// Silences and alerts for operators: checks what they say, makes it a decision, and answers when
/// that is durable. What it does is done by the correlator, in the order of the decision log.
class node_life_cycle final : public life_cycle {
public:
  node_life_cycle(caf::actor_system& system, life_cycle_parts parts);

  void firing(firing_filter filter, answer<std::vector<firing_alert>> done) override;
  void receivers(answer<receiver_page> done) override;
  void test_receiver(std::string name, answer<std::string> done) override;
  void alert_by_id(std::string id, answer<told<alert>> done) override;
  void search_alerts(alert_search search, answer<alert_page> done) override;
  /// Records what was said of posted alerts and is due; the node asks each second.
  void tend_posts();
  /// At the end of the node, when nobody posts any more: records what was said and is not due yet.
  void close_posts(answer<bool> done);
  void post_alerts(std::vector<posted_alert> alerts, answer<std::size_t> done) override;
  void silences(silence_filter filter, answer<std::vector<silence_row>> done) override;
  void set_silence(silence_word word, answer<std::string> done) override;
  void end_silence(std::string id, std::string by, answer<bool> done) override;
  void maintenance(answer<std::vector<maintenance_row>> done) override;
  void set_maintenance(maintenance_word word, answer<bool> done) override;
  void end_maintenance(std::string name, std::string by, answer<bool> done) override;
  void preview_silence(std::vector<label_matcher> matchers, answer<silence_reach> done) override;

private:
  std::vector<std::string> receivers_of(const alert& a) const;
  void with_view(bool alerts, answer<correlator_view> done);
  void record(std::vector<operator_command> commands, answer<bool> done);
  void record_at(std::vector<operator_command> commands, answer<std::uint64_t> done);
  void record_and_fold(std::vector<operator_command> commands, answer<bool> done);
  void take_silence(silence_word word, answer<std::string> done);
  outcome<label_matchers> checked(silence_word& word) const;
  void settle_silence(silence_word word, const std::vector<told_silence>& known,
                      answer<std::string> done);
  void reach_of(label_matchers matchers, answer<silence_reach> done);
  void breadth_of(const maintenance_window& w, answer<std::uint64_t> done);
  void keep_window(const maintenance_window& w, answer<bool> done);
  std::string new_id(const silence& s) const;

  caf::actor_system& system_;
  life_cycle_parts parts_;
};

}  // namespace faultline
