// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/content.hpp"

#include <cstring>

#include <gtest/gtest.h>
#include <snappy.h>
#include <zlib.h>

namespace faultline {
namespace {

constexpr std::size_t most = std::size_t{16} * 1024 * 1024;

std::string gzipped(const std::string& text, int window = MAX_WBITS + 16) {
  z_stream s{};
  deflateInit2(&s, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(compressBound(static_cast<uLong>(text.size())) + 64, '\0');
  std::string in = text;
  s.next_in = reinterpret_cast<Bytef*>(in.data());
  s.avail_in = static_cast<uInt>(in.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  deflate(&s, Z_FINISH);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

std::string snapped(const std::string& text) {
  std::string out;
  snappy::Compress(text.data(), text.size(), &out);
  return out;
}

TEST(Content, IsUnpackedByItsEncoding) {
  const std::string text(100'000, 'x');
  for (const auto& [encoding, body] : {std::pair<std::string, std::string>{"", text},
                                       {"identity", text},
                                       {"gzip", gzipped(text)},
                                       {"deflate", gzipped(text, MAX_WBITS)},
                                       {"gzip", gzipped(text.substr(1)) + gzipped("x")},
                                       {"snappy", snapped(text)}}) {
    const auto got = decoded_content(body, encoding, most);
    ASSERT_TRUE(got) << encoding << ": " << got.error().what;
    EXPECT_EQ(*got, text) << encoding;
  }
}

TEST(Content, ABombIsBrokenOffAtTheLimit) {
  const std::string bomb = gzipped(std::string(most + 1, '\0'));
  EXPECT_LT(bomb.size(), 20'000U);
  EXPECT_EQ(decoded_content(bomb, "gzip", most).error().code, ec::too_large);
  EXPECT_TRUE(decoded_content(gzipped(std::string(most, '\0')), "gzip", most));
  EXPECT_EQ(decoded_content(snapped(std::string(most + 1, '\0')), "snappy", most).error().code,
            ec::too_large);
}

TEST(Content, ASnappyBlockThatClaimsWhatItDoesNotHoldTakesNoMemory) {
  const std::string claims(
      "\xff\xff\xff\x07"
      "x",
      5);  // 16 MiB - 1
  EXPECT_EQ(decoded_content(claims, "snappy", most).error().code, ec::malformed);
  const std::string four_gib(
      "\xff\xff\xff\xff\x0f"
      "x",
      6);
  EXPECT_EQ(decoded_content(four_gib, "snappy", most).error().code, ec::too_large);
}

TEST(Content, WhatIsNotWholeIsMalformedAndNothingOfItIsUsed) {
  const auto whole = gzipped("some text that is long enough");
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_FALSE(decoded_content(whole.substr(0, n), "gzip", most)) << n;
  EXPECT_FALSE(decoded_content(whole + "rubbish", "gzip", most));
  const auto block = snapped("some text that is long enough");
  for (std::size_t n = 0; n < block.size(); ++n)
    EXPECT_FALSE(decoded_content(block.substr(0, n), "snappy", most)) << n;
  EXPECT_FALSE(decoded_content("plain", "gzip", most));
}

TEST(Content, AnEncodingNobodyKnowsIsUnsupported) {
  EXPECT_EQ(decoded_content("x", "br", most).error().code, ec::unsupported);
  EXPECT_TRUE(decoded_content(gzipped("x"), "GZip", most)) << "case does not count";
  EXPECT_EQ(decoded_content("x", "gzip, gzip", most).error().code, ec::unsupported);
}

}  // namespace
}  // namespace faultline
