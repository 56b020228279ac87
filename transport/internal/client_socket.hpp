// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/internal/curve.hpp"
#include "transport/internal/kept_connection.hpp"
#include "transport/internal/zmq_tools.hpp"

namespace faultline {

struct client_end {
  zmq::socket_type type;
  std::string_view what;  ///< what a failure calls it
  std::string endpoint;
  socket_limits limits;
  const curve_keys* keys;                    ///< nullptr where the server asks for none
  std::vector<std::string> subscriptions{};  ///< prefixes, of a SUB
};

/// A socket that connects, with the limits of clients set. @p kept: what is to look after its
/// connection, for who stays. Fails: ec::io_failed.
outcome<zmq::socket_t> open_client_socket(zmq::context_t& context, const client_end& end,
                                          std::optional<kept_connection>* kept = nullptr);

/// Sends one frame without waiting. @returns false when nobody can take it now.
bool try_send(zmq::socket_t& socket, std::string_view frame, bool more = false);

using client_clock = std::chrono::steady_clock;

/// Milliseconds from now until @p when for zmq_poll: rounded up, 0 when it has passed, at most a
/// day.
int poll_ms_until(client_clock::time_point when);

}  // namespace faultline
