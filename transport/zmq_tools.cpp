// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/zmq_tools.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace faultline {

void set_limits(zmq::socket_t& socket, const socket_limits& limits, std::string_view endpoint) {
  socket.set(zmq::sockopt::sndhwm, limits.high_water_mark);
  socket.set(zmq::sockopt::rcvhwm, limits.high_water_mark);
  socket.set(zmq::sockopt::maxmsgsize, limits.max_message_bytes);
  socket.set(zmq::sockopt::linger, limits.linger_ms);
  socket.set(zmq::sockopt::handshake_ivl, 3000);
  socket.set(zmq::sockopt::heartbeat_ivl, 2000);
  socket.set(zmq::sockopt::heartbeat_timeout, 6000);
  socket.set(zmq::sockopt::heartbeat_ttl, 6000);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::backlog, 1024);
  socket.set(zmq::sockopt::reconnect_ivl, 100);
  socket.set(zmq::sockopt::reconnect_ivl_max, 5000);
  if (endpoint.find('[') != std::string_view::npos) socket.set(zmq::sockopt::ipv6, true);
}

namespace {

failure socket_failure(std::string_view doing, std::string_view what, const std::string& endpoint,
                       const zmq::error_t& why) {
  std::string text{"cannot "};
  text.append(doing).append(" ").append(what).append(" ").append(endpoint);
  return failure{ec::io_failed, text.append(": ").append(why.what())};
}

}  // namespace

outcome<void> bind_socket(zmq::socket_t& socket, std::string_view what,
                          const std::string& endpoint) {
  try {
    socket.bind(endpoint);
    return {};
  } catch (const zmq::error_t& why) {
    return socket_failure("bind", what, endpoint, why);
  }
}

outcome<void> connect_socket(zmq::socket_t& socket, std::string_view what,
                             const std::string& endpoint) {
  try {
    socket.connect(endpoint);
    return {};
  } catch (const zmq::error_t& why) {
    return socket_failure("connect", what, endpoint, why);
  }
}

wake_up::wake_up() : fd_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (fd_ < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
}

wake_up::~wake_up() { ::close(fd_); }

void wake_up::ring() noexcept {
  const std::uint64_t one = 1;
  // The only failure is a counter that is full: then the thread is woken all the same.
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

void wake_up::clear() noexcept {
  std::uint64_t count = 0;
  // The only failure is a counter of zero: there is nothing to clear.
  [[maybe_unused]] const auto got = ::read(fd_, &count, sizeof count);
}

bool receive(zmq::socket_t& socket, frame_list& into) {
  zmq::message_t rest;
  into.count = 0;
  for (bool more = true; more;) {
    zmq::message_t& frame = into.count < frame_list::kept ? into.frames[into.count] : rest;
    // Only the first frame can be missing: libzmq hands out whole messages.
    while (zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT) < 0) {
      if (errno == EAGAIN && into.count == 0) return false;
      if (errno != EINTR && errno != EAGAIN) throw zmq::error_t{};
    }
    ++into.count;
    more = frame.more();
  }
  return true;
}

send_result send_to(zmq::socket_t& router, std::string_view route, bool delimiter,
                    std::string_view frame) {
  const auto part = [&](std::string_view bytes, int flags) {
    while (zmq_send(router.handle(), bytes.data(), bytes.size(), flags | ZMQ_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      if (errno == EHOSTUNREACH || errno == EAGAIN) return false;
      throw zmq::error_t{};
    }
    return true;
  };
  const bool sent =
      part(route, ZMQ_SNDMORE) && (!delimiter || part("", ZMQ_SNDMORE)) && part(frame, 0);
  return sent ? send_result::sent : send_result::unroutable;
}

void wait_for(zmq_pollitem_t* items, std::size_t count, int timeout_ms) {
  if (zmq_poll(items, static_cast<int>(count), timeout_ms) >= 0) return;
  if (errno != EINTR) throw zmq::error_t{};
  for (std::size_t i = 0; i < count; ++i) items[i].revents = 0;
}

}  // namespace faultline
