// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "judgement/options.hpp"
#include "messages/outcome.hpp"
#include "processing/maintenance_window.hpp"

namespace faultline {

/// The offsets of a zone by its name in the tz database; empty: there is none of that name.
using zone_lookup = std::function<std::vector<zone_offset>(const std::string& zone)>;

/// The window that somebody has asked for. Fails: ec::invalid with a sentence.
outcome<maintenance_window> window_of(const window_words& words, const zone_lookup& zones);
/// Of one that recurs: mon ... sun.
std::vector<std::string> days_of(const maintenance_window& w);

}  // namespace faultline
