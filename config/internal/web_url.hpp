// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

namespace faultline {

/// Whether there is a host behind the scheme, and no blank anywhere.
/// @pre @p url has a scheme
inline bool names_host(const std::string& url) {
  const auto host = url.find("://") + 3;
  return host < url.size() && url[host] != '/' && url[host] != ':' &&
         std::none_of(url.begin(), url.end(),
                      [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

}  // namespace faultline
