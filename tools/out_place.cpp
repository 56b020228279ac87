// SPDX-License-Identifier: Apache-2.0
#include "tools/out_place.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace faultline {

namespace {

namespace fs = std::filesystem;

failure cannot_write(const std::string& path, const std::string& why) {
  return {ec::io_failed, "'" + path + "' cannot be written: " + why};
}

/// Permissions say too little (root, a file system that is read only): a file is made and removed.
outcome<void> takes_files(const std::string& path, const fs::path& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored))
    return cannot_write(path, directory.string() + " is no directory");
  std::string probe =
      (directory / ".faultline-").string() + std::string(6, 'X');  // as mkostemp asks
  const int made = ::mkostemp(probe.data(), O_CLOEXEC);
  if (made < 0) return cannot_write(path, directory.string() + ": " + std::strerror(errno));
  ::close(made);
  ::unlink(probe.c_str());
  return {};
}

fs::path directory_of(const std::string& path) {
  const fs::path parent = fs::path{path}.parent_path();
  return parent.empty() ? fs::path{"."} : parent;
}

}  // namespace

outcome<void> check_out_file(const std::string& path) {
  std::error_code ignored;
  const auto there = fs::status(path, ignored);
  if (!fs::exists(there)) return check_out_replaced(path);
  if (fs::is_directory(there)) return cannot_write(path, "it is a directory");
  if (!fs::is_regular_file(there))
    return {};  // who reads from a pipe would take a look for its end
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return cannot_write(path, std::strerror(errno));
  ::close(file);
  return {};
}

outcome<void> check_out_replaced(const std::string& path) {
  std::error_code ignored;
  if (!fs::path{path}.has_filename()) return cannot_write(path, "it names no file");
  if (fs::is_directory(path, ignored)) return cannot_write(path, "it is a directory");
  return takes_files(path, directory_of(path));
}

outcome<void> check_out_directory(const std::string& path) {
  std::error_code failed;
  fs::path nearest = fs::absolute(path, failed);
  if (path.empty() || failed) return cannot_write(path, "it names no directory");
  while (!fs::exists(nearest, failed) && nearest.has_relative_path())
    nearest = nearest.parent_path();
  return takes_files(path, nearest);
}

}  // namespace faultline
