// SPDX-License-Identifier: Apache-2.0
//
// Model files as they come onto the disk and from it; what stands in them is model_file.cpp's.
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "inference/internal/model_bytes.hpp"
#include "inference/model_file.hpp"

namespace faultline {
namespace {

std::string hex_of(const model_digest& d) {
  std::string text(2 * d.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), d.data(), d.size());
  text.pop_back();
  return text;
}

/// The whole file, at most model_limits::file_bytes.
outcome<std::string> read_file(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return failure{errno == ENOENT ? ec::not_found : ec::io_failed,
                   "model file " + file.string() + ": " + std::strerror(errno)};
  }
  std::string bytes;
  struct stat info {};
  failure why{ec::io_failed, "model file " + file.string() + " is no readable file"};
  bool good = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  if (good && static_cast<std::uint64_t>(info.st_size) > model_limits::file_bytes) {
    why = {ec::too_large, "model file " + file.string() + " is larger than a model may be"};
    good = false;
  }
  if (good) {
    bytes.resize(static_cast<std::size_t>(info.st_size));
    std::size_t have = 0;
    while (have < bytes.size()) {
      const ssize_t n = ::read(fd, bytes.data() + have, bytes.size() - have);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    good = have == bytes.size();
  }
  ::close(fd);
  if (!good) return why;
  return bytes;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

outcome<void> write_model_file(const std::filesystem::path& file, const model_content& content) {
  const outcome<std::string> bytes = encode_model(content);
  if (!bytes) return bytes.error();
  const std::filesystem::path beside{file.string() + ".new"};
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    return failure{ec::io_failed, "model file " + beside.string() + ": " + std::strerror(errno)};
  }
  const bool written = write_all(fd, *bytes) && ::fsync(fd) == 0;
  const int why = errno;
  const bool closed = ::close(fd) == 0;
  if (!written || !closed || ::rename(beside.c_str(), file.c_str()) != 0) {
    const int reason = written ? errno : why;
    ::unlink(beside.c_str());
    return failure{ec::io_failed, "model file " + file.string() + ": " + std::strerror(reason)};
  }
  return {};
}

outcome<loaded_model> load_model_file(const std::filesystem::path& file, model_kind kind) {
  const outcome<std::string> bytes = read_file(file);
  if (!bytes) return bytes.error();
  outcome<model_content> content = decode_model(*bytes);
  if (!content) {
    return failure{content.error().code, file.string() + ": " + content.error().what};
  }
  if (content->kind != kind) {
    return failure{ec::model_failed, file.string() + " holds a " + to_string(content->kind) +
                                         ", not a " + to_string(kind)};
  }
  loaded_model loaded;
  loaded.identity = {content->description.name, content->description.version,
                     hex_of(model_digest_of(*bytes))};
  loaded.content = std::move(*content);
  return loaded;
}

outcome<model_card> read_model_card(const std::filesystem::path& file) {
  const outcome<std::string> bytes = read_file(file);
  if (!bytes) return bytes.error();
  outcome<model_content> content = decode_model(*bytes);
  if (!content) {
    return failure{content.error().code, file.string() + ": " + content.error().what};
  }
  model_card card;
  card.format_version = model_format_version;
  card.kind = content->kind;
  card.file_bytes = bytes->size();
  card.sha256 = hex_of(model_digest_of(*bytes));
  card.metadata = model_metadata_of(*content);
  for (const model_tensor& t : content->tensors) {
    card.tensors.push_back({t.name, t.shape});
    card.parameters += t.values.size();
  }
  card.description = std::move(content->description);
  return card;
}

}  // namespace faultline
