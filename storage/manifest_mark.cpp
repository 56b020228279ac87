// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/manifest_mark.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "messages/identity.hpp"

namespace faultline {
namespace {

constexpr std::string_view title = "faultline manifest 1";
constexpr std::string_view prefix = "MANIFEST-";

std::string mark_file(const std::string& directory) { return directory + "/manifest.mark"; }

std::string current_manifest(const std::string& directory) {
  std::ifstream current{directory + "/CURRENT"};
  std::string name;
  std::getline(current, name);
  return name;
}

/// Nothing where @p name is no manifest's.
std::optional<std::uint64_t> number_of(const std::string& name) {
  if (name.rfind(prefix, 0) != 0 || name.size() == prefix.size() || name.size() > 28) return {};
  std::uint64_t number = 0;
  for (const char c : name.substr(prefix.size())) {
    if (c < '0' || c > '9') return {};
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

std::string text_of(const manifest_extent& state) {
  std::string text{title};
  text += "\n" + state.name + " " + std::to_string(state.bytes) + " " + to_hex(state.hash) + "\n";
  return text + to_hex(stable_hash(text)) + "\n";
}

/// Not synced: after a power failure the one before is there, or an empty one, which say less.
bool write_whole(const std::string& file, std::string_view text) {
  const int fd = ::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return written;
}

}  // namespace

/// An open manifest, read as far as `state` says.
struct manifest_reader {
  manifest_reader(const std::string& directory, std::string name) {
    fd = ::open((directory + "/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    state.name = std::move(name);
    XXH64_reset(hash, 0);
  }
  ~manifest_reader() {
    if (fd >= 0) ::close(fd);
    XXH64_freeState(hash);
  }
  manifest_reader(const manifest_reader&) = delete;
  manifest_reader& operator=(const manifest_reader&) = delete;

  std::uint64_t size() const {
    struct stat found {};
    return fd >= 0 && ::fstat(fd, &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
  }
  /// Reads on, to @p bytes. @returns whether there were so many.
  bool read_to(std::uint64_t bytes) {
    std::array<char, 64 * 1024> part;
    while (state.bytes < bytes) {
      const auto wanted = std::min<std::uint64_t>(part.size(), bytes - state.bytes);
      const auto n = ::pread(fd, part.data(), wanted, static_cast<off_t>(state.bytes));
      if (n <= 0) return false;
      XXH64_update(hash, part.data(), static_cast<std::size_t>(n));
      state.bytes += static_cast<std::uint64_t>(n);
    }
    state.hash = XXH64_digest(hash);
    return true;
  }

  int fd = -1;
  XXH64_state_t* hash = XXH64_createState();
  manifest_extent state;
};

manifest_mark::manifest_mark(std::string directory) : directory_{std::move(directory)} {}
manifest_mark::~manifest_mark() = default;

void manifest_mark::note() {
  const std::lock_guard lock{mutex_};
  const std::string name = current_manifest(directory_);
  if (!number_of(name)) return;
  if (!reader_ || reader_->state.name != name)
    reader_ = std::make_unique<manifest_reader>(directory_, name);
  // First its length, then the disk: what came between is on the disk too, and not noted.
  const std::uint64_t bytes = reader_->size();
  if (bytes == reader_->state.bytes || ::fdatasync(reader_->fd) != 0) return;
  if (reader_->read_to(bytes)) write_down(reader_->state);
}

void manifest_mark::write_down(const manifest_extent& now) const {
  const std::string file = mark_file(directory_);
  if (!write_whole(file + ".new", text_of(now)) ||
      ::rename((file + ".new").c_str(), file.c_str()) != 0)
    ::unlink((file + ".new").c_str());
}

outcome<std::optional<manifest_extent>> read_manifest_mark(const std::string& directory) {
  std::ifstream file{mark_file(directory)};
  if (!file) return std::optional<manifest_extent>{};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (text.empty()) return std::optional<manifest_extent>{};
  std::istringstream words{text};
  std::string first, hash;
  manifest_extent state;
  std::getline(words, first);
  words >> state.name >> state.bytes >> std::hex >> state.hash;
  if (!words || !number_of(state.name) || text != text_of(state))
    return failure{ec::malformed, mark_file(directory) + " is damaged"};
  return std::optional<manifest_extent>{state};
}

outcome<void> verify_manifest(const std::string& directory) {
  const auto mark = read_manifest_mark(directory);
  if (!mark || !*mark) return {};
  const manifest_extent& noted = **mark;
  const std::string name = current_manifest(directory);
  const auto number = number_of(name);
  if (!number || *number > *number_of(noted.name)) return {};
  const auto damaged = [](const std::string& file, const std::string& why) {
    return failure{ec::store_corrupt, file + " is damaged: " + why};
  };
  if (*number < *number_of(noted.name))
    return damaged(directory + "/CURRENT",
                   "it names " + name + ", and " + noted.name + " was written after that");
  manifest_reader file{directory, name};
  if (file.fd < 0) return {};  // who opens the store names it
  if (file.size() < noted.bytes)
    return damaged(directory + "/" + name, "its end is missing: " + std::to_string(file.size()) +
                                               " of " + std::to_string(noted.bytes) +
                                               " bytes that were written are there");
  if (!file.read_to(noted.bytes) || file.state.hash != noted.hash)
    return damaged(directory + "/" + name, "it is not what was written");
  return {};
}

}  // namespace faultline
