// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace faultline::testing {

/// A directory of its own under the system's one for temporary files, gone at the end. Throws
/// std::runtime_error where none can be made.
class scratch_directory {
public:
  scratch_directory() {
    // mkdtemp() puts six characters of its own in the place of these.
    std::string pattern = (std::filesystem::temp_directory_path() / "faultline-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no directory " + pattern};
    path_ = pattern;
  }
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

}  // namespace faultline::testing
