// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/alert.hpp"
#include "messages/incident.hpp"
#include "messages/time.hpp"

namespace faultline {

/// One message to one receiver about alerts that belong together.
struct notification {
  std::string id;     ///< the same when it is sent again, also after a restart
  std::string group;  ///< names the group for ever: `receiver:{incident="..."}`
  std::string receiver;
  std::map<std::string, std::string> labels;  ///< what the alerts of the group have in common
  std::vector<alert> alerts;                  ///< those that fire first, then those that ended
  std::uint64_t left_out = 0;                 ///< alerts beyond the first so many
  std::uint64_t firing = 0;                   ///< of all, left out or not
  std::optional<incident> about;              ///< where they belong to one
  bool acknowledged = false;                  ///< all that fires is: somebody looks after it
  /// What was told of the group is over and something else fires: who has it open still begins
  /// anew.
  bool anew = false;
  arrival_time at{};
};

}  // namespace faultline
