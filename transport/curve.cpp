// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/curve.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "transport/internal/zmq_tools.hpp"

namespace faultline {

namespace {

/// In the draft part of zmq.h; Debian's library honours it (tests/transport/zmq_assumption_test).
constexpr int zap_enforce_domain = 93;
constexpr std::chrono::seconds canary_patience{5};

void set_option(zmq::socket_t& socket, int option, const void* value, std::size_t size) {
  if (zmq_setsockopt(socket.handle(), option, value, size) != 0) throw zmq::error_t{};
}

void set_pair(zmq::socket_t& socket, const curve_identity& own) {
  set_option(socket, ZMQ_CURVE_PUBLICKEY, own.public_key.data(), own.public_key.size());
  const auto hidden = own.secret_key.reveal();
  set_option(socket, ZMQ_CURVE_SECRETKEY, hidden.data(), hidden.size());
}

/// The address at which a socket bound to @p endpoint is reached from here.
std::string reachable(std::string endpoint) {
  for (const auto& [any, local] :
       {std::pair{"//0.0.0.0:", "//127.0.0.1:"}, {"//[::]:", "//[::1]:"}})
    if (const auto at = endpoint.find(any); at != std::string::npos)
      endpoint.replace(at, std::strlen(any), local);
  return endpoint;
}

zmq::socket_type counterpart(zmq::socket_type bound) {
  if (bound == zmq::socket_type::pull) return zmq::socket_type::push;
  if (bound == zmq::socket_type::xpub) return zmq::socket_type::sub;
  return zmq::socket_type::dealer;
}

}  // namespace

const char* to_string(curve_domain domain) noexcept {
  return domain == curve_domain::ingest ? "ingest" : "feed";
}

bool is_local(std::string_view endpoint) noexcept {
  const auto begins = [](std::string_view text, std::string_view with) {
    return text.substr(0, with.size()) == with;
  };
  if (begins(endpoint, "ipc://") || begins(endpoint, "inproc://")) return true;
  if (!begins(endpoint, "tcp://")) return false;
  const auto host = endpoint.substr(6, endpoint.rfind(':') - 6);
  if (host == "localhost" || host == "[::1]" || host == "::1") return true;
  // 127.0.0.0/8, and no name such as 127.example.org
  return begins(host, "127.") && std::all_of(host.begin(), host.end(), [](char c) {
           return c == '.' || (c >= '0' && c <= '9');
         });
}

void ask_for_keys(zmq::socket_t& socket, const curve_identity& own, curve_domain domain) {
  const int on = 1;
  set_option(socket, zap_enforce_domain, &on, sizeof on);
  const char* name = to_string(domain);
  set_option(socket, ZMQ_ZAP_DOMAIN, name, std::strlen(name));
  set_option(socket, ZMQ_CURVE_SERVER, &on, sizeof on);
  set_pair(socket, own);
}

void prove_keys(zmq::socket_t& socket, const curve_identity& own, const std::string& server_key) {
  set_option(socket, ZMQ_CURVE_SERVERKEY, server_key.data(), server_key.size());
  set_pair(socket, own);
}

arrival_time key_clock_now() {
  return arrival_time{std::chrono::duration_cast<milliseconds>(
      std::chrono::system_clock::now().time_since_epoch())};
}

sender sender_of(zmq::message_t& last, const access_list* list) {
  if (list == nullptr) return {};
  const char* user = zmq_msg_gets(last.handle(), "User-Id");
  return {true, user == nullptr ? nullptr : list->find(user)};
}

outcome<void> send_canary(zmq::context_t& context, zmq::socket_type bound,
                          const std::string& endpoint, const curve_identity& made_up,
                          const std::string& server_key) {
  static std::atomic<std::uint64_t> number{0};
  const std::string events = "inproc://canary-" + std::to_string(number++);
  zmq::socket_t canary{context, counterpart(bound)};
  canary.set(zmq::sockopt::linger, 0);
  canary.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
  canary.set(zmq::sockopt::reconnect_ivl, -1);
  prove_keys(canary, made_up, server_key);
  if (zmq_socket_monitor(canary.handle(), events.c_str(),
                         ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_SUCCEEDED) != 0)
    throw zmq::error_t{};
  zmq::socket_t monitor{context, zmq::socket_type::pair};
  monitor.set(zmq::sockopt::linger, 0);
  monitor.connect(events);
  canary.connect(reachable(endpoint));
  zmq_pollitem_t item{monitor.handle(), 0, ZMQ_POLLIN, 0};
  const int patience = static_cast<int>(std::chrono::milliseconds{canary_patience}.count());
  wait_for(&item, 1, patience);
  frame_list event;
  const bool heard = receive(monitor, event) && event[0].size() >= 2;
  std::uint16_t what = 0;
  if (heard) std::memcpy(&what, event[0].data(), sizeof what);
  zmq_socket_monitor(canary.handle(), nullptr, 0);
  if (what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return {};
  if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
    return failure{ec::invalid, endpoint + " lets in a key that nobody knows"};
  return failure{ec::deadline_passed, endpoint + " did not refuse a key that nobody knows"};
}

}  // namespace faultline
