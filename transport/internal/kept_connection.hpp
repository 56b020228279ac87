// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include <zmq.hpp>

#include "transport/internal/zmq_tools.hpp"

namespace faultline {

/// A connection whose handshake the other side refuses (keys it does not know yet, another
/// mechanism), which libzmq gives up for good. It is begun anew, once a second. One that libzmq
/// ends for a message that is too large is not seen here.
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
  };
  /// What has happened since the last call; connects again where it is time.
  news look_after(zmq::socket_t& socket);
  zmq::socket_t& monitor() noexcept { return monitor_; }

private:
  using clock = std::chrono::steady_clock;

  std::string endpoint_;
  zmq::socket_t monitor_;
  frame_list event_;
  clock::time_point again_ = clock::time_point::max();
  bool told_ = false;
};

}  // namespace faultline
