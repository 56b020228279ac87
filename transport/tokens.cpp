// SPDX-License-Identifier: Apache-2.0
#include "transport/tokens.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

#include "messages/text.hpp"
#include "transport/internal/key_times.hpp"
#include "transport/key_file.hpp"

namespace faultline {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view token_prefix = "flt_";  // so that scanners know one when they see it
constexpr std::size_t random_bytes = 32;

token_list::digest digest_of(std::string_view token) noexcept {
  token_list::digest hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(token.data()),
                     token.size());
  return hash;
}

std::string hex_of(const token_list::digest& hash) {
  std::array<char, 65> text{};
  sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
  return text.data();
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && check_name(name) == text_fault::none &&
         name.find_first_of(" #") == std::string_view::npos;
}

failure at_line(std::size_t line, const char* what) {
  return {ec::malformed, "line " + std::to_string(line) + ": " + what};
}

/// One line, or nothing where there is only a comment.
outcome<void> take_line(const std::string& text, std::size_t line, token_list& list) {
  std::istringstream words{text.substr(0, text.find('#'))};
  std::string name, role, hash, end, more;
  if (!(words >> name)) return {};
  words >> role >> hash >> end >> more;
  const auto known = web_role_of(role);
  token_list::digest digest{};
  std::size_t bytes = 0;
  const bool hexadecimal = hash.size() == 2 * digest.size() &&
                           sodium_hex2bin(digest.data(), digest.size(), hash.data(), hash.size(),
                                          nullptr, &bytes, nullptr) == 0 &&
                           bytes == digest.size();
  if (!is_name(name) || !known || !hexadecimal || !more.empty())
    return at_line(line, "is not NAME publisher|viewer|operator|admin SHA-256 [NOT-AFTER]");
  web_user user{name, *known, std::nullopt};
  if (!end.empty()) {
    user.expiry = key_time_of(end);
    if (!user.expiry) return at_line(line, "ends in no time such as 2027-01-31");
  }
  if (!list.add(std::move(user), digest)) return at_line(line, "repeats a name or a token");
  return {};
}

outcome<void> append_line(const fs::path& file, const std::string& line) {
  const auto failed = [&file](const char* doing) {
    return failure{ec::io_failed, std::string{"cannot "} + doing + " " + file.string() + ": " +
                                      std::strerror(errno)};
  };
  const int out =
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (out < 0) return failed("open");
  const bool written =
      ::write(out, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
      ::fsync(out) == 0;
  const auto result = written ? outcome<void>{} : outcome<void>{failed("write")};
  ::close(out);
  return result;
}

}  // namespace

const char* to_string(web_role role) noexcept {
  constexpr const char* names[] = {"publisher", "viewer", "operator", "admin"};
  return names[static_cast<std::size_t>(role)];
}

std::optional<web_role> web_role_of(std::string_view text) noexcept {
  for (const auto role :
       {web_role::publisher, web_role::viewer, web_role::operating, web_role::admin})
    if (text == to_string(role)) return role;
  return std::nullopt;
}

bool token_list::add(web_user user, const digest& hash) {
  for (const entry& e : entries_)
    if (e.user.name == user.name || e.hash == hash) return false;
  entries_.push_back({std::move(user), hash});
  return true;
}

const web_user* token_list::find(std::string_view token, arrival_time now) const noexcept {
  const digest hash = digest_of(token);
  const web_user* found = nullptr;
  for (const entry& e : entries_)  // all of them, whichever it is
    if (sodium_memcmp(e.hash.data(), hash.data(), hash.size()) == 0) found = &e.user;
  return found != nullptr && found->expiry && now >= *found->expiry ? nullptr : found;
}

const token_list::entry* token_list::called(const std::string& name) const noexcept {
  for (const entry& e : entries_)
    if (e.user.name == name) return &e;
  return nullptr;
}

std::vector<std::string> token_list::changes_since(const token_list& before) const {
  std::vector<std::string> changes;
  for (const entry& now : entries_) {
    const entry* was = before.called(now.user.name);
    if (was == nullptr)
      changes.push_back(now.user.name + " added");
    else if (was->hash != now.hash || was->user.role != now.user.role ||
             was->user.expiry != now.user.expiry)
      changes.push_back(now.user.name + " changed");
  }
  for (const entry& was : before.entries_)
    if (called(was.user.name) == nullptr) changes.push_back(was.user.name + " removed");
  std::sort(changes.begin(), changes.end());
  return changes;
}

outcome<token_list> read_tokens(std::string_view text) {
  token_list list;
  std::istringstream lines{std::string{text}};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);)
    if (auto taken = take_line(line, ++number, list); !taken) return taken.error();
  return list;
}

outcome<token_list> load_tokens(const fs::path& file) {
  const auto text = read_secret_file(file);
  if (!text) return text.error();
  auto list = read_tokens(text->reveal());
  if (!list) return failure{list.error().code, file.string() + ": " + list.error().what};
  return list;
}

outcome<secret> create_token(const fs::path& file, const web_user& user) {
  if (!is_name(user.name)) return failure{ec::invalid, "'" + user.name + "' is no name of a token"};
  std::error_code ignored;  // one that cannot be looked at cannot be opened either
  if (fs::exists(file, ignored)) {
    auto list = load_tokens(file);
    if (!list) return list.error();
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
  std::string line = user.name + " " + to_string(user.role) + " " + hex_of(digest_of(token));
  if (user.expiry) line += " " + key_time_text(*user.expiry);
  secret made{token};
  wipe(random.data(), random.size());
  wipe(text.data(), text.size());
  wipe(token.data(), token.size());
  if (auto written = append_line(file, line + "\n"); !written) return written.error();
  return made;
}

}  // namespace faultline
