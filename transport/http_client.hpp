// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"
#include "transport/http_server.hpp"

namespace faultline {

struct http_client_options {
  std::string address = "127.0.0.1:7800";     ///< host:port, "http://" or "https://" in front
  std::chrono::milliseconds deadline{10000};  ///< for the whole call
  std::size_t body_bytes = std::size_t{64} * 1024 * 1024;
  std::string token_file;  ///< of a bearer token, read as read_secret_file(); empty: none
  std::string ca_file;     ///< certificates to trust, with "https://"; empty: those of the system
};

/// Whether @p address is one for http_client_options. Fails: ec::invalid.
outcome<void> check_address(std::string_view address);

/// One request on a connection of its own, blocking. Any status is an answer.
/// @param target path and query, percent-encoded by the caller (percent_encode())
/// Fails: ec::invalid (address or target), ec::io_failed (no connection, no HTTP),
///        ec::deadline_passed, ec::too_large; the files of token and certificates as they are read.
outcome<http_response> http_call(const http_client_options& options, std::string_view method,
                                 std::string_view target, std::string_view body = {},
                                 std::string_view content_type = "application/json");

inline outcome<http_response> http_get(const http_client_options& options,
                                       std::string_view target) {
  return http_call(options, "GET", target);
}
inline outcome<http_response> http_post(const http_client_options& options, std::string_view target,
                                        std::string_view json) {
  return http_call(options, "POST", target, json);
}
inline outcome<http_response> http_delete(const http_client_options& options,
                                          std::string_view target) {
  return http_call(options, "DELETE", target);
}

}  // namespace faultline
