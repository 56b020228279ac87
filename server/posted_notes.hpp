// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "messages/decision.hpp"
#include "messages/posted_alert.hpp"

namespace faultline {

/// What the decision log says of posted alerts, so that it need not be told everything again each
/// minute: who posts an alert again before half of the time that was recorded has passed adds
/// nothing; later, a short record says that it goes on, and every quarter of an hour a whole one.
///
/// Threads: any. Limits: 65,536 alerts, then it begins anew.
class posted_notes {
public:
  /// What has to be recorded of @p alerts, posted at @p now.
  std::vector<operator_command> commands(std::vector<posted_alert> alerts, event_time now);
  /// It is not known what was recorded.
  void forget();

private:
  struct note {
    event_time ends{};   ///< as recorded
    event_time whole{};  ///< when it was recorded whole
  };
  std::mutex mutex_;
  std::map<std::string, note> notes_;  ///< by fingerprint
};

}  // namespace faultline
