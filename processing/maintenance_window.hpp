// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "messages/time.hpp"

namespace faultline {

/// From then on local time is so far ahead of UTC.
struct zone_offset {
  event_time from{};
  std::int32_t seconds = 0;
};

/// A time in which what is seen of some entities is expected: nobody is told of their alerts, and
/// nothing is learned from them. Key `maintenance`, or said by an operator.
struct maintenance_window {
  std::string name;
  std::vector<std::string> entities;  ///< globs
  bool dependents = false;            ///< also of whoever depends on them; of these is learned
  bool recurs = false;
  /// Once: its begin and end. Recurring: it recurs within; 0 = without a bound.
  event_time starts{};
  event_time ends{};
  std::uint8_t weekdays = 0x7f;  ///< bit 0 is Monday: days on which it begins
  std::int64_t at_ms = 0;        ///< local time of day at which it begins
  std::int64_t lasts_ms = 0;     ///< at most a week
  std::string zone = "UTC";      ///< name in the tz database
  /// The zone's offsets, by `from`: part of the record, so that another tz database changes
  /// nothing that was decided.
  std::vector<zone_offset> offsets;
  std::string by;
  std::string comment;
  bool configured = false;  ///< stands in the configuration
};

}  // namespace faultline
