// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/outcome.hpp"

namespace faultline {

/// A request target in origin form, taken apart.
struct http_target {
  std::string path;                                        ///< raw
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded
};

/// Fails: ec::malformed when @p target is not "/path?query" or the query is not percent-encoded
/// well.
outcome<http_target> read_target(std::string_view target);

/// "host:port" or "[v6]:port", a scheme "http://" or "https://" in front is taken off.
/// Fails: ec::invalid.
struct host_port {
  std::string host, port;
  bool secure = false;  ///< "https://" stood in front
};
outcome<host_port> read_address(std::string_view address);

}  // namespace faultline
