// SPDX-License-Identifier: Apache-2.0
#include "transport/tokens.hpp"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "transport/internal/right_words.hpp"

namespace faultline {

token_list::digest token_digest(std::string_view token) noexcept {
  token_list::digest hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(token.data()),
                     token.size());
  return hash;
}

const char* to_string(web_role role) noexcept {
  constexpr const char* names[] = {"publisher", "viewer", "operator", "admin"};
  return names[static_cast<std::size_t>(role)];
}

std::optional<web_role> web_role_of(std::string_view text) noexcept {
  for (const auto role :
       {web_role::publisher, web_role::viewer, web_role::operating, web_role::admin})
    if (text == to_string(role)) return role;
  return std::nullopt;
}

bool token_list::add(web_user user, const digest& hash) {
  for (const entry& e : entries_)
    if (e.user.name == user.name || e.hash == hash) return false;
  entries_.push_back({std::move(user), hash});
  return true;
}

const web_user* token_list::find(std::string_view token, arrival_time now) const noexcept {
  const digest hash = token_digest(token);
  const web_user* found = nullptr;
  for (const entry& e : entries_)  // all of them, whichever it is
    if (sodium_memcmp(e.hash.data(), hash.data(), hash.size()) == 0) found = &e.user;
  return found != nullptr && found->expiry && now >= *found->expiry ? nullptr : found;
}

const token_list::entry* token_list::called(const std::string& name) const noexcept {
  for (const entry& e : entries_)
    if (e.user.name == name) return &e;
  return nullptr;
}

std::vector<std::string> token_list::changes_since(const token_list& before) const {
  std::vector<std::string> changes;
  for (const entry& now : entries_) {
    const entry* was = before.called(now.user.name);
    if (was == nullptr)
      changes.push_back(now.user.name + " added");
    else if (was->hash != now.hash || was->user.role != now.user.role ||
             was->user.expiry != now.user.expiry)
      changes.push_back(now.user.name + " changed");
  }
  for (const entry& was : before.entries_)
    if (called(was.user.name) == nullptr) changes.push_back(was.user.name + " removed");
  std::sort(changes.begin(), changes.end());
  return changes;
}

}  // namespace faultline
