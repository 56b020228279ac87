// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// Looks at, and damages, the files of a closed store.

namespace faultline::testing {

/// The largest file of @p directory whose name begins and ends so; empty when there is none.
inline std::string largest_file(const std::string& directory, const std::string& begins,
                                const std::string& ends) {
  std::string found;
  std::uintmax_t size = 0;
  for (const auto& entry : std::filesystem::directory_iterator{directory}) {
    const std::string name = entry.path().filename();
    if (name.size() < begins.size() + ends.size()) continue;
    if (name.compare(0, begins.size(), begins) != 0) continue;
    if (name.compare(name.size() - ends.size(), ends.size(), ends) != 0) continue;
    if (found.empty() || entry.file_size() > size) {
      found = entry.path();
      size = entry.file_size();
    }
  }
  return found;
}

/// Inverts one bit at @p share (0..1) of the file's length.
inline void flip_a_bit(const std::string& file, double share) {
  std::fstream f{file, std::ios::in | std::ios::out | std::ios::binary};
  const auto at =
      static_cast<std::streamoff>(static_cast<double>(std::filesystem::file_size(file)) * share);
  f.seekg(at);
  const int byte = f.get();
  f.seekp(at);
  f.put(static_cast<char>(byte ^ 0x10));
}

}  // namespace faultline::testing
