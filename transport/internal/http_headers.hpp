// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

#include <boost/beast/http/field.hpp>

#include "transport/http_server.hpp"

namespace faultline {

/// Of everything but the page, which brings its own.
inline constexpr std::string_view api_security_policy =
    "default-src 'none'; frame-ancestors 'none'";

inline bool printable(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

/// Whether an answer of @p status has a body, even an empty one, with its length and type.
inline bool has_body(int status) noexcept { return status != 204 && status != 304; }

/// What every answer says; headers of @p from stand above it.
template <class Message>
void set_headers(Message& message, const http_response& from) {
  namespace http = boost::beast::http;
  message.set(http::field::server, "faultline");
  message.set("X-Content-Type-Options", "nosniff");
  message.set("Content-Security-Policy",
              boost::beast::string_view{api_security_policy.data(), api_security_policy.size()});
  message.set("Referrer-Policy", "no-referrer");
  message.set(http::field::cache_control, "no-store");
  if (has_body(from.status) && printable(from.content_type))
    message.set(http::field::content_type, from.content_type);
  for (const auto& [name, value] : from.headers)
    if (printable(name) && printable(value)) message.set(name, value);
}

}  // namespace faultline
