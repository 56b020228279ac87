// SPDX-License-Identifier: Apache-2.0
#include "transport/access.hpp"

#include <algorithm>
#include <utility>

namespace faultline {

bool client_rights::may_speak_of(std::string_view entity) const noexcept {
  return entities.empty() ||
         std::any_of(entities.begin(), entities.end(), [entity](const std::string& prefix) {
           return entity.substr(0, prefix.size()) == prefix;
         });
}

bool access_list::add(client_rights client) {
  std::string key = client.public_key;
  return by_key_.emplace(std::move(key), std::move(client)).second;
}

const client_rights* access_list::find(std::string_view public_key) const noexcept {
  const auto found = by_key_.find(public_key);
  return found == by_key_.end() ? nullptr : &found->second;
}

const client_rights* access_list::behind(std::string_view endpoint) const noexcept {
  for (const auto& [key, client] : by_key_)
    if (!client.endpoint.empty() && client.endpoint == endpoint) return &client;
  return nullptr;
}

bool somebody_lost_the_feed(const access_list& before, arrival_time then, const access_list& after,
                            arrival_time now) {
  return std::any_of(before.all().begin(), before.all().end(), [&](const auto& entry) {
    const client_rights& had = entry.second;
    if (!had.feed || had.expired(then)) return false;
    const client_rights* has = after.find(had.public_key);
    return has == nullptr || !has->feed || has->expired(now);
  });
}

}  // namespace faultline
