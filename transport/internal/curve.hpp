// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <zmq.hpp>

#include "transport/access.hpp"
#include "transport/key_file.hpp"

namespace faultline {

/// What a socket is for: its ZAP domain.
enum class curve_domain : std::uint8_t { ingest, feed };
inline constexpr std::size_t curve_domains = 2;
const char* to_string(curve_domain domain) noexcept;

/// Whether only this machine reaches @p endpoint: ipc, inproc, or tcp on a loopback address.
bool is_local(std::string_view endpoint) noexcept;

/// Before bind: clients must prove a key that the authenticator knows in @p domain. Without an
/// authenticator nobody is let in.
void ask_for_keys(zmq::socket_t& socket, const curve_identity& own, curve_domain domain);
/// Before connect: we prove @p own and the other side proves @p server_key (Z85).
void prove_keys(zmq::socket_t& socket, const curve_identity& own, const std::string& server_key);

/// The list of now, for all threads.
class current_access {
public:
  explicit current_access(shared_access first) : list_{std::move(first)} {}
  shared_access get() const {
    const std::lock_guard lock{mutex_};
    return list_;
  }
  void set(shared_access list) {
    const std::lock_guard lock{mutex_};
    list_ = std::move(list);
  }

private:
  mutable std::mutex mutex_;
  shared_access list_;
};

/// Our wall clock, against which keys expire.
arrival_time key_clock_now();

/// Who sent the message that @p last is the last frame of. A frame of a socket that asks for no
/// keys proves nothing; @p list is null there.
sender sender_of(zmq::message_t& last, const access_list* list);

/// Calls @p endpoint, bound by a socket of type @p bound that asks for keys, with a key made up for
/// it, and waits to be refused.
/// Fails: ec::invalid when the stranger is let in, ec::deadline_passed when nothing is said.
outcome<void> send_canary(zmq::context_t& context, zmq::socket_type bound,
                          const std::string& endpoint, const curve_identity& made_up,
                          const std::string& server_key);

}  // namespace faultline
