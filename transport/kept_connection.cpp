// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/kept_connection.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace faultline {

namespace {

std::string monitor_name() {
  static std::atomic<std::uint64_t> number{0};
  return "inproc://connection-monitor-" + std::to_string(number++);
}

}  // namespace

kept_connection::kept_connection(zmq::context_t& context, zmq::socket_t& socket,
                                 std::string endpoint)
    : endpoint_{std::move(endpoint)}, monitor_{context, zmq::socket_type::pair} {
  // Each try to connect is told, also while nobody looks; where there is no room for more, libzmq's
  // thread waits.
  constexpr int most_told = 100'000;
  const std::string events = monitor_name();
  monitor_.set(zmq::sockopt::linger, 0);
  monitor_.set(zmq::sockopt::rcvhwm, most_told);
  if (zmq_socket_monitor(socket.handle(), events.c_str(),
                         ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                             ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_DISCONNECTED |
                             ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CONNECT_DELAYED) != 0)
    throw zmq::error_t{};
  monitor_.connect(events);
}

void kept_connection::note(std::uint16_t what, news& heard) {
  const bool waits = again_ != clock::time_point::max();
  switch (what) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      ++heard.agreed;
      refusal_ = {};
      again_ = clock::time_point::max();
      return;
    case ZMQ_EVENT_CONNECT_RETRIED:
    case ZMQ_EVENT_CONNECT_DELAYED:  // libzmq goes on by itself
      again_ = clock::time_point::max();
      return;
    case ZMQ_EVENT_DISCONNECTED:
      if (waits) return;
      was_broken_ = true;
      break;
    default:
      if (waits) return;
      was_broken_ = false;
      heard.refused = refusal_.empty();
      refusal_ = what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
                     ? "it refuses this key"
                     : "one end asks for keys, and the other one has none";
  }
  again_ = clock::now() + pause;
}

kept_connection::news kept_connection::look_after(zmq::socket_t& socket) {
  news heard;
  while (receive(monitor_, event_)) {
    std::uint16_t what = 0;
    if (event_[0].size() < sizeof what) continue;
    std::memcpy(&what, event_[0].data(), sizeof what);
    note(what, heard);
  }
  if (clock::now() < again_) return heard;
  again_ = clock::time_point::max();
  heard.broken = was_broken_;
  // Without this libzmq takes the endpoint for connected. It may have forgotten it by itself.
  if (zmq_disconnect(socket.handle(), endpoint_.c_str()) != 0 && errno != ENOENT)
    throw zmq::error_t{};
  socket.connect(endpoint_);
  return heard;
}

}  // namespace faultline
