// SPDX-License-Identifier: Apache-2.0
#include "config/shipped_files.hpp"

#include <system_error>

namespace faultline {

namespace fs = std::filesystem;

fs::path shipped_files() {
  std::error_code failed;
  const auto self = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return {};
  const auto bin = self.parent_path();
  for (const auto& candidate : {bin / ".." / "share" / "faultline", bin / ".." / ".." / ".."})
    if (fs::is_regular_file(candidate / "models" / "lstm.flm", failed))
      return fs::weakly_canonical(candidate, failed);
  return {};
}

used_file file_in_use(const std::string& named, const char* shipped) {
  std::error_code ignored;  // an unreadable path is a missing file
  const fs::path file = named.empty() ? shipped_files() / shipped : fs::path{named};
  return {file.string(), fs::is_regular_file(file, ignored)};
}

}  // namespace faultline
