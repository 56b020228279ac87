// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/notification.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// A receiver of notifications, as its sender sees it.
struct notify_target {
  enum class kind : std::uint8_t { webhook, alertmanager, pagerduty, plain, email };
  kind how = kind::webhook;
  std::string url;
  std::string url_file;
  std::string secret_file;
  std::string user, from;
  std::vector<std::string> to;
  std::string title, text;  ///< templates; empty: the default
  std::string external_url;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{15'000};      ///< of each request
  const std::atomic<bool>* broken_off = nullptr;  ///< once true, nothing is waited for any more
};

/// PagerDuty's own address, where a target of that kind names no other.
inline constexpr const char* pagerduty_url = "https://events.pagerduty.com/v2/enqueue";

/// What an attempt at a notification heard beside its failure.
struct notify_again {
  std::chrono::milliseconds rest{0};  ///< that the receiver asks for
  std::vector<std::string> to;        ///< of a mail: recipients that are refused for now
  bool for_good = false;              ///< of a mail: some are refused for good
};

/// Sends @p n and waits for the answer. Blocks; from any thread, one at a time each. Certificates
/// are checked, redirects are not followed. Files of secrets are read now; neither they nor the URL
/// stand in a failure.
/// Fails: ec::io_failed (a file, the connection, an answer that is not 2xx), ec::deadline_passed
/// (also what is broken off): again later, after again->rest; ec::invalid: it has been understood
/// (400, 413, 415, 422), and will never be taken; of a mail some recipients are refused, whom the
/// failure names, and all others have it.
outcome<void> send_notification(const notify_target& to, const notification& n,
                                notify_again* again = nullptr);

/// Whether the files that @p to names can be read, so that a receiver that cannot be told is known
/// before there is something to tell. Fails as send_notification() for a file.
outcome<void> check_files(const notify_target& to);

}  // namespace faultline
