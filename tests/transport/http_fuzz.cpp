// SPDX-License-Identifier: Apache-2.0
// HTTP requests through the parser with the limits of the server, and their targets.
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "tests/fuzz/targets/check.hpp"
#include "transport/http_server.hpp"
#include "transport/internal/http_text.hpp"

using namespace faultline;
namespace http = boost::beast::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  http::request_parser<http::string_body> parser;
  parser.header_limit(8 * 1024);
  parser.body_limit(64 * 1024);
  parser.eager(true);
  boost::beast::error_code error;
  std::size_t at = 0;
  while (at < bytes.size() && !parser.is_done()) {
    const auto taken = parser.put(boost::asio::buffer(bytes.data() + at, bytes.size() - at), error);
    if (error || taken == 0) break;
    at += taken;
  }
  if (parser.is_header_done()) {
    const auto target = parser.get().target();
    static_cast<void>(read_target({target.data(), target.size()}));
    http_request request;
    for (const auto& field : parser.get())
      request.headers.emplace_back(field.name_string(), field.value());
    check(!from_another_site(request) || !header_of(request, "sec-fetch-site").empty() ||
          !header_of(request, "ORIGIN").empty());
    check(!http_error(400, "malformed", header_of(request, "Host")).body.empty());
  }
  if (const auto plain = percent_decode(bytes)) {
    const auto again = percent_decode(percent_encode(*plain));
    check(again && *again == *plain);
  }
  if (const auto target = read_target(bytes)) check(!target->path.empty());
  if (const auto address = read_address(bytes)) check(!address->port.empty());
  return 0;
}
