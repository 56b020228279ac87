// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace faultline {

/// Who started us and wants to know how we are: systemd, or whoever speaks its protocol (sd_notify:
/// lines of NAME=VALUE in one datagram to the socket it names). Where there is nobody every call
/// does nothing. Threads: any. Decision 0020.
class service_manager {
public:
  /// Nobody.
  service_manager() = default;
  /// @p address a path or, from '@' on, an abstract name. @p watchdog 0: it waits for no sign.
  service_manager(std::string address, std::chrono::microseconds watchdog);
  /// As NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID say.
  static service_manager of_environment();

  void ready(std::string_view status) const;
  void reloading() const;  ///< ready() ends it
  void stopping() const;
  void alive() const;
  /// The sign of life must come this often, else we are ended and started again; 0: nobody waits.
  std::chrono::microseconds watchdog() const noexcept { return watchdog_; }

private:
  void tell(const std::string& lines) const;

  std::string address_;
  std::chrono::microseconds watchdog_{0};
};

}  // namespace faultline
