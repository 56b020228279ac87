// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

/// An alert that another program has raised and posted: it fires until `ends`, or is over when that
/// has passed.
struct posted_alert {
  std::map<std::string, std::string> labels;  ///< its identity
  std::map<std::string, std::string> annotations;
  event_time starts{};
  event_time ends{};
  std::string generator;  ///< link to what raised it
  std::string entity;     ///< who it is about, as the door has named it
};

/// JSON array, the payload of the command `posted_alerts`; times in Unix milliseconds.
std::string posted_json(const std::vector<posted_alert>& alerts);
/// Reads what posted_json wrote. Fails: ec::malformed.
outcome<std::vector<posted_alert>> read_posted_json(std::string_view text);

/// That an alert goes on firing until then, by the fingerprint of its labels.
struct posted_again {
  std::string print;
  event_time ends{};
};
/// JSON array of [print, ms], the payload of the command `posted_again`.
std::string posted_again_json(const std::vector<posted_again>& alerts);
/// Fails: ec::malformed.
outcome<std::vector<posted_again>> read_posted_again_json(std::string_view text);

/// Sixteen hex digits that name a set of labels, as Prometheus and Alertmanager compute them
/// (FNV-1a, 64 bits).
std::string label_fingerprint(const std::map<std::string, std::string>& labels);

}  // namespace faultline
