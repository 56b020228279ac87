// SPDX-License-Identifier: Apache-2.0
#include "lab/gzip_file.hpp"

#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>

namespace faultline {

namespace {

constexpr int gzip_window = 15 + 16;  // 32 KiB window, gzip wrapper
constexpr std::size_t chunk_bytes = std::size_t{1} << 18;

failure unreadable(const std::filesystem::path& file, const char* why) {
  return {ec::malformed, file.string() + ": " + why};
}

outcome<std::string> read_bytes(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error))
    return failure{ec::not_found, file.string() + ": no such file"};
  std::ifstream in{file, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  if (!in.good() && !in.eof()) return failure{ec::io_failed, file.string() + ": cannot be read"};
  return bytes;
}

// A z_stream that frees itself.
struct inflater {
  z_stream z{};
  bool ready = false;
  inflater() { ready = inflateInit2(&z, gzip_window) == Z_OK; }
  ~inflater() {
    if (ready) inflateEnd(&z);
  }
  inflater(const inflater&) = delete;
  inflater& operator=(const inflater&) = delete;
};

struct deflater {
  z_stream z{};
  bool ready = false;
  deflater() {
    ready = deflateInit2(&z, 9, Z_DEFLATED, gzip_window, 9, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~deflater() {
    if (ready) deflateEnd(&z);
  }
  deflater(const deflater&) = delete;
  deflater& operator=(const deflater&) = delete;
};

Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

// Appends the text of the member that starts at z.next_in. @returns zlib's last answer.
int inflate_member(z_stream& z, std::string& text, std::size_t limit) {
  int answer = Z_OK;
  while (answer == Z_OK) {
    const std::size_t old = text.size();
    if (old > limit) return Z_OK;
    text.resize(std::max(old + chunk_bytes, old + old / 2));
    z.next_out = bytes_of(text) + old;
    z.avail_out = static_cast<uInt>(std::min<std::size_t>(text.size() - old, 1U << 30));
    const uInt room = z.avail_out;
    answer = inflate(&z, Z_NO_FLUSH);
    text.resize(old + (room - z.avail_out));
  }
  return answer;
}

}  // namespace

outcome<std::string> read_gzip(const std::filesystem::path& file, std::size_t limit) {
  auto packed = read_bytes(file);
  if (!packed) return packed;
  if (packed->size() < 18 || packed->compare(0, 2, "\x1f\x8b") != 0)
    return unreadable(file, "not a gzip file");
  if (packed->size() > limit || packed->size() > std::numeric_limits<uInt>::max())
    return failure{ec::too_large, file.string() + ": too large"};
  inflater in;
  if (!in.ready) return failure{ec::io_failed, "zlib cannot start"};
  in.z.next_in = bytes_of(*packed);
  in.z.avail_in = static_cast<uInt>(packed->size());
  std::string text;
  text.reserve(std::min(limit, packed->size() * 4));
  while (in.z.avail_in > 0) {
    const int answer = inflate_member(in.z, text, limit);
    if (text.size() > limit)
      return failure{ec::too_large, file.string() + ": more text than allowed"};
    if (answer == Z_BUF_ERROR) return unreadable(file, "the gzip stream is cut short");
    if (answer != Z_STREAM_END) return unreadable(file, "the gzip stream is damaged");
    if (in.z.avail_in > 0 && inflateReset(&in.z) != Z_OK)
      return failure{ec::io_failed, "zlib cannot restart"};
  }
  return text;
}

outcome<void> write_gzip(const std::filesystem::path& file, std::string_view text) {
  deflater out;
  gz_header header{};
  header.os = 255;  // unknown: the bytes do not depend on the machine
  if (!out.ready || deflateSetHeader(&out.z, &header) != Z_OK)
    return failure{ec::io_failed, "zlib cannot start"};
  if (text.size() > std::numeric_limits<uInt>::max())
    return failure{ec::too_large, file.string() + ": more than 4 GiB of text"};
  std::string packed(deflateBound(&out.z, text.size()) + 64, '\0');
  out.z.next_in = bytes_of(text);
  out.z.avail_in = static_cast<uInt>(text.size());
  out.z.next_out = bytes_of(packed);
  out.z.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&out.z, Z_FINISH) != Z_STREAM_END)
    return failure{ec::io_failed, file.string() + ": zlib gave up"};
  packed.resize(packed.size() - out.z.avail_out);
  std::ofstream to{file, std::ios::binary | std::ios::trunc};
  to.write(packed.data(), static_cast<std::streamsize>(packed.size()));
  to.close();
  if (!to) return failure{ec::io_failed, file.string() + ": cannot be written"};
  return {};
}

}  // namespace faultline
