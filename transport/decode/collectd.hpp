// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "messages/outcome.hpp"
#include "messages/sample.hpp"

namespace faultline {

/// Reads what collectd's write_http posts with Format "JSON". A value is called
/// PLUGIN.INSTANCE.TYPE.INSTANCE.SOURCE without what says nothing; its host is the label `host`.
/// Derived and counting values are counters, absolute ones rates per second; all of them are rates
/// where one that counts is no whole number (StoreRates true).
/// Fails: ec::malformed, ec::too_large (as parse_bounded_json()).
outcome<void> read_collectd(std::string_view body, sample_sink& sink);

}  // namespace faultline
