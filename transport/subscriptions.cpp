// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/subscriptions.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace faultline {

namespace {

/// A subscription to everything ("") wants no JSON by itself; one to "js" or "json/alert" does.
bool names_json(std::string_view prefix) {
  constexpr std::string_view json_topic = "json/";
  const std::size_t shared = std::min(prefix.size(), json_topic.size());
  return shared > 0 && prefix.substr(0, shared) == json_topic.substr(0, shared);
}

std::size_t cost_of(std::string_view prefix) {
  return prefix.size() * subscriptions::byte_cost + subscriptions::prefix_cost;
}

}  // namespace

bool subscriptions::is_open_socket(int descriptor) {
  struct stat is {};
  return ::fstat(descriptor, &is) == 0 && S_ISSOCK(is.st_mode);
}

void subscriptions::begin(std::string_view prefix, int connection) {
  const auto [at, fresh] = wanted_.try_emplace(std::string{prefix});
  if (fresh) {
    bytes_ += cost_of(prefix);
    json_ += names_json(prefix) ? 1 : 0;
  }
  if (connection == closed) {
    ++at->second.nameless;
    bytes_ += connection_cost;
  } else if (at->second.connections.insert(connection).second) {
    bytes_ += connection_cost;
  }
}

void subscriptions::end(std::string_view prefix, int connection) {
  const auto at = wanted_.find(prefix);
  if (at == wanted_.end()) return;
  wanting& who = at->second;
  if (connection != closed) {
    bytes_ -= who.connections.erase(connection) * connection_cost;
  } else if (!forget_closed(who)) {
    if (who.nameless == 0) unsure_.emplace(prefix);
    bytes_ -= std::min<std::size_t>(who.nameless, 1) * connection_cost;
    who.nameless -= std::min<std::size_t>(who.nameless, 1);
  }
  forget_if_unwanted(prefix);
}

void subscriptions::look_again() {
  for (const std::string& prefix : std::exchange(unsure_, {})) {
    const auto at = wanted_.find(prefix);
    if (at == wanted_.end()) continue;
    forget_closed(at->second);
    forget_if_unwanted(prefix);
  }
}

void subscriptions::forget_if_unwanted(std::string_view prefix) {
  const auto at = wanted_.find(prefix);
  if (!at->second.connections.empty() || at->second.nameless != 0) return;
  bytes_ -= cost_of(prefix);
  json_ -= names_json(prefix) ? 1 : 0;
  wanted_.erase(at);
}

/// @returns whether there was one whose descriptor is closed.
bool subscriptions::forget_closed(wanting& who) {
  const std::size_t before = who.connections.size();
  for (auto at = who.connections.begin(); at != who.connections.end();)
    at = is_open_(*at) ? std::next(at) : who.connections.erase(at);
  const std::size_t gone = before - who.connections.size();
  bytes_ -= gone * connection_cost;
  return gone != 0;
}

void subscriptions::clear() { *this = subscriptions{is_open_}; }

}  // namespace faultline
