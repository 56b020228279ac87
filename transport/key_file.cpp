// SPDX-License-Identifier: Apache-2.0
#include "transport/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "transport/internal/guarded_file.hpp"
#include "transport/internal/zpl.hpp"
#include "transport/seal.hpp"

namespace faultline {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_bytes = 64 * 1024;
constexpr std::size_t z85_key = 40;

failure io_failure(const fs::path& file, const char* doing) {
  return {ec::io_failed,
          std::string{"cannot "} + doing + " " + file.string() + ": " + std::strerror(errno)};
}

/// A descriptor that ends with its scope.
struct descriptor {
  int number = -1;
  explicit descriptor(int n) : number{n} {}
  ~descriptor() {
    if (number >= 0) ::close(number);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

bool of_systemd(const fs::path& file) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory != '/') return false;
  const auto inside = file.lexically_normal().lexically_relative(directory);
  return !inside.empty() && *inside.begin() != "..";
}

enum class guarded : std::uint8_t { secret, not_writable };

/// What is wrong with who owns @p file and who may touch it, or nothing.
std::string fault_of(const fs::path& file, const struct stat& s, guarded how) {
  if (!S_ISREG(s.st_mode)) return file.string() + " is no regular file";
  if (s.st_uid != ::geteuid() && s.st_uid != 0)
    return file.string() + " belongs to another user: chown it";
  mode_t forbidden = how == guarded::secret ? 077 : 022;
  if (how == guarded::secret && of_systemd(file)) forbidden = 037;
  if ((s.st_mode & forbidden) == 0) return {};
  return file.string() + (how == guarded::secret ? " is open to others than its owner: chmod 600 it"
                                                 : " may be written by others: chmod 644 it");
}

/// Reads at most 64 KiB into a buffer that is wiped.
outcome<secret> read_guarded(const fs::path& file, guarded how) {
  const descriptor in{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (in.number < 0) {
    if (errno == ELOOP)
      return failure{ec::invalid, file.string() + " is a symbolic link: name the file itself"};
    return io_failure(file, "open");
  }
  struct stat s {};
  if (::fstat(in.number, &s) != 0) return io_failure(file, "look at");
  if (auto fault = fault_of(file, s, how); !fault.empty())
    return failure{ec::invalid, std::move(fault)};
  std::array<char, most_bytes + 1> buffer;
  std::size_t size = 0;
  while (size < buffer.size()) {
    const auto got = ::read(in.number, buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure(file, "read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  secret text{std::string_view{buffer.data(), std::min(size, most_bytes)}};
  wipe(buffer.data(), buffer.size());
  if (size > most_bytes) return failure{ec::invalid, file.string() + " is over 64 KiB"};
  return text;
}

failure in_file(const fs::path& file, const failure& why) {
  return {why.code, file.string() + ": " + why.what};
}

bool is_key(std::string_view text) {
  std::array<std::uint8_t, 32> key{};
  if (text.size() != z85_key) return false;
  const bool good = zmq_z85_decode(key.data(), std::string{text}.c_str()) != nullptr;
  wipe(key.data(), key.size());
  return good;
}

outcome<std::string> key_in(const std::vector<zpl_entry>& entries, std::string_view name) {
  for (const zpl_entry& e : entries) {
    if (e.section != "curve" || e.name != name) continue;
    if (is_key(e.value)) return e.value;
    return failure{ec::malformed, "line " + std::to_string(e.line) + ": " + std::string{name} +
                                      " is no key of 40 characters"};
  }
  return failure{ec::malformed, "there is no " + std::string{name} + " in a section curve"};
}

}  // namespace

curve_identity new_identity() {
  std::array<char, z85_key + 1> open{}, hidden{};
  if (zmq_curve_keypair(open.data(), hidden.data()) != 0) std::abort();  // libzmq without CURVE
  curve_identity made{std::string{open.data(), z85_key},
                      secret{std::string_view{hidden.data(), z85_key}}};
  wipe(hidden.data(), hidden.size());
  return made;
}

outcome<secret> read_secret_file(const fs::path& file) {
  return read_guarded(file, guarded::secret);
}

outcome<secret> read_public_file(const fs::path& file) {
  return read_guarded(file, guarded::not_writable);
}

outcome<curve_identity> load_identity(const fs::path& file) {
  auto text = read_secret_file(file);
  if (!text) return text.error();
  auto entries = read_zpl(text->reveal());
  if (!entries) return in_file(file, entries.error());
  auto open = key_in(*entries, "public-key");
  auto hidden = key_in(*entries, "secret-key");
  for (zpl_entry& e : *entries) wipe(e.value.data(), e.value.size());
  if (!open) return in_file(file, open.error());
  if (!hidden) return in_file(file, hidden.error());
  curve_identity read{std::move(*open), secret{*hidden}};
  std::array<char, z85_key + 1> derived{};
  const bool pair =
      zmq_curve_public(derived.data(), hidden->c_str()) == 0 && read.public_key == derived.data();
  wipe(hidden->data(), hidden->size());
  if (!pair) return failure{ec::malformed, file.string() + ": the two keys are not a pair"};
  return read;
}

outcome<std::string> load_public_key(const fs::path& file) {
  auto text = read_public_file(file);
  if (!text) return text.error();
  const auto entries = read_zpl(text->reveal());
  if (!entries) return in_file(file, entries.error());
  auto key = key_in(*entries, "public-key");
  if (!key) return in_file(file, key.error());
  return std::move(*key);
}

outcome<std::shared_ptr<const curve_keys>> load_client_keys(const fs::path& own,
                                                            const fs::path& server) {
  auto identity = load_identity(own);
  if (!identity) return identity.error();
  auto key = load_public_key(server);
  if (!key) return key.error();
  return std::make_shared<const curve_keys>(curve_keys{std::move(*identity), std::move(*key)});
}

outcome<access_list> load_clients(const fs::path& directory) {
  std::error_code why;
  std::vector<fs::path> files;
  for (fs::directory_iterator at{directory, why}, end; !why && at != end; at.increment(why))
    if (at->path().extension() == ".pub") files.push_back(at->path());
  if (why)
    return failure{ec::io_failed,
                   "cannot read the directory " + directory.string() + ": " + why.message()};
  std::sort(files.begin(), files.end());
  access_list all;
  for (const fs::path& file : files) {
    auto text = read_public_file(file);
    if (!text) return text.error();
    auto client = read_client(text->reveal(), file.stem().string());
    if (!client) return in_file(file, client.error());
    tell_of_seal(file, text->reveal());
    if (!all.add(std::move(*client)))
      return failure{ec::invalid, file.string() + " holds the key of another file"};
  }
  return all;
}

}  // namespace faultline
