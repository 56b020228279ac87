// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"

// Rule 13: every record begins with a version, a build reads its own and the one before. The files
// in golden/ are what each version looks like; a published one never changes. To add a version:
// leave the file of the old one (NAME.1.hex), write the new one (NAME.2.hex), let the old be read.
//
// The claims stand here once; formats_test.cpp holds the contents of records against them,
// tests/storage/row_formats_test.cpp the rows.

namespace faultline::testing {

/// One format that lies on disk, and how it is read and written again.
struct disk_format {
  std::string name;       ///< of its file in golden/
  std::string spoken;     ///< as errors name it; empty: the code alone tells
  unsigned version = 1;   ///< the newest
  bool checksum = false;  ///< of its own: no mutation may pass
  std::function<std::string()> sample;
  /// Reads and writes again.
  std::function<outcome<std::string>(std::string_view)> reread;
};

template <class T, class Write>
outcome<std::string> rewritten(const outcome<T>& read, Write write) {
  if (!read) return read.error();
  return write(*read);
}

inline std::string golden_file(const std::string& name, unsigned version) {
  return "tests/fuzz/golden/" + name + "." + std::to_string(version) + ".hex";
}

inline std::string hex_lines(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    out.push_back(digits[byte >> 4U]);
    out.push_back(digits[byte & 15U]);
    if (i % 48 == 47) out.push_back('\n');
  }
  return out + "\n";
}

/// The bytes of a golden file; empty when there is none.
inline std::string golden(const std::string& name, unsigned version) {
  std::ifstream in{golden_file(name, version)};
  std::string bytes;
  char high = 0;
  char low = 0;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  while (in >> high >> low) bytes.push_back(static_cast<char>(digit(high) * 16 + digit(low)));
  return bytes;
}

inline std::string sorted(std::string bytes) {
  std::sort(bytes.begin(), bytes.end());
  return bytes;
}

/// Every golden file whose name begins so belongs to one of @p all.
inline void expect_known_files(const std::vector<disk_format>& all, bool rows) {
  for (const auto& file : std::filesystem::directory_iterator{"tests/fuzz/golden"}) {
    const std::string name = file.path().stem().stem();
    if ((name.rfind("row_", 0) == 0) != rows) continue;
    const bool known =
        std::any_of(all.begin(), all.end(), [&](const auto& f) { return f.name == name; });
    EXPECT_TRUE(known) << file.path();
  }
}

class Formats : public ::testing::TestWithParam<disk_format> {};

TEST_P(Formats, TheBytesOfItsVersionAreReadAndWrittenUnchanged) {
  const auto& f = GetParam();
  const std::string bytes = golden(f.name, f.version);
  if (bytes.empty()) {
    FAIL() << golden_file(f.name, f.version) << " is missing. It would be\n"
           << hex_lines(f.sample());
  }
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]), f.version);
  const auto again = f.reread(bytes);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(hex_lines(*again), hex_lines(bytes));
}

TEST_P(Formats, WhatIsWrittenTodayIsOfThatVersionAndReadable) {
  const auto& f = GetParam();
  const std::string bytes = f.sample();
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]), f.version);
  const auto again = f.reread(bytes);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(*again, bytes);
}

TEST_P(Formats, TheVersionBeforeIsReadAndWrittenAsThisOne) {
  const auto& f = GetParam();
  if (f.version == 1) return;  // nothing came before
  const std::string bytes = golden(f.name, f.version - 1);
  ASSERT_FALSE(bytes.empty()) << golden_file(f.name, f.version - 1);
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]), f.version - 1);
  const auto again = f.reread(bytes);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(static_cast<unsigned char>((*again)[0]), f.version);
}

TEST_P(Formats, ANewerVersionIsRefusedByNameWithBothVersions) {
  const auto& f = GetParam();
  std::string bytes = golden(f.name, f.version);
  ASSERT_FALSE(bytes.empty());
  for (const unsigned newer : {f.version + 1, 255U}) {
    bytes[0] = static_cast<char>(newer);
    const auto read = f.reread(bytes);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ec::unknown_version);
    if (f.spoken.empty()) continue;
    EXPECT_THAT(read.error().what,
                ::testing::HasSubstr(f.spoken + " has version " + std::to_string(newer)));
    EXPECT_THAT(read.error().what,
                ::testing::HasSubstr("reads up to " + std::to_string(f.version)));
  }
  bytes[0] = 0;
  EXPECT_FALSE(f.reread(bytes)) << "no version";
  EXPECT_FALSE(f.reread("")) << "no byte";
}

TEST_P(Formats, TenThousandMutationsAreReadAsTheyStandOrRefused) {
  const auto& f = GetParam();
  const std::string good = golden(f.name, f.version);
  ASSERT_FALSE(good.empty());
  std::mt19937_64 random{20'240'101};
  std::size_t accepted = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string bad = good;
    const auto at = random() % bad.size();
    bad[at] = static_cast<char>(static_cast<unsigned char>(bad[at]) ^ (1 + random() % 255));
    const auto read = f.reread(bad);
    if (!read) continue;
    const auto version = static_cast<unsigned char>(bad[0]);
    if (version < f.version) continue;  // read as one of the version before, and written anew
    ++accepted;
    const auto again = f.reread(*read);
    ASSERT_TRUE(again) << "byte " << at << ": what was read cannot be written";
    ASSERT_EQ(hex_lines(*again), hex_lines(*read)) << "byte " << at << " is read one way once";
    // Names are kept in order, so another name may stand elsewhere; nothing is lost or made up.
    ASSERT_EQ(sorted(*read), sorted(bad)) << "byte " << at << " was read as something else";
  }
  if (f.checksum) {
    EXPECT_EQ(accepted, 0U);
  }
}

TEST_P(Formats, WhatIsCutOffOrTooLongDoesNotCrashAReader) {
  const auto& f = GetParam();
  const std::string good = golden(f.name, f.version);
  const std::size_t step = 1 + good.size() / 500;
  for (std::size_t n = 0; n < good.size(); n += step) {
    const auto read = f.reread(std::string_view{good}.substr(0, n));
    if (f.checksum) {
      EXPECT_FALSE(read) << n;
    }
  }
  std::mt19937_64 random{7};
  for (int i = 0; i < 1000; ++i) {
    std::string noise(random() % 200, '\0');
    for (auto& c : noise) c = static_cast<char>(random());
    if (!noise.empty()) noise[0] = static_cast<char>(f.version);
    (void)f.reread(noise);
  }
}

}  // namespace faultline::testing
