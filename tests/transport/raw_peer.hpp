// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/transport/raw_http.hpp"
#include "tests/transport/recording_handlers.hpp"

namespace faultline::testing {

/// A peer that speaks ZMTP 3.0 by itself, so that it can send and end as no libzmq would.
class raw_peer {
public:
  /// @param endpoint tcp://host:port
  raw_peer(const std::string& endpoint, std::string_view type)
      : wire_{endpoint.substr(std::strlen("tcp://"))} {
    std::string greeting{"\xff\0\0\0\0\0\0\0\0\x7f\3\0NULL", 16};
    greeting.resize(64, '\0');
    const std::string value{type};
    ready_ = wire_.send(greeting) && hears("NULL") &&
             wire_.send(command(std::string{"\5READY\013Socket-Type\0\0\0", 21} +
                                static_cast<char>(value.size()) + value)) &&
             hears("READY");
  }
  bool ready() const { return ready_; }
  static std::string command(const std::string& body) {
    return "\4" + std::string(1, static_cast<char>(body.size())) + body;
  }
  static std::string ping() { return command(std::string{"\4PING\0\0", 7}); }
  /// Sends the same message of short frames @p n times, and @p behind them, as one piece.
  bool send_many(int n, const std::vector<std::string>& frames, const std::string& behind = {}) {
    std::string one;
    for (std::size_t i = 0; i < frames.size(); ++i)
      one.append(1, i + 1 < frames.size() ? '\1' : '\0')
          .append(1, static_cast<char>(frames[i].size()))
          .append(frames[i]);
    std::string all;
    while (n-- > 0) all += one;
    return wire_.send(all + behind);
  }
  /// Whether @p text comes.
  bool hears(std::string_view text) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (wire_.rest().find(text) == std::string::npos)
      if (std::chrono::steady_clock::now() > end ||
          wire_.closed_within(std::chrono::milliseconds{20}))
        return false;
    return true;
  }
  void reset() { wire_.reset(); }

private:
  raw_http wire_;
  bool ready_ = false;
};

}  // namespace faultline::testing
