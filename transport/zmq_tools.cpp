// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/zmq_tools.hpp"

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <system_error>

#include "transport/internal/zmq_epoll.hpp"

namespace faultline {

std::shared_ptr<zmq::context_t> client_context() {
  static std::mutex mutex;
  static std::weak_ptr<zmq::context_t> shared;
  const std::lock_guard lock{mutex};
  auto context = shared.lock();
  if (!context) {
    context = std::make_shared<zmq::context_t>(1);
    shared = context;
  }
  return context;
}

void set_limits(zmq::socket_t& socket, const socket_limits& limits, std::string_view endpoint) {
  tell_errors_to_readers();
  socket.set(zmq::sockopt::sndhwm, limits.high_water_mark);
  socket.set(zmq::sockopt::rcvhwm, limits.high_water_mark);
  socket.set(zmq::sockopt::maxmsgsize, limits.max_message_bytes);
  socket.set(zmq::sockopt::linger, limits.linger_ms);
  socket.set(zmq::sockopt::handshake_ivl, 3000);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::heartbeat_ivl, 2000);
  socket.set(zmq::sockopt::heartbeat_timeout, limits.always_read ? 6000 : 0);
  socket.set(zmq::sockopt::heartbeat_ttl, 6000);
  if (!limits.always_read) {
    socket.set(zmq::sockopt::tcp_keepalive_idle, 2);
    socket.set(zmq::sockopt::tcp_keepalive_intvl, 2);
    socket.set(zmq::sockopt::tcp_keepalive_cnt, 2);
    // While a heartbeat is not acknowledged the kernel asks nothing.
    socket.set(zmq::sockopt::tcp_maxrt, 6000);
  }
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

bool receive_frame(zmq::socket_t& socket, zmq::message_t& into) {
  while (zmq_msg_recv(into.handle(), socket.handle(), ZMQ_DONTWAIT) < 0) {
    if (errno == EAGAIN) return false;
    if (errno != EINTR) throw zmq::error_t{};
  }
  return true;
}

std::size_t begin_of_request(const frame_list& message) noexcept {
  constexpr std::size_t longest_id = 255;                   // of a route, in ZMTP
  constexpr std::size_t last_place = frame_list::kept - 3;  // two frames may follow
  for (std::size_t i = 1; i < message.count && i <= last_place; ++i) {
    // An empty frame at the end is a payload.
    if (message[i].empty()) return i == 1 || i + 1 < message.count ? i + 1 : 1;
    if (message[i].size() > longest_id) break;
  }
  return 1;
}

std::vector<std::string> envelope_of(const frame_list& message, std::size_t begin) {
  std::vector<std::string> frames;
  for (std::size_t i = 1; i < begin; ++i) frames.emplace_back(message[i]);
  return frames;
}

namespace {

/// ":port" of the other end of @p descriptor, or nothing: it may be closed, or no TCP.
std::string port_of(int descriptor) {
  sockaddr_storage other{};
  socklen_t size = sizeof other;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&other), &size) != 0) return {};
  if (other.ss_family == AF_INET)
    return ":" + std::to_string(ntohs(reinterpret_cast<const sockaddr_in&>(other).sin_port));
  if (other.ss_family == AF_INET6)
    return ":" + std::to_string(ntohs(reinterpret_cast<const sockaddr_in6&>(other).sin6_port));
  return {};
}

}  // namespace

std::string_view peer_names::of(zmq::message_t& frame, clock::time_point now) {
  constexpr std::chrono::seconds keep{1};
  constexpr std::size_t most = 4096;
  const char* descriptor = zmq_msg_gets(frame.handle(), "__fd");
  const char* host = zmq_msg_gets(frame.handle(), "Peer-Address");
  if (descriptor == nullptr || host == nullptr) return {};
  if (by_connection_.size() >= most) by_connection_.clear();
  const int number = std::atoi(descriptor);
  auto& entry = by_connection_[{number, host}];
  if (entry.until <= now) {
    const auto port = port_of(number);
    if (!port.empty() || entry.name.empty()) entry.name = host + port;
    entry.until = now + keep;
  }
  return entry.name;
}

send_result send_to(zmq::socket_t& router, std::string_view route,
                    const std::vector<std::string>& envelope, std::string_view frame) {
  bool full = false;
  const auto part = [&](std::string_view bytes, int flags) {
    while (zmq_send(router.handle(), bytes.data(), bytes.size(), flags | ZMQ_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      full = errno == EAGAIN;
      if (errno == EHOSTUNREACH || errno == EAGAIN) return false;
      throw zmq::error_t{};
    }
    return true;
  };
  if (!part(route, ZMQ_SNDMORE)) return full ? send_result::full : send_result::unroutable;
  for (const std::string& before : envelope)
    if (!part(before, ZMQ_SNDMORE)) return send_result::unroutable;
  return part(frame, 0) ? send_result::sent : send_result::unroutable;
}

void wait_for(zmq_pollitem_t* items, std::size_t count, int timeout_ms) {
  if (zmq_poll(items, static_cast<int>(count), timeout_ms) >= 0) return;
  if (errno != EINTR) throw zmq::error_t{};
  for (std::size_t i = 0; i < count; ++i) items[i].revents = 0;
}

}  // namespace faultline
