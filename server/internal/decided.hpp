// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "messages/decision.hpp"

// What a record of the decision log says, to those who read it in hindsight.

namespace faultline {

/// Event time of a decision; a command has the operator's.
inline std::int64_t time_of(const decision& d) {
  switch (d.kind) {
    case decision_kind::alert:
      return unix_ms(d.alert.updated);
    case decision_kind::topology:
      return unix_ms(d.topology.at);
    case decision_kind::change:
      return unix_ms(d.change.at);
    case decision_kind::root_cause:
      return unix_ms(d.root_cause.as_of);
    case decision_kind::command:
      return unix_ms(d.command.at);
    case decision_kind::notice:
      return unix_ms(d.notice.at);
    case decision_kind::clock:
      return unix_ms(d.clock);
    case decision_kind::sign:
      return unix_ms(d.sign.at);
  }
  return 0;
}

/// What an operator said: the payload of a command. Says nothing where it is no JSON object.
class said {
public:
  explicit said(const std::string& payload)
      : read_(nlohmann::json::parse(payload, nullptr, false)) {}

  std::string text(const char* key) const {
    const auto found = read_.find(key);
    return found != read_.end() && found->is_string() ? found->get<std::string>() : std::string{};
  }
  bool is(const char* key) const {
    const auto found = read_.find(key);
    return found != read_.end() && found->is_boolean() && found->get<bool>();
  }

private:
  nlohmann::json read_;
};

}  // namespace faultline
