// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

namespace faultline::test {

namespace fs = std::filesystem;

/// A directory of this test's own, gone when it ends.
class folder {
public:
  folder() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string pattern = (fs::temp_directory_path() / "faultline-lab-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no directory for " << info->name();
    path_ = pattern;
  }
  ~folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

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
