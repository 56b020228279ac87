// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "transport/doors.hpp"
#include "transport/internal/curve.hpp"
#include "transport/internal/held_replies.hpp"
#include "transport/internal/subscriptions.hpp"
#include "transport/internal/zmq_tools.hpp"

namespace faultline {

/// The feed thread: publishes records on the XPUB, beats once a second, answers the replay ROUTER.
///
/// Lives:  made by open_doors() with its sockets bound; start() runs the thread, stop() ends it
///         after what waits has been handed to libzmq.
/// Limits: `capacity` records wait at most; one more drops the oldest,
///         which subscribers miss by its seq and replay. A subscriber
///         that does not read loses alone: XPUB drops for it. Requests
///         that have no reply yet wait, and what their senders ask behind them; beyond that
///         everybody's wait in libzmq's buffers. Subscriptions take
///         `most_subscribed_bytes`.
class feed_loop {
public:
  static constexpr std::size_t subscriptions_per_turn = 256;
  static constexpr std::size_t requests_per_turn = 16;
  static constexpr std::size_t records_per_turn = 256;
  static constexpr std::size_t most_unanswered = 1024;
  static constexpr std::size_t most_unanswered_bytes = std::size_t{1} << 20;
  /// Of memory, for all prefixes that are subscribed to, here and in libzmq, which keeps each byte
  /// of them in a node of its own, some 34 bytes: 4 MiB of long prefixes, or 20,000 of 200 bytes.
  /// With more, everybody has to subscribe anew. It is looked at when libzmq has taken in what was
  /// sent without a pause.
  static constexpr std::size_t most_subscribed_bytes = std::size_t{144} << 20;
  static constexpr std::chrono::hours quiet_after_cut{1};

  /// Who may ask, where sockets ask for keys.
  struct guards {
    bool publisher = false, replay = false;  ///< asks for keys
    const current_access* access = nullptr;  ///< outlives the loop
    /// Binds the XPUB anew after the old one is closed; nothing while its address is not free yet.
    std::function<std::optional<zmq::socket_t>()> bind_publisher;
    std::function<void(const std::string&)> give_up;  ///< it never became free
  };
  feed_loop(zmq::socket_t publisher, zmq::socket_t replay, std::size_t capacity, guards guard,
            door_tally& tally);
  ~feed_loop() { stop(); }

  void start(feed_handler& handler);
  void publish(const feed_record& record, const std::vector<std::string>& topics);
  void look_again() noexcept { wake_.ring(); }  ///< the list of clients is another
  void stop() noexcept;

private:
  using clock = std::chrono::steady_clock;
  struct outgoing {
    std::uint64_t seq = 0;
    std::vector<std::string> topics;
    std::string payload;
  };
  struct asked {
    std::string route;
    std::vector<std::string> envelope;
    std::string request;
    bool before = false;  ///< the handler knows of it
    clock::time_point came = clock::now();
  };

  void run();
  void read_subscriptions();
  void note_subscription(zmq::message_t& message);
  void cut_subscriptions();
  void publish_waiting(std::size_t most);
  void send_record(const outgoing& record);
  void send_frames(std::string_view topic, std::string_view payload);
  void answer_requests();
  void answer_waiting();
  bool answer(asked& by);
  bool waits(std::string_view route) const;
  bool has_room() const noexcept {
    return unanswered_.size() < most_unanswered && unanswered_bytes_ < most_unanswered_bytes;
  }
  void beat();
  bool may_ask();
  void look_for_lost_rights();
  void rebind_publisher();

  zmq::socket_t publisher_;
  zmq::socket_t replay_;
  std::size_t capacity_;
  guards guard_;
  shared_access served_;         ///< whom the XPUB serves: the list when it was last looked at
  arrival_time served_since_{};  ///< when that was
  clock::time_point next_look_{};
  door_tally& tally_;
  feed_handler* handler_ = nullptr;
  wake_up wake_;
  frame_list message_;
  held_replies held_;
  std::deque<asked> unanswered_;  ///< in their order
  std::size_t unanswered_bytes_ = 0;
  subscriptions wanted_;
  std::size_t subscribed_bound_ = most_subscribed_bytes;  ///< larger after several cuts
  std::optional<clock::time_point> last_cut_;
  clock::time_point next_beat_{};
  std::uint64_t sent_seq_ = 0;  ///< of the newest record that has gone out
  std::mutex mutex_;
  std::deque<outgoing> waiting_;  ///< guarded by mutex_
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace faultline
