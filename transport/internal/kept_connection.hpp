// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <zmq.hpp>

#include "transport/internal/zmq_tools.hpp"

namespace faultline {

/// A connection that libzmq gives up for good: whose handshake the other side refuses (keys it does
/// not know yet, another mechanism), or that breaks the protocol, by a message that is too large as
/// a rule. It is begun anew, once a second.
///
/// Lives:  beside its socket, on the socket's thread; the monitor ends before either
///         (zmq_socket_monitor(socket, nullptr, 0)).
class kept_connection {
public:
  static constexpr std::chrono::seconds pause{1};

  /// Watches @p socket, which connects to @p endpoint after this. Throws zmq::error_t.
  kept_connection(zmq::context_t& context, zmq::socket_t& socket, std::string endpoint);

  struct news {
    std::size_t agreed = 0;  ///< handshakes that succeeded
    bool refused = false;    ///< first refusal since the last of these
    bool broken = false;     ///< it had broken the protocol, and is begun anew
  };
  /// What has happened since the last call; connects again where it is time.
  news look_after(zmq::socket_t& socket);
  /// Why nobody has agreed since, in words; empty: it was not refused.
  std::string_view refusal() const noexcept { return refusal_; }
  zmq::socket_t& monitor() noexcept { return monitor_; }

private:
  using clock = std::chrono::steady_clock;

  void note(std::uint16_t what, news& heard);

  std::string endpoint_;
  zmq::socket_t monitor_;
  frame_list event_;
  clock::time_point again_ = clock::time_point::max();
  bool was_broken_ = false;  ///< what is to be begun anew then
  std::string_view refusal_;
};

}  // namespace faultline
