// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/damaged_file.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

namespace faultline {
namespace {

namespace fs = std::filesystem;

/// The first word of @p text that is a path below @p directory. RocksDB also looks for a missing
/// table under its name of ten years ago, and names that one.
std::string path_in(std::string_view text, const std::string& directory) {
  const std::size_t begin = text.find(directory + "/");
  if (begin == std::string_view::npos) return {};
  const std::size_t end = text.find_first_of(" :,;'\"\n", begin + directory.size());
  std::string path{text.substr(begin, end - begin)};
  const std::size_t old_name = path.rfind(".ldb");
  if (old_name != std::string::npos && old_name + 4 == path.size())
    path.replace(old_name, 4, ".sst");
  return path;
}

/// RocksDB's log of this attempt names the write-ahead log it stopped at.
std::string path_in_log(const std::string& directory, const std::string& text) {
  std::istringstream log{text};
  std::string found;
  for (std::string line; std::getline(log, line);) {
    if (line.find(" dropping ") == std::string::npos) continue;
    const std::string path = path_in(line, directory);
    if (!path.empty()) found = path;
  }
  return found;
}

bool belongs_to_a_store(const fs::path& file) {
  const std::string name = file.filename();
  const std::string kind = file.extension();
  return kind == ".sst" || kind == ".log" || name.rfind("MANIFEST-", 0) == 0;
}

}  // namespace

std::string damaged_file(const std::string& directory, const std::string& error,
                         const std::string& log) {
  if (error.find("CURRENT file") != std::string::npos) return directory + "/CURRENT";
  std::string path = path_in(error, directory);
  if (path.empty()) path = path_in_log(directory, log);
  if (!path.empty()) return path;
  std::ifstream current{directory + "/CURRENT"};
  std::string manifest;
  std::getline(current, manifest);
  return directory + "/" + (manifest.rfind("MANIFEST-", 0) == 0 ? manifest : "CURRENT");
}

std::string unreadable_table(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{directory, error}) {
    if (entry.path().extension() != ".sst") continue;
    rocksdb::SstFileReader table{rocksdb::Options{}};
    if (table.Open(entry.path().string()).IsCorruption()) return entry.path().string();
  }
  return {};
}

std::string missing_file(const std::string& directory) {
  std::error_code error;
  if (fs::exists(directory + "/CURRENT", error)) return {};
  for (const auto& entry : fs::directory_iterator{directory, error}) {
    if (belongs_to_a_store(entry.path())) return directory + "/CURRENT";
  }
  return {};
}

}  // namespace faultline
