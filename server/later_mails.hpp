// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "messages/notification.hpp"

namespace faultline {

/// Mails that some have, and others are still to have, because their mail server refused them for
/// now. Each is tried again after 5 s, 10 s, 20 s ... a quarter of an hour, for two hours: a
/// recipient whose mailbox stays full holds up nothing else. Not kept over a restart. No clock: the
/// moment is an argument.
class later_mails {
public:
  using moment = std::chrono::steady_clock::time_point;
  static constexpr std::size_t most = 64;
  static constexpr std::chrono::seconds first_pause{5};
  static constexpr std::chrono::seconds longest_pause{900};
  static constexpr std::chrono::hours patience{2};

  struct mail {
    notification what;
    std::vector<std::string> to;
    moment next{};
    moment until{};
    std::chrono::seconds pause = first_pause;
  };

  /// @returns one that gives way to it, where there are too many: the oldest.
  std::optional<mail> add(notification what, std::vector<std::string> to, moment now);
  /// When the next one is to be tried.
  std::optional<moment> next() const;
  /// One whose time has come; it is not among them any more.
  std::optional<mail> take(moment now);
  /// It was tried, and is still for @p to. @returns false: for too long, it is given up.
  bool put_back(mail tried, std::vector<std::string> to, moment now);

private:
  std::vector<mail> waiting_;  ///< in the order they came
};

}  // namespace faultline
