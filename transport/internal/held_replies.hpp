// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <zmq.hpp>

#include "transport/internal/zmq_tools.hpp"

namespace faultline {

/// Sends the answers of ROUTERs. What a peer has no room for at the moment, since it has asked for
/// much at once, waits here in its order and goes out as it reads.
///
/// Limits: an answer waits for `patience`, all of them take `most_bytes`, with what goes in front
/// of them and their places here; what is beyond is dropped and counted, as is one whose peer has
/// gone. Of one thread.
class held_replies {
public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds patience{10};
  static constexpr std::size_t most_bytes = std::size_t{64} * 1024 * 1024;
  static constexpr int retry_ms = 2;  ///< how often to call again() while there are any

  explicit held_replies(door_tally& tally) noexcept : tally_{tally} {}

  /// @p number tells @p router from others of the same thread; it outlives this.
  void send(zmq::socket_t& router, std::uint32_t number, std::string_view route,
            const std::vector<std::string>& envelope, std::string frame);
  /// Sends what has room now.
  void again();
  bool empty() const noexcept { return peers_.empty(); }

private:
  struct answer {
    std::vector<std::string> envelope;
    std::string frame;
    std::size_t bytes;  ///< that it takes while it waits
    clock::time_point until;
  };
  struct peer {
    zmq::socket_t* router;
    std::string route;
    std::deque<answer> waiting;
  };

  bool settle(peer& to);
  void count(bool sent) noexcept;

  door_tally& tally_;
  std::unordered_map<std::string, peer> peers_;  ///< by number and route; each has answers
  std::size_t bytes_ = 0;
};

}  // namespace faultline
