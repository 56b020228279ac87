// SPDX-License-Identifier: Apache-2.0
// Packed bodies: the first byte says how. What comes out is never more than it may be.
#include "transport/decode/content.hpp"

#include "tests/fuzz/targets/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faultline;
  if (size == 0) return 0;
  constexpr std::size_t most = 100'000;
  constexpr const char* encodings[] = {"gzip", "deflate", "snappy", "identity", "br", ""};
  const std::string_view body{reinterpret_cast<const char*>(data + 1), size - 1};
  const auto got = decoded_content(body, encodings[data[0] % 6], most);
  check(!got || got->size() <= most);
  return 0;
}
