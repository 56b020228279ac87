// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "transport/options.hpp"

namespace faultline {

/// Whether a Host header may say @p host: this machine, the address we listen on, or one of
/// `web.hosts`. With @p tokens and no `web.hosts` any name will do: who is led here by a false name
/// has no token.
bool is_our_name(std::string_view host, const web_options& options, bool tokens);

/// Paths that answer without a token: /-/healthy and /-/ready, and the page's files: / and
/// /assets/.
bool is_open_path(std::string_view target) noexcept;

/// The token of an Authorization header, or nothing.
std::string_view bearer_of(std::string_view authorization) noexcept;

/// Connections by address; loopback has no limit, for what is there is one machine.
class address_budget {
public:
  explicit address_budget(std::size_t most = 64) : most_{most} {}
  /// @returns false when @p address has as many as it may.
  bool take(const std::string& address);
  void give_back(const std::string& address);

private:
  std::size_t most_;
  std::map<std::string, std::size_t> open_;
};

/// Bytes of bodies that are being received or handled, by whose they are. Nobody has more than half
/// of what the others leave, so that who announces bodies and sends none keeps nobody out; who
/// comes when nothing is there may have all of it.
class body_budget {
public:
  explicit body_budget(std::size_t most = 0) : most_{most} {}
  /// @returns false when there is no room for @p bytes of @p holder.
  bool take(const std::string& holder, std::size_t bytes);
  void give_back(const std::string& holder, std::size_t bytes) noexcept;

private:
  std::size_t most_;
  std::size_t all_ = 0;
  std::map<std::string, std::size_t> held_;
};

}  // namespace faultline
