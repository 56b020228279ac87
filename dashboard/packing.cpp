// SPDX-License-Identifier: Apache-2.0
#include "dashboard/internal/packing.hpp"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace faultline {

namespace {

constexpr std::size_t worth_packing = 1024;
constexpr int gzip_window_bits = 15 + 16;  // of zlib: the largest window, gzip's frame

}  // namespace

bool takes_gzip(const http_request& request) noexcept {
  std::string_view rest = header_of(request, "Accept-Encoding");
  while (!rest.empty()) {
    std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    constexpr std::string_view name = "gzip";
    const auto same = [](char a, char b) { return (a | 0x20) == b; };
    if (item.size() < name.size() || !std::equal(name.begin(), name.end(), item.begin(),
                                                 [&](char b, char a) { return same(a, b); }))
      continue;
    item.remove_prefix(4);
    const auto quality = item.find("q=");
    if (quality == std::string_view::npos)
      return item.empty() || item.front() == ';' || item.front() == ' ';
    return item.substr(quality + 2).find_first_not_of("0. ") != std::string_view::npos;
  }
  return false;
}

std::optional<std::string> gzip(std::string_view text) {
  z_stream z{};
  if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, gzip_window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return {};
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int done = deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  if (done != Z_STREAM_END) return {};
  return out;
}

http_responder packed_for(const http_request& request, http_responder respond) {
  if (!takes_gzip(request)) return respond;
  return [respond = std::move(respond)](http_response r) {
    if (!r.live && r.body.size() >= worth_packing) {
      if (auto packed = gzip(r.body)) {
        r.body = std::move(*packed);
        r.headers.emplace_back("Content-Encoding", "gzip");
        r.headers.emplace_back("Vary", "Accept-Encoding");
      }
    }
    respond(std::move(r));
  };
}

}  // namespace faultline
