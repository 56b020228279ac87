// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "transport/feed_client.hpp"
#include "transport/internal/client_socket.hpp"

namespace faultline {

/// What a subscriber needs to know of a payload before anything else.
struct feed_stamp {
  std::uint64_t seq = 0;
  bool heartbeat = false;
};
outcome<feed_stamp> read_stamp(std::string_view payload);

/// Asks the replay socket, one request at a time.
class feed_requests {
public:
  feed_requests(std::shared_ptr<zmq::context_t> context, std::string endpoint,
                std::chrono::milliseconds deadline, std::shared_ptr<const curve_keys> keys);
  outcome<feed_snapshot> snapshot();
  outcome<replay_page> replay(std::uint64_t from, std::size_t limit, std::string_view prefix);

private:
  outcome<std::string> ask(std::string_view request);

  std::shared_ptr<zmq::context_t> context_;
  std::string endpoint_;
  std::chrono::milliseconds deadline_;
  std::shared_ptr<const curve_keys> keys_;
  std::optional<zmq::socket_t> socket_;  ///< none after a deadline: a late answer dies with it
};

}  // namespace faultline
