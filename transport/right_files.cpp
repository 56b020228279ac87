// SPDX-License-Identifier: Apache-2.0
//
// Files of keys, rights and tokens as they come onto the disk: made, added to, sealed.
#include <fcntl.h>
#include <sodium.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "messages/text.hpp"
#include "transport/internal/guarded_file.hpp"
#include "transport/internal/key_times.hpp"
#include "transport/internal/right_words.hpp"
#include "transport/key_file.hpp"
#include "transport/seal.hpp"
#include "transport/tokens.hpp"

namespace faultline {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view token_prefix = "flt_";  // so that scanners know one when they see it
constexpr std::size_t random_bytes = 32;

std::string hex_of(const token_list::digest& hash) {
  std::array<char, 65> text{};
  sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
  return text.data();
}

failure io_failure(const char* doing, const fs::path& file) {
  return {ec::io_failed,
          std::string{"cannot "} + doing + " " + file.string() + ": " + std::strerror(errno)};
}

/// Writes a file that is not there yet; all of it or nothing.
outcome<void> write_new(const fs::path& file, std::string_view text, mode_t mode) {
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (out < 0) return io_failure("create", file);
  const bool written =
      ::fchmod(out, mode) == 0 &&
      ::write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(out) == 0;
  const auto result = written ? outcome<void>{} : outcome<void>{io_failure("write", file)};
  ::close(out);
  if (!written) ::unlink(file.c_str());
  return result;
}

/// A rename is there after a power failure only when its directory was synced.
outcome<void> sync_directory(const fs::path& file) {
  const auto directory = file.has_parent_path() ? file.parent_path() : fs::path{"."};
  const int open = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (open < 0) return io_failure("open", directory);
  const bool synced = ::fsync(open) == 0;
  const auto result = synced ? outcome<void>{} : outcome<void>{io_failure("sync", directory)};
  ::close(open);
  return result;
}

/// Puts @p text in the place of @p file at once; owner and permissions stay as they are, and are
/// ours and @p mode where it is new.
outcome<void> replace_file(const fs::path& file, std::string_view text, mode_t mode) {
  struct stat was {};
  const bool there = ::lstat(file.c_str(), &was) == 0;
  fs::path fresh = file;
  fresh += ".new";
  ::unlink(fresh.c_str());
  if (auto made = write_new(fresh, text, there ? was.st_mode & 07777 : mode); !made) return made;
  const bool same_owner = !there || (was.st_uid == ::geteuid() && was.st_gid == ::getegid()) ||
                          ::chown(fresh.c_str(), was.st_uid, was.st_gid) == 0;
  if (same_owner && ::rename(fresh.c_str(), file.c_str()) == 0) return sync_directory(file);
  const auto why = io_failure("replace", file);
  ::unlink(fresh.c_str());
  return why;
}

/// The text of a file of tokens; nothing where there is none yet.
outcome<std::string> tokens_before(const fs::path& file) {
  std::error_code ignored;  // one that cannot be looked at cannot be opened either
  if (!fs::exists(file, ignored) || fs::file_size(file, ignored) == 0) return std::string{};
  const auto text = read_secret_file(file);
  if (!text) return text.error();
  return std::string{text->reveal()};
}

failure in_file(const fs::path& file, const failure& why) {
  return {why.code, file.string() + ": " + why.what};
}

/// The rights that @p text grants, in words, whatever its seal says.
outcome<std::string> granted_by(const fs::path& file, std::string_view text) {
  const std::string whole = sealed(text);
  if (file.extension() != ".pub") {
    auto list = read_tokens(whole);
    if (!list) return in_file(file, list.error());
    return std::to_string(list->size()) + " tokens";
  }
  auto client = read_client(whole, file.stem().string());
  if (!client) return in_file(file, client.error());
  const auto written = client_text(*client);
  return written.substr(written.find("curve\n"));
}

}  // namespace

outcome<client_rights> write_new_keys(const fs::path& directory, client_rights client) {
  if (client.name.empty() || client.name.front() == '.' ||
      client.name.find_first_of("/\"\n") != std::string::npos ||
      check_name(client.name) != text_fault::none)
    return failure{ec::invalid, "'" + client.name + "' is no name for a file of keys"};
  for (const auto& prefix : client.entities)
    if (!is_entity_prefix(prefix))
      return failure{ec::invalid, "'" + prefix + "' is no beginning of an entity's name"};
  if (!client.endpoint.empty() && !is_endpoint(client.endpoint))
    return failure{ec::invalid, "'" + client.endpoint + "' is no endpoint"};
  const auto identity = new_identity();
  client.public_key = identity.public_key;
  const fs::path hidden = directory / (client.name + ".secret");
  std::string text =
      "#   ZeroMQ CURVE **Secret** Certificate\n"
      "#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.\n\n"
      "metadata\n    name = \"" +
      client.name + "\"\ncurve\n    public-key = \"" + client.public_key +
      "\"\n    secret-key = \"";
  text.reserve(text.size() + 64);  // no copy of the key is left behind
  text.append(identity.secret_key.reveal()).append("\"\n");
  const auto written = write_new(hidden, text, 0600);
  wipe(text.data(), text.size());
  if (!written) return written.error();
  if (auto open = write_new(directory / (client.name + ".pub"), sealed(client_text(client)), 0644);
      !open) {
    ::unlink(hidden.c_str());
    return open.error();
  }
  return client;
}

outcome<secret> create_token(const fs::path& file, const web_user& user) {
  if (!is_token_name(user.name))
    return failure{ec::invalid, "'" + user.name + "' is no name of a token"};
  auto before = tokens_before(file);
  if (!before) return before.error();
  if (!before->empty()) {
    auto list = read_tokens(*before);
    if (!list) return in_file(file, list.error());
    if (!list->add(user, {}))
      return failure{ec::invalid, file.string() + " has a token called " + user.name};
  }
  std::array<unsigned char, random_bytes> random{};
  std::array<char, 64> text{};
  randombytes_buf(random.data(), random.size());
  sodium_bin2base64(text.data(), text.size(), random.data(), random.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  std::string token{token_prefix};
  token.reserve(token.size() + text.size());  // no copy is left behind
  token.append(text.data());
  std::string line = user.name + " " + to_string(user.role) + " " + hex_of(token_digest(token));
  if (user.expiry) line += " " + key_time_text(*user.expiry);
  secret made{token};
  wipe(random.data(), random.size());
  wipe(text.data(), text.size());
  wipe(token.data(), token.size());
  if (!before->empty() && before->back() != '\n') *before += '\n';
  if (auto put = replace_file(file, sealed(*before + line + "\n"), 0600); !put) return put.error();
  return made;
}

outcome<token_list> load_tokens(const fs::path& file) {
  const auto text = read_secret_file(file);
  if (!text) return text.error();
  auto list = read_tokens(text->reveal());
  if (!list) return in_file(file, list.error());
  tell_of_seal(file, text->reveal());
  return list;
}

void tell_of_seal(const std::filesystem::path& file, std::string_view text) {
  if (const auto whole = check_seal(text); !whole)
    spdlog::warn("{} {}", file.string(), whole.error().what);
}

outcome<std::string> seal_file(const fs::path& file) {
  const auto text = file.extension() == ".pub" ? read_public_file(file) : read_secret_file(file);
  if (!text) return text.error();
  auto grants = granted_by(file, text->reveal());
  if (!grants) return grants.error();
  if (auto put = replace_file(file, sealed(text->reveal()), 0600); !put) return put.error();
  return grants;
}

}  // namespace faultline
