// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zmq.hpp>

#include "messages/outcome.hpp"

namespace faultline {

/// The context that all clients of a process share; ends with the last of them. A server has that
/// of its doors and no other: several would close libsodium's source of randomness under each
/// other.
std::shared_ptr<zmq::context_t> client_context();

/// What every socket gets before it binds or connects: libzmq does not apply it afterwards.
struct socket_limits {
  int high_water_mark = 1000;           ///< messages per peer and direction
  std::int64_t max_message_bytes = -1;  ///< a peer that sends a larger frame is cut
  int linger_ms = 1000;
  /// Where reading may stop, a peer's answers to heartbeats stand behind its messages that wait:
  /// then they are not missed, and the kernel alone asks whether it is there.
  bool always_read = true;
};

/// Sets high-water marks, size limit, heartbeats, keep-alive, handshake, reconnect and linger
/// times.
void set_limits(zmq::socket_t& socket, const socket_limits& limits, std::string_view endpoint);

/// Binds. Fails: ec::io_failed naming what and where.
outcome<void> bind_socket(zmq::socket_t& socket, std::string_view what,
                          const std::string& endpoint);
/// Connects. Fails: ec::io_failed naming what and where.
outcome<void> connect_socket(zmq::socket_t& socket, std::string_view what,
                             const std::string& endpoint);

/// Wakes a thread that waits in zmq_poll: an eventfd in its poll set.
class wake_up {
public:
  wake_up();  ///< throws std::system_error when the process has no descriptor left
  ~wake_up();
  wake_up(const wake_up&) = delete;
  wake_up& operator=(const wake_up&) = delete;
  int fd() const noexcept { return fd_; }
  void ring() noexcept;   ///< from any thread
  void clear() noexcept;  ///< by the woken thread, before it looks at what it was woken for

private:
  int fd_ = -1;
};

/// The frames of one message, kept in libzmq's own buffers. Reused, so that receiving copies
/// nothing.
struct frame_list {
  static constexpr std::size_t kept = 8;
  std::array<zmq::message_t, kept> frames;
  std::size_t count = 0;  ///< frames of the message; those beyond `kept` were dropped

  std::string_view operator[](std::size_t i) const noexcept {
    return {static_cast<const char*>(frames[i].data()), frames[i].size()};
  }
};

/// Takes one whole message without waiting. @returns false when there is none. Not of an XPUB: see
/// receive_frame().
bool receive(zmq::socket_t& socket, frame_list& into);
/// Takes one frame without waiting. An XPUB hands out no whole messages: of one with several frames
/// it keeps those that subscribe to what is subscribed to already, so that "more" may not come.
bool receive_frame(zmq::socket_t& socket, zmq::message_t& into);

/// The frame with which the request in a ROUTER's message begins: after the route, and after the
/// envelope where there is one, which an empty frame ends.
std::size_t begin_of_request(const frame_list& message) noexcept;
/// What stands between the route and the request that begins with frame @p begin.
std::vector<std::string> envelope_of(const frame_list& message, std::size_t begin);

/// Names of the connections that messages came by: "host:port". ZeroMQ tells the descriptor and the
/// host; the port is asked of the socket, once a second for each connection, and is kept when the
/// connection has closed before its last messages were read. The host alone where it never was
/// known.
class peer_names {
public:
  using clock = std::chrono::steady_clock;
  /// Empty when ZeroMQ does not know. Valid until the next call. @p now: for how long a name holds.
  std::string_view of(zmq::message_t& frame, clock::time_point now = clock::now());

private:
  struct known {
    std::string name;
    clock::time_point until;
  };
  /// By descriptor and the place of what ZeroMQ keeps for a connection: a descriptor is given again
  /// while messages of the connection that had it still wait.
  std::map<std::pair<int, const void*>, known> by_connection_;
};

enum class send_result : std::uint8_t {
  sent,
  full,        ///< the peer's queue has no room at the moment; nothing was sent
  unroutable,  ///< the peer has gone
};
/// Sends [route][envelope...][frame] to a ROUTER that is mandatory, without waiting.
send_result send_to(zmq::socket_t& router, std::string_view route,
                    const std::vector<std::string>& envelope, std::string_view frame);

/// Waits for events of @p items; an interrupted wait counts as one without events.
void wait_for(zmq_pollitem_t* items, std::size_t count, int timeout_ms);

/// What doors::counters() reads; written by the two threads.
struct door_tally {
  std::atomic<std::uint64_t> event_messages{0}, requests{0}, bad_requests{0}, replies{0},
      replies_unroutable{0}, published{0}, publish_dropped{0}, feed_requests{0}, feed_refused{0},
      feed_rebound{0}, subscriptions_broken{0}, bytes_in{0};

  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) noexcept {
    counter.fetch_add(n, std::memory_order_relaxed);
  }
};

}  // namespace faultline
