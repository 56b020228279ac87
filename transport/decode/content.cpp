// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/content.hpp"

#include <algorithm>
#include <memory>

#include <snappy.h>
#include <zlib.h>

namespace faultline {

namespace {

constexpr std::size_t chunk = 64 * 1024;

failure over(std::size_t most) {
  return {ec::too_large, "the body has more than " + std::to_string(most) + " bytes unpacked"};
}

/// gzip or zlib, as the first bytes say; members of gzip may follow one another.
outcome<std::string> inflated(std::string_view body, std::size_t most) {
  z_stream stream{};
  constexpr int detect = 32;
  if (inflateInit2(&stream, MAX_WBITS + detect) != Z_OK)
    return failure{ec::too_large, "no memory to unpack the body"};
  const std::unique_ptr<z_stream, void (*)(z_stream*)> end{&stream,
                                                           [](z_stream* s) { inflateEnd(s); }};
  // zlib takes what it reads as not const and leaves it alone.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::string out;
  std::string part(chunk, '\0');
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(part.data());
    stream.avail_out = static_cast<uInt>(part.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    const auto made = part.size() - stream.avail_out;
    if (out.size() + made > most) return over(most);
    out.append(part, 0, made);
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0) return out;
      if (inflateReset(&stream) != Z_OK) break;
      continue;
    }
    if (status != Z_OK || (made == 0 && stream.avail_in == 0)) break;
  }
  return failure{ec::malformed, "the body is not whole gzip or deflate"};
}

outcome<std::string> unsnapped(std::string_view body, std::size_t most) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(body.data(), body.size(), &size))
    return failure{ec::malformed, "the body is not a block of snappy"};
  if (size > most) return over(most);
  // A block is looked through before memory is taken for what it claims to hold.
  if (!snappy::IsValidCompressedBuffer(body.data(), body.size()))
    return failure{ec::malformed, "the body is not a whole block of snappy"};
  std::string out;
  if (!snappy::Uncompress(body.data(), body.size(), &out))
    return failure{ec::malformed, "the body is not a whole block of snappy"};
  return out;
}

}  // namespace

outcome<std::string> decoded_content(std::string_view body, std::string_view said,
                                     std::size_t most) {
  std::string encoding{said};  // of RFC 9110: case does not count
  for (char& c : encoding)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (encoding.empty() || encoding == "identity") {
    if (body.size() > most) return over(most);
    return std::string{body};
  }
  if (encoding == "gzip" || encoding == "x-gzip" || encoding == "deflate")
    return inflated(body, most);
  if (encoding == "snappy") return unsnapped(body, most);
  return failure{ec::unsupported, "the only encodings understood are gzip, deflate and snappy"};
}

}  // namespace faultline
