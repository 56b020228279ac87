// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dashboard/life_cycle.hpp"

namespace faultline {

/// = != =~ !~
const char* operator_of(const label_matcher& m) noexcept;

// Bodies of our own API. Fail: ec::malformed, ec::invalid with a sentence.

/// {matchers: [{name, op, value}], starts, ends or duration_s, created_by, comment, force, id};
/// times in milliseconds, starts is now when left out.
outcome<silence_word> read_silence_word(std::string_view body);
/// {matchers} alone counts.
outcome<std::vector<label_matcher>> read_matchers(std::string_view body);

// Bodies of Alertmanager's API.

/// {matchers: [{name, value, isRegex, isEqual}], startsAt, endsAt, createdBy, comment, id}.
outcome<silence_word> read_v2_silence(std::string_view body);
/// Of a list the alerts that can be taken: a bad one is no reason to lose those beside it, for
/// their sender does not send the list again.
struct v2_alert_list {
  std::vector<posted_alert> alerts;
  std::size_t refused = 0;
  std::string why;  ///< of the first that was refused
};
/// [{labels, annotations, startsAt, endsAt, generatorURL}]; what is left out stays 0, annotations
/// and generatorURL are cut at 4,096 bytes.
outcome<v2_alert_list> read_v2_alerts(std::string_view body);

}  // namespace faultline
