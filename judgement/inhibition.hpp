// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "judgement/options.hpp"
#include "messages/alert.hpp"
#include "messages/outcome.hpp"
#include "processing/label_matchers.hpp"

namespace faultline {

/// All of @p texts as one condition. Fails: ec::invalid.
outcome<label_matchers> matchers_of(const std::vector<std::string>& texts);

/// Whether every rule can be read, and asks for something. Fails: ec::invalid, a sentence that
/// names the key, for example `inhibit[3].source`.
outcome<void> check_inhibit(const std::vector<inhibit_rule>& rules);

/// What it is that comes and goes: an entity, and a name of its alerts. Those that others post are
/// told apart by all their labels.
using flap_key = std::pair<std::string, std::string>;
flap_key flap_key_of(const alert& a);

}  // namespace faultline
