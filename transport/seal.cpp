// SPDX-License-Identifier: Apache-2.0
#include "transport/seal.hpp"

#include <sodium.h>

#include <array>

namespace faultline {

namespace {

constexpr std::string_view mark = "# sealed ";

std::string seal_of(std::string_view body) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(body.data()), body.size());
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return std::string{mark} + hex.data();
}

bool begins_sealed(std::string_view text) { return text.substr(0, mark.size()) == mark; }

/// What stands behind the first line.
std::string_view body_of(std::string_view text) {
  const auto end = text.find('\n');
  return end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
}

}  // namespace

std::string sealed(std::string_view text) {
  const auto body = begins_sealed(text) ? body_of(text) : text;
  return (seal_of(body) + "\n").append(body);
}

outcome<void> check_seal(std::string_view text) {
  if (!begins_sealed(text)) return {};
  const auto body = body_of(text);
  const auto line = text.substr(0, text.find('\n'));
  if (line == seal_of(body)) return {};
  return failure{
      ec::malformed,
      "is not what was sealed: damaged, or changed by hand. Look at it; where it is as it "
      "should be, `faultline seal` it"};
}

}  // namespace faultline
