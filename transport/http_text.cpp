// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/http_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "transport/http_server.hpp"

namespace faultline {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/// A query value: '+' is a blank there.
outcome<std::string> decode_query_part(std::string_view text) {
  std::string blanks{text};
  std::replace(blanks.begin(), blanks.end(), '+', ' ');
  return percent_decode(blanks);
}

}  // namespace

std::string_view header_of(const http_request& request, std::string_view name) noexcept {
  for (const auto& [key, value] : request.headers)
    if (same_name(key, name)) return value;
  return {};
}

bool from_another_site(const http_request& request) {
  // No page can make it up, and it is of the address that the browser sees: a proxy in between may
  // ask for another host than the Origin has.
  const std::string_view site = header_of(request, "Sec-Fetch-Site");
  if (site == "same-origin") return false;
  if (!site.empty() && site != "none") return true;
  std::string_view origin = header_of(request, "Origin");
  if (origin.empty()) return false;
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return true;  // "null" and the like
  return origin.substr(scheme + 3) != header_of(request, "Host");
}

http_response http_error(int status, std::string_view code, std::string_view message) {
  const nlohmann::json body{{"error", {{"code", code}, {"message", message}}}};
  http_response r;
  r.status = status;
  // What a client sent may stand in the message: bytes that are no UTF-8 are replaced.
  r.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return r;
}

outcome<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return failure{ec::malformed, "a '%' is not followed by two hex digits"};
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() * 3);
  for (const char c : text) {
    const char l = lower(c);
    const bool plain = (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
                       std::string_view{"-._~"}.find(c) != std::string_view::npos;
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out.append({'%', digits[byte >> 4U], digits[byte & 15U]});
    }
  }
  return out;
}

outcome<http_target> read_target(std::string_view target) {
  if (target.empty() || target.front() != '/')
    return failure{ec::malformed, "the request target must begin with '/'"};
  http_target out;
  target = target.substr(0, target.find('#'));
  const std::size_t mark = target.find('?');
  out.path = target.substr(0, mark);
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto key = decode_query_part(pair.substr(0, equals));
    auto value = decode_query_part(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!key) return failure{ec::malformed, "query: " + key.error().what};
    if (!value) return failure{ec::malformed, "query: " + value.error().what};
    out.query.emplace_back(std::move(*key), std::move(*value));
  }
  return out;
}

outcome<host_port> read_address(std::string_view address) {
  constexpr std::string_view plain = "http://", tls = "https://";
  std::string_view rest = address;
  const bool secure = rest.substr(0, tls.size()) == tls;
  if (secure)
    rest.remove_prefix(tls.size());
  else if (rest.substr(0, plain.size()) == plain)
    rest.remove_prefix(plain.size());
  const std::size_t path = std::min(rest.find('/'), rest.size());
  const bool has_path = rest.size() > path + 1;
  rest = rest.substr(0, path);
  const std::size_t colon = rest.rfind(':');
  const failure bad{ec::invalid,
                    "'" + std::string{address} + "' is not an address like 127.0.0.1:7800"};
  if (has_path || colon == std::string_view::npos || colon == 0) return bad;
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size()) return bad;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return bad;
  return host_port{std::string{host}, std::string{port}, secure};
}

}  // namespace faultline
