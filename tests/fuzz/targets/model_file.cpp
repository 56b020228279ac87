// SPDX-License-Identifier: Apache-2.0
// Model files: two of three inputs get a right digest, else nothing behind it would be reached.
#include <sodium.h>

#include <cmath>

#include "inference/model_file.hpp"
#include "tests/fuzz/targets/check.hpp"

using namespace faultline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  if (data[0] % 3 != 0) {
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    bytes.append(reinterpret_cast<const char*>(digest), sizeof digest);
  }
  const auto model = decode_model(bytes);
  if (!model) return 0;
  const auto again = encode_model(*model);
  check(static_cast<bool>(again));
  check(decode_model(*again) && encode_model(*decode_model(*again)) &&
        *encode_model(*decode_model(*again)) == *again);
  const bool fits = static_cast<bool>(check_tensors(*model, {{"w", {2}}}));
  check(fits == (model->tensors.size() == 1 && model->tensors[0].name == "w" &&
                 model->tensors[0].shape == std::vector<std::uint32_t>{2}));
  return 0;
}
