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
/// [{labels, annotations, startsAt, endsAt, generatorURL}]; what is left out stays 0.
outcome<std::vector<posted_alert>> read_v2_alerts(std::string_view body);

}  // namespace faultline
