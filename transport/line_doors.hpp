// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messages/outcome.hpp"

namespace faultline {

/// Where datagrams or lines come in.
struct line_listener {
  std::string name;  ///< handed to the handler: "syslog", "statsd"
  /// udp://127.0.0.1:8125, tcp://127.0.0.1:5514 (syslog alone); a name is all of its addresses.
  std::string endpoint;
};

struct line_door_counters {
  std::uint64_t datagrams = 0;     ///< that found room
  std::uint64_t messages = 0;      ///< by TCP, whole
  std::uint64_t kernel_drops = 0;  ///< datagrams that found the socket's buffer full
  std::uint64_t dropped = 0;       ///< datagrams that found ours full
  std::uint64_t cut = 0;           ///< messages by TCP above 64 KiB, cut there
  std::uint64_t broken = 0;        ///< connections closed: what they sent cannot be followed
  std::uint64_t refused = 0;  ///< connections beyond the 256 that may be open, or closed for one
  std::uint64_t left = 0;     ///< datagrams and messages that were not taken before the end
};

/// Takes @p frames (transport/decode/frames.hpp) of a listener. On the doors' thread; must not
/// block. @returns false: there is no room, keep them and ask again.
using line_handler = std::function<bool(const std::string& name, std::string& frames)>;

/// UDP sockets and TCP listeners of protocols that are lines. What comes within a tenth of a
/// second, or 64 KiB, is handed over together. One thread.
///
/// Lives:  bound by open(); start() runs the thread; stop() hands over what came and ends it,
///         after a second at most where there is no room.
/// Limits: 1 MiB waits for each listener; then TCP connections are not read, which pushes back on
///         their senders, and datagrams are dropped and counted. 256 connections, 64 KiB a message;
///         beyond them one that was silent for a minute makes room.
class line_doors {
public:
  virtual ~line_doors() = default;
  virtual void start(line_handler handler) = 0;
  virtual line_door_counters counters() const = 0;
  virtual std::vector<std::string> bound_endpoints() const = 0;  ///< for port 0 in tests
  virtual void stop() = 0;
};

struct line_door_limits {
  /// Addresses that are not loopback may be listened on, where nobody proves who sends.
  bool networks = false;
  std::size_t connections = 256;
  std::chrono::milliseconds silent{60'000};   ///< then a connection makes room for another
  std::chrono::milliseconds last_wait{1000};  ///< for room for what came before the end
};

/// Fails: ec::invalid (an endpoint of another form, or of a network without limits.networks),
///        ec::io_failed naming the endpoint.
outcome<std::unique_ptr<line_doors>> open_line_doors(const std::vector<line_listener>& listeners,
                                                     line_door_limits limits);

}  // namespace faultline
