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
  const std::string events = monitor_name();
  monitor_.set(zmq::sockopt::linger, 0);
  if (zmq_socket_monitor(socket.handle(), events.c_str(),
                         ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                             ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) != 0)
    throw zmq::error_t{};
  monitor_.connect(events);
}

kept_connection::news kept_connection::look_after(zmq::socket_t& socket) {
  news heard;
  while (receive(monitor_, event_)) {
    std::uint16_t what = 0;
    if (event_[0].size() < sizeof what) continue;
    std::memcpy(&what, event_[0].data(), sizeof what);
    if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      ++heard.agreed;
      again_ = clock::time_point::max();
      told_ = false;
    } else if (again_ == clock::time_point::max()) {
      again_ = clock::now() + pause;
      heard.refused = !std::exchange(told_, true);
    }
  }
  if (clock::now() < again_) return heard;
  again_ = clock::time_point::max();
  // Without this libzmq takes the endpoint for connected. It may have forgotten it by itself.
  if (zmq_disconnect(socket.handle(), endpoint_.c_str()) != 0 && errno != ENOENT)
    throw zmq::error_t{};
  socket.connect(endpoint_);
  return heard;
}

}  // namespace faultline
