// SPDX-License-Identifier: Apache-2.0
//
// The lines of a file of tokens.
#include <sodium.h>

#include <array>
#include <sstream>
#include <utility>

#include "messages/text.hpp"
#include "transport/internal/key_times.hpp"
#include "transport/internal/right_words.hpp"
#include "transport/seal.hpp"
#include "transport/tokens.hpp"

namespace faultline {

namespace {

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
  if (!is_token_name(name) || !known || !hexadecimal || !more.empty())
    return at_line(line, "is not NAME publisher|viewer|operator|admin SHA-256 [NOT-AFTER]");
  web_user user{name, *known, std::nullopt};
  if (!end.empty()) {
    user.expiry = key_time_of(end);
    if (!user.expiry) return at_line(line, "ends in no time such as 2027-01-31");
  }
  if (!list.add(std::move(user), digest)) return at_line(line, "repeats a name or a token");
  return {};
}

}  // namespace

bool is_token_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && check_name(name) == text_fault::none &&
         name.find_first_of(" #") == std::string_view::npos;
}

outcome<token_list> read_tokens(std::string_view text) {
  token_list list;
  std::istringstream lines{std::string{text}};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);)
    if (auto taken = take_line(line, ++number, list); !taken) return taken.error();
  return list;
}

}  // namespace faultline
