// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

namespace faultline {

/// Whether there is a scheme and a host behind it, and no blank anywhere.
inline bool names_host(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return false;
  const auto host = scheme + 3;
  return host < url.size() && url[host] != '/' && url[host] != ':' &&
         std::none_of(url.begin(), url.end(),
                      [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

}  // namespace faultline
