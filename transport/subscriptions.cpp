// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/subscriptions.hpp"

#include <algorithm>

namespace faultline {

namespace {

/// A subscription to everything ("") wants no JSON by itself; one to "js" or "json/alert" does.
bool names_json(std::string_view prefix) {
  constexpr std::string_view json_topic = "json/";
  const std::size_t shared = std::min(prefix.size(), json_topic.size());
  return shared > 0 && prefix.substr(0, shared) == json_topic.substr(0, shared);
}

}  // namespace

void subscriptions::begin(std::string_view prefix, int connection) {
  const auto [at, fresh] = wanted_.try_emplace(std::string{prefix});
  at->second.insert(connection);
  if (!fresh) return;
  bytes_ += prefix.size();
  json_ += names_json(prefix) ? 1 : 0;
}

void subscriptions::end(std::string_view prefix, int connection) {
  const auto at = wanted_.find(prefix);
  if (at == wanted_.end()) return;
  if (connection != closed) {
    if (at->second.erase(connection) == 0) return;
    if (!at->second.empty()) return;
  }
  bytes_ -= prefix.size();
  json_ -= names_json(prefix) ? 1 : 0;
  wanted_.erase(at);
}

void subscriptions::clear() { *this = {}; }

}  // namespace faultline
