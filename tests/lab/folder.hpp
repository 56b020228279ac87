// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "tests/support/scratch_directory.hpp"

namespace faultline::test {

namespace fs = std::filesystem;

/// A directory of this test's own, gone when it ends.
using folder = faultline::testing::scratch_directory;

inline std::string bytes_of(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline void put(const fs::path& file, const std::string& bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream{file, std::ios::binary} << bytes;
}

/// Where the development recordings are; says so on the console when they are absent.
inline fs::path data_folder() {
  const char* told = std::getenv("FAULTLINE_DATA");
  const fs::path path = told ? fs::path{told} : fs::path{"../shared/data"};
  if (!fs::is_directory(path)) {
    std::cout << "[   DATA   ] " << path.string()
              << " is absent: nothing was checked against real recordings\n";
    return {};
  }
  return path;
}

}  // namespace faultline::test
