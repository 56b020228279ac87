// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transport/internal/curve.hpp"
#include "transport/internal/zmq_tools.hpp"

namespace faultline {

/// A connecting socket of a client, with the limits of clients set. @p keys: nullptr where the
/// server asks for none. Fails: ec::io_failed.
outcome<zmq::socket_t> open_client_socket(zmq::context_t& context, zmq::socket_type type,
                                          std::string_view what, const std::string& endpoint,
                                          const socket_limits& limits, const curve_keys* keys,
                                          const std::vector<std::string>& subscriptions = {});

/// Sends one frame without waiting. @returns false when nobody can take it now.
bool try_send(zmq::socket_t& socket, std::string_view frame, bool more = false);

using client_clock = std::chrono::steady_clock;

/// Milliseconds from now until @p when for zmq_poll: rounded up, 0 when it has passed, at most a
/// day.
int poll_ms_until(client_clock::time_point when);

}  // namespace faultline
