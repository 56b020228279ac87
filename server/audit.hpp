// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include <spdlog/fwd.h>

#include "transport/http_server.hpp"

namespace faultline {

/// @p handler, with one line of the log for each request that may change something: who asked for
/// what from where, and what was answered. Never what stood in the body. Whatever log.level says.
http_handler audited(http_handler handler);

/// The same of requests that the doors refused, so that no handler heard of them. Anybody may send
/// these: of more than `refusals_told` within a minute a line says how many were left out, when the
/// minute is over or when this ends.
inline constexpr unsigned refusals_told = 60;
class refusal_audit {
public:
  /// @p now: for tests.
  explicit refusal_audit(
      std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now);
  refusal_audit(const refusal_audit&) = delete;
  refusal_audit& operator=(const refusal_audit&) = delete;
  ~refusal_audit();
  /// As http_refused; the server's thread.
  void refused(const http_request& request, int status);
  /// Called by the clock thread, now and then.
  void tend();

private:
  void tell_left_out();

  const std::function<std::chrono::steady_clock::time_point()> now_;
  const std::shared_ptr<spdlog::logger> log_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point since_{};  ///< the minute that has begun
  unsigned told_ = 0;                              ///< within it
  std::uint64_t left_out_ = 0;                     ///< likewise, and said by no line yet
};

}  // namespace faultline
