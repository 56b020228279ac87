// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/client_socket.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace faultline {

namespace {

bool has_address(const std::string& host, int family) {
  addrinfo wanted{};
  wanted.ai_family = family;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) return false;
  ::freeaddrinfo(found);
  return true;
}

/// Of a name libzmq looks for addresses of IPv4, or, told so, for those of IPv6, and takes the
/// first.
bool is_of_ipv6_alone(const std::string& endpoint) {
  constexpr std::string_view tcp = "tcp://";
  const auto port = endpoint.rfind(':');
  if (endpoint.rfind(tcp, 0) != 0 || port < tcp.size()) return false;
  const auto host = endpoint.substr(tcp.size(), port - tcp.size());
  return !has_address(host, AF_INET) && has_address(host, AF_INET6);
}

}  // namespace

outcome<zmq::socket_t> open_client_socket(zmq::context_t& context, const client_end& end,
                                          std::optional<kept_connection>* kept) {
  try {
    zmq::socket_t socket{context, end.type};
    set_limits(socket, end.limits, end.endpoint);
    if (is_of_ipv6_alone(end.endpoint)) socket.set(zmq::sockopt::ipv6, true);
    if (end.keys != nullptr) prove_keys(socket, end.keys->own, end.keys->server_key);
    socket.set(zmq::sockopt::reconnect_ivl_max, 1000);
    // Messages wait with us, not in a pipe to a server that is not there.
    if (end.type != zmq::socket_type::sub) socket.set(zmq::sockopt::immediate, true);
    for (const std::string& prefix : end.subscriptions) socket.set(zmq::sockopt::subscribe, prefix);
    if (kept != nullptr) kept->emplace(context, socket, end.endpoint);
    if (auto done = connect_socket(socket, end.what, end.endpoint); !done) return done.error();
    return socket;
  } catch (const zmq::error_t& why) {
    return failure{ec::io_failed,
                   std::string{"cannot open "}.append(end.what) + ": " + std::string{why.what()}};
  }
}

bool try_send(zmq::socket_t& socket, std::string_view frame, bool more) {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  while (zmq_send(socket.handle(), frame.data(), frame.size(), flags) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return false;
    throw zmq::error_t{};
  }
  return true;
}

int poll_ms_until(client_clock::time_point when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - client_clock::now());
  constexpr std::chrono::milliseconds none{0};
  constexpr std::chrono::milliseconds day = std::chrono::hours{24};
  return static_cast<int>(std::clamp<std::chrono::milliseconds>(left, none, day).count());
}

}  // namespace faultline
