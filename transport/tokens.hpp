// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "messages/time.hpp"
#include "transport/secret.hpp"

namespace faultline {

/// What the bearer of a token may do by HTTP; each may read and change what those before it may.
enum class web_role : std::uint8_t {
  publisher,  ///< send events, and nothing else: it reads nothing
  viewer,     ///< read
  operating,  ///< acknowledge, give feedback, retire, release, draw edges; "operator" in texts
  admin,      ///< reload, activate models
};
const char* to_string(web_role role) noexcept;
/// Who may send events: a publisher, and who may change things. A viewer reads and no more.
constexpr bool may_send_events(web_role role) noexcept { return role != web_role::viewer; }
std::optional<web_role> web_role_of(std::string_view text) noexcept;

struct web_user {
  std::string name;
  web_role role = web_role::viewer;
  std::optional<arrival_time> expiry;  ///< good before it
};

/// The tokens of `web.tokens`: SHA-256 of each, never the token. Immutable once read.
class token_list {
public:
  using digest = std::array<std::uint8_t, 32>;

  /// @returns false when the name or the digest is there already.
  bool add(web_user user, const digest& hash);
  /// Whose @p token is, in the same time for every token. nullptr: nobody's, or over.
  const web_user* find(std::string_view token, arrival_time now) const noexcept;
  std::size_t size() const noexcept { return entries_.size(); }
  /// What differs from @p before: "NAME added", "NAME removed", "NAME changed" (its token, role or
  /// end), by name.
  std::vector<std::string> changes_since(const token_list& before) const;

private:
  struct entry {
    web_user user;
    digest hash{};
  };
  const entry* called(const std::string& name) const noexcept;
  std::vector<entry> entries_;
};

/// Lines of a token file: NAME ROLE SHA-256 [NOT-AFTER], and comments after '#'.
/// Fails: ec::malformed naming the line.
outcome<token_list> read_tokens(std::string_view text);
/// Fails as read_secret_file() and read_tokens(), naming the file.
outcome<token_list> load_tokens(const std::filesystem::path& file);

/// Makes a token of 256 random bits, adds its line to @p file (sealed; 0600 where it is new) and
/// returns it: it is nowhere else.
/// Fails: ec::invalid (a name that is none, or is in the file), or as load_tokens().
outcome<secret> create_token(const std::filesystem::path& file, const web_user& user);

}  // namespace faultline
