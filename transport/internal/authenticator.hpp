// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "transport/doors.hpp"
#include "transport/internal/curve.hpp"
#include "transport/internal/zmq_tools.hpp"

namespace faultline {

/// Handshakes by domain and outcome; written by the authenticator alone.
using handshake_tally =
    std::array<std::array<std::atomic<std::uint64_t>, handshake_outcomes>, curve_domains>;

/// Answers libzmq's question who may connect (ZAP, https://rfc.zeromq.org/spec/27/), and counts
/// what becomes of handshakes, from the monitors of the sockets.
///
/// Lives:  open() binds before any socket that asks for keys is bound; the thread runs until
///         stop(), which comes after forget_socket() of every watched socket.
/// Fails:  when the thread cannot go on nobody is let in any more; `dead` is told, once.
class authenticator {
public:
  authenticator(zmq::context_t& context, const current_access& access,
                std::function<void(const std::string&)> dead);
  ~authenticator() { stop(); }

  void open();
  /// Counts the handshakes of @p socket, which is not bound yet. On the socket's thread.
  void watch_socket(zmq::socket_t& socket, curve_domain domain);
  /// Before @p socket is closed, on its thread: an event that nobody reads would block libzmq.
  static void forget_socket(zmq::socket_t& socket) noexcept;
  /// Handshakes with this key are counted as the canary's, and judged like any other.
  void expect_canary(const std::string& public_key);
  void stop() noexcept;
  std::uint64_t count(curve_domain domain, handshake outcome) const noexcept;

private:
  using clock = std::chrono::steady_clock;
  struct watched {
    zmq::socket_t monitor;
    curve_domain domain = curve_domain::ingest;
    std::unordered_map<int, clock::time_point> open;  ///< descriptors, since when
    std::uint64_t accepted = 0;                       ///< connections
    std::uint64_t concluded = 0;                      ///< of these, handshakes that came to an end
    std::uint64_t silent = 0;                         ///< of these, told to have ended without one
    bool ended = false;
  };

  void run();
  void take_new();
  void answer();
  handshake judge(curve_domain domain, std::string_view mechanism, std::string_view credentials,
                  std::string& key) const;
  void say_refused(handshake why, curve_domain domain, std::string_view address,
                   std::string_view key);
  void read_events(watched& from);
  void note_event(watched& from, std::uint16_t event, std::uint32_t value);
  void count_silent(watched& of);
  void add(curve_domain domain, handshake outcome, std::uint64_t n = 1) noexcept;

  zmq::context_t& context_;
  const current_access& access_;
  std::function<void(const std::string&)> dead_;
  zmq::socket_t zap_;
  frame_list message_;                    ///< of a monitor
  std::vector<zmq::message_t> question_;  ///< of libzmq
  std::vector<watched> watched_;
  handshake_tally tally_{};
  wake_up wake_;
  clock::time_point said_at_{};
  std::uint64_t unsaid_ = 0;
  mutable std::mutex mutex_;
  std::vector<watched> fresh_;  ///< guarded by mutex_
  std::string canary_;          ///< guarded by mutex_
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace faultline
