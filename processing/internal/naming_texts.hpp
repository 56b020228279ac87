// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// Looks at the texts that naming reads.
namespace faultline::naming_texts {

/// "web-1" of "web-1:9100", "::1" of "[::1]:9100"; what has no port stays as it is.
inline std::string_view without_port(std::string_view address) noexcept {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == address.size()) return address;
  for (const char c : address.substr(colon + 1))
    if (c < '0' || c > '9') return address;
  auto host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    return host.substr(1, host.size() - 2);
  return host.empty() || host.find(':') != std::string_view::npos ? address : host;
}

/// "api.example.org" of "https://ann:secret@api.example.org:8443/pay?x"; nothing of what is no URL.
inline std::string_view host_of_url(std::string_view url) noexcept {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const auto user = url.rfind('@');
  if (user != std::string_view::npos) url.remove_prefix(user + 1);
  return without_port(url);
}

/// A number of a database, as Redis has them, is not its name.
inline bool is_number(std::string_view text) noexcept {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

inline bool begins_with(std::string_view text, std::string_view with) noexcept {
  return text.substr(0, with.size()) == with;
}

inline bool ends_with(std::string_view text, std::string_view with) noexcept {
  return text.size() > with.size() && text.substr(text.size() - with.size()) == with;
}

}  // namespace faultline::naming_texts
