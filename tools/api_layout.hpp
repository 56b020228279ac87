// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "messages/outcome.hpp"
#include "tools/output.hpp"

// Answers of the HTTP API laid out for people. Each takes the body of an answer; ec::malformed when
// it is not JSON of the kind the wire contract promises.

namespace faultline {

outcome<std::string> layout_status(const std::string& body, const colours& c);
outcome<std::string> layout_alerts(const std::string& body, const colours& c);
/// One alert: what, since when, contributors, who looks after it, what keeps it quiet.
outcome<std::string> layout_alert(const std::string& body, const colours& c);
outcome<std::string> layout_incidents(const std::string& body, const colours& c);
/// Ranked causes with bars, what speaks for and against each, and the steps that may help.
outcome<std::string> layout_incident(const std::string& body, const colours& c);
outcome<std::string> layout_entities(const std::string& body, const colours& c);
outcome<std::string> layout_entity(const std::string& body, const colours& c);
/// The metric that is farthest off in an answer of `/entities/ID`; empty where there is none.
std::string farthest_off(const std::string& body);
/// Who depends on whom, and how that is known.
outcome<std::string> layout_topology(const std::string& body, const colours& c);
/// @p now: Unix milliseconds, since which each has been silent.
outcome<std::string> layout_publishers(const std::string& body, const colours& c, std::int64_t now);
outcome<std::string> layout_dead_letters(const std::string& body, const colours& c);

}  // namespace faultline
