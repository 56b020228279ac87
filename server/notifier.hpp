// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "judgement/notifier_core.hpp"
#include "server/later_mails.hpp"
#include "storage/store.hpp"
#include "transport/notify_sender.hpp"

namespace faultline {

/// What is open, where there is no feed to read it from.
struct notify_snapshot {
  std::uint64_t as_of = 0;  ///< feed record
  std::vector<alert> firing;
  std::vector<incident> open;
};

struct receiver_state {
  std::string name;
  std::string kind;
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;
  std::uint64_t refused = 0;   ///< for good
  std::string last_error;      ///< without address and secrets; empty after a success
  std::int64_t last_sent = 0;  ///< milliseconds; 0: not since the start
};
struct notifier_status {
  std::vector<receiver_state> receivers;
  std::size_t waiting = 0;     ///< groups to be told of
  std::uint64_t behind = 0;    ///< feed records not looked at yet
  std::uint64_t left_out = 0;  ///< alerts beyond notifier_limits::alerts
};

/// Tells receivers of alerts: follows the feed with a cursor in the store, keeps who knows what
/// there, and sends from one thread a receiver, so that a slow one holds up nobody.
///
/// Lives:  made before the doors open; start() once the store is whole; stop() waits five seconds
///         for what is being sent: who has not answered by then is told again by the next start.
/// Fails:  a receiver that does not answer is tried again, forever, ever less often; a store that
///         does not write ends the notifier: @p give_up.
class notifier {
public:
  using snapshot_source = std::function<outcome<notify_snapshot>()>;
  /// What make() begins with. Fails as notifier_core::make() and check_template().
  static outcome<notifier_core> core_of(const notify_options& options);
  /// Fails as core_of().
  static outcome<std::unique_ptr<notifier>> make(const notify_options& options, store& memory,
                                                 std::function<arrival_time()> now,
                                                 snapshot_source open,
                                                 std::function<void(const std::string&)> give_up);
  ~notifier();
  void start();
  void stop();
  /// The feed has grown. From any thread; cheap.
  void wake();
  notifier_status status() const;
  std::vector<std::string> receivers_of(const alert& a) const { return routing_.receivers_of(a); }
  /// Sends a made-up alert to @p receiver now, past routes and limits. Blocks, for @p patience and
  /// what a message may take at most. Fails: ec::not_found, or as send_notification().
  outcome<void> test(const std::string& receiver, std::chrono::milliseconds patience) const;

private:
  struct worker;
  notifier(const notify_options& options, notifier_core core, store& memory);
  outcome<void> load();
  outcome<void> begin_anew();
  outcome<bool> follow();
  bool take_results();
  outcome<void> keep(bool sync);
  void run();
  outcome<bool> turn();
  void work(worker& w);
  void send(worker& w, notification job);
  void send_later(worker& w, later_mails::mail due);
  static void give_up_mail(const worker& w, const later_mails::mail& mail, const std::string& why);
  notify_target target_of(const notify_receiver& r) const;

  const notify_options options_;
  notifier_core core_;           ///< of the thread
  const notifier_core routing_;  ///< without state, for questions
  store& memory_;
  std::function<arrival_time()> now_;
  snapshot_source open_;
  std::function<void(const std::string&)> give_up_;
  std::uint64_t cursor_ = 0;  ///< newest feed record taken
  bool cursor_moved_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stop_ = false;
  std::size_t sending_ = 0;  ///< workers that wait for an answer
  std::condition_variable answered_;
  std::atomic<bool> broken_off_{false};
  struct result {
    std::string receiver;
    delivery how = delivery::failed;
    milliseconds rest{0};
  };
  std::deque<result> results_;
  notifier_status status_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::thread thread_;
};

}  // namespace faultline
