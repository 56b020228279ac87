// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace faultline {

/// Every way an operation can fail. One list for all rooms: what it means and who may retry.
enum class ec : std::uint8_t {
  malformed = 1,      ///< bytes that cannot be read: the sender's fault, never retry
  invalid,            ///< readable, but breaks a rule: the caller's fault, never retry
  unknown_version,    ///< written by a newer build: refuse, never guess
  too_large,          ///< over a documented limit: send less
  not_found,          ///< what was asked for does not exist
  overloaded,         ///< ours and passing: the caller may retry later
  no_space,           ///< the disk is near its watermark: retry after space returns
  deadline_passed,    ///< no answer in time: the result may still exist
  store_unavailable,  ///< the store refused an operation: passing
  store_corrupt,      ///< the store lied: stop and tell a human
  model_failed,       ///< this pass or model file cannot be used
  io_failed,          ///< a file or socket could not be opened, read or written
  unsupported,        ///< named, but not available in this build or configuration
  shutting_down,      ///< the server is ending
};

/// Stable name of @p code, as it stands in answers and counters.
const char* to_string(ec code) noexcept;

}  // namespace faultline
