// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/backup_files.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace faultline {

namespace fs = std::filesystem;

namespace {

failure cannot(const fs::path& file, int why) {
  const ec code = why == ENOENT ? ec::not_found : why == ENOSPC ? ec::no_space : ec::io_failed;
  return {code, file.string() + ": " + std::strerror(why)};
}

/// An open file that closes itself; -1: none.
class open_file {
public:
  open_file(const fs::path& path, int how) : fd_{::open(path.c_str(), how | O_CLOEXEC, 0600)} {}
  ~open_file() {
    if (fd_ >= 0) ::close(fd_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  int fd() const noexcept { return fd_; }

private:
  int fd_;
};

bool write_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const auto n = ::write(fd, bytes, size);
    if (n <= 0) return false;
    bytes += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

std::string hex(const unsigned char* bytes, std::size_t size) {
  std::string text(size * 2 + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes, size);
  text.pop_back();
  return text;
}

}  // namespace

std::string sha256_of(const std::string& text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size());
  return hex(digest.data(), digest.size());
}

outcome<backup_file> read_backup_file(const fs::path& root, const std::string& name,
                                      const fs::path& into, const bytes_done& done) {
  const open_file source{root / name, O_RDONLY | O_NOFOLLOW};
  if (source.fd() < 0) return cannot(root / name, errno);
  const fs::path target = into.empty() ? fs::path{"/dev/null"} : into / name;
  std::error_code error;
  if (!into.empty()) fs::create_directories(target.parent_path(), error);
  const open_file copy{target, into.empty() ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL};
  if (copy.fd() < 0) return cannot(target, errno);
  crypto_hash_sha256_state hash;
  crypto_hash_sha256_init(&hash);
  backup_file found{name, 0, {}};
  std::vector<char> part(1024 * 1024);
  for (;;) {
    const auto n = ::read(source.fd(), part.data(), part.size());
    if (n < 0) return cannot(root / name, errno);
    if (n == 0) break;
    const auto size = static_cast<std::size_t>(n);
    crypto_hash_sha256_update(&hash, reinterpret_cast<const unsigned char*>(part.data()), size);
    if (!into.empty() && !write_all(copy.fd(), part.data(), size)) return cannot(target, errno);
    found.bytes += size;
    if (done) done(size);
  }
  if (!into.empty() && ::fdatasync(copy.fd()) != 0) return cannot(target, errno);
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256_final(&hash, digest.data());
  found.sha256 = hex(digest.data(), digest.size());
  return found;
}

outcome<std::vector<std::string>> files_below(const fs::path& root) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::recursive_directory_iterator at{root, error}, end; !error && at != end;
       at.increment(error)) {
    if (at->is_directory() && !at->is_symlink()) continue;
    if (!at->is_regular_file() || at->is_symlink())
      return failure{ec::invalid, at->path().string() + " is neither a file nor a directory"};
    names.push_back(at->path().lexically_relative(root).string());
  }
  if (error) return failure{ec::io_failed, root.string() + ": " + error.message()};
  std::sort(names.begin(), names.end());
  return names;
}

outcome<void> write_durably(const fs::path& file, const std::string& text) {
  const open_file out{file, O_WRONLY | O_CREAT | O_TRUNC};
  if (out.fd() < 0 || !write_all(out.fd(), text.data(), text.size()) || ::fdatasync(out.fd()) != 0)
    return cannot(file, errno);
  return sync_directory(file.parent_path());
}

outcome<void> sync_directory(const fs::path& directory) {
  const open_file at{directory, O_RDONLY | O_DIRECTORY};
  if (at.fd() < 0 || ::fsync(at.fd()) != 0) return cannot(directory, errno);
  return {};
}

}  // namespace faultline
