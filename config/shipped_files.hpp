// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace faultline {

/// Directory of the files that come with the program (models/, config/): beside an installed
/// program in ../share/faultline, or the source tree it was built in. Empty when there is neither.
std::filesystem::path shipped_files();

struct used_file {
  std::string path;
  bool there = false;
};
/// The file that is read where the configuration names @p named: that one, or, where it names none,
/// @p shipped of those that come with the program.
used_file file_in_use(const std::string& named, const char* shipped);

}  // namespace faultline
