// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "transport/doors.hpp"
#include "transport/internal/curve.hpp"
#include "transport/internal/held_replies.hpp"
#include "transport/internal/kept_connection.hpp"
#include "transport/internal/zmq_tools.hpp"

namespace faultline {

/// A PULL or SUB socket and the name of its kind.
struct event_socket {
  zmq::socket_t socket;
  std::string_view source;  ///< pull, subscribe
  std::string peer;         ///< of SUB: the endpoint; empty: the connection of each message
  bool secured = false;     ///< asks for keys
  /// Of SUB: the key that the other side has proven, in Z85; empty: none, or that of each message.
  std::string proven_key;
  std::optional<kept_connection> kept;  ///< of SUB

  /// Nobody is connected after this; what has come can be read.
  void close_to_peers();
};

/// A ROUTER.
struct request_socket {
  zmq::socket_t socket;
  bool secured = false;  ///< asks for keys
};

/// The ingest thread: reads every ROUTER, PULL and SUB in turn, a few messages each, and sends the
/// replies that others hand over.
///
/// Lives:  made by open_doors() with its sockets bound; start() runs the thread, stop() ends it.
/// Fails:  a socket error other than a gone peer ends the process: it is a programming error.
/// Limits: `max_replies` wait at most; one more is dropped and counted (its publisher sends again).
class ingest_loop {
public:
  /// A turn of one socket ends with whichever comes first: a message of thousands of events takes a
  /// millisecond or two, and publishers of small ones wait meanwhile.
  static constexpr std::size_t messages_per_turn = 64;
  static constexpr std::chrono::milliseconds time_per_turn{2};
  static constexpr std::size_t max_replies = 65536;

  /// @p access outlives the loop.
  ingest_loop(std::vector<request_socket> routers, std::vector<event_socket> events,
              const current_access& access, door_tally& tally);
  ~ingest_loop() { stop(); }

  void start(ingest_handler& handler);
  void reply(const reply_address& to, std::string frame);
  /// Returns when event sockets are closed to new messages, and what had come by them is read: what
  /// publishers push from then on waits with them.
  void stop_reading();
  void stop() noexcept;

private:
  struct outgoing {
    reply_address to;
    std::string frame;
  };

  void run();
  void wait(bool reading, bool events_open);
  void look_after_connections();
  void read_requests(std::size_t router);
  void take_request(std::size_t router);
  void read_events(event_socket& from);
  void end_events();
  bool read_until_still(event_socket& from, std::chrono::steady_clock::time_point until);
  std::size_t throw_away(event_socket& from);
  void take_event(const event_socket& from);
  zmq::message_t& last_frame() noexcept;
  void send_replies();
  std::size_t bytes_of_message() const noexcept;

  std::vector<request_socket> routers_;
  std::vector<event_socket> events_;
  const current_access& access_;
  shared_access list_;  ///< of this turn
  door_tally& tally_;
  ingest_handler* handler_ = nullptr;
  wake_up wake_;
  std::vector<zmq_pollitem_t> items_;                  ///< wake-up, routers, event sockets
  std::chrono::steady_clock::time_point next_look_{};  ///< at connections
  frame_list message_;
  peer_names peers_;
  std::vector<outgoing> sending_;
  held_replies held_;
  std::mutex mutex_;
  std::vector<outgoing> replies_;  ///< guarded by mutex_
  bool events_ended_ = false;
  std::promise<void> ended_;  ///< of these
  std::atomic<bool> quiet_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace faultline
