// SPDX-License-Identifier: Apache-2.0
// Files with keys of clients and what they may do, and files with tokens. What was read of a client
// is read again, the same, from what is written of it.
#include "transport/key_file.hpp"

#include "tests/fuzz/targets/check.hpp"
#include "transport/seal.hpp"
#include "transport/tokens.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faultline;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto client = read_client(text, "probe")) {
    const auto written = client_text(*client);
    const auto again = read_client(written, "probe");
    check(again && client_text(*again) == written);
  }
  static_cast<void>(read_tokens(text));
  check(static_cast<bool>(check_seal(sealed(text))));
  check(sealed(sealed(text)) == sealed(text));
  return 0;
}
