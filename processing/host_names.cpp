// SPDX-License-Identifier: Apache-2.0
#include "processing/host_names.hpp"

#include <algorithm>
#include <cstddef>

namespace faultline {
namespace {

constexpr std::size_t least_letters = 4;

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char lowered(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_letter(char c) noexcept { return lowered(c) >= 'a' && lowered(c) <= 'z'; }

/// What stands behind the kind; a name may hold further slashes.
std::string_view name_of(std::string_view entity) noexcept {
  const auto slash = entity.find('/');
  return slash == std::string_view::npos ? entity : entity.substr(slash + 1);
}

bool holds(std::string_view text, std::string_view part) noexcept {
  const auto same = [](char a, char b) { return lowered(a) == lowered(b); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

bool is_port(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace

bool is_address(std::string_view entity) noexcept {
  std::string_view name = name_of(entity);
  if (const auto scheme = name.find("://"); scheme != std::string_view::npos) {
    name.remove_prefix(scheme + 3);
  }
  name = name.substr(0, name.find('/'));
  if (const auto colon = name.rfind(':'); colon != std::string_view::npos) {
    if (is_port(name.substr(colon + 1))) return true;
  }
  // Two dots and no blank: a domain or an IPv4 address. One may stand in a version or a class.
  return std::count(name.begin(), name.end(), '.') >= 2 && name.find(' ') == std::string_view::npos;
}

std::vector<std::string_view> address_words(std::string_view address) {
  const std::string_view whole = name_of(address);
  const std::string_view host = whole.substr(0, whole.find_first_of(".:"));
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < host.size();) {
    std::size_t end = at;
    while (end < host.size() && is_letter(host[end])) ++end;
    if (end - at >= least_letters) words.push_back(host.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

bool word_names(std::string_view word, std::string_view entity) noexcept {
  if (is_address(entity)) return false;
  const std::string_view name = name_of(entity);
  return holds(name, word) || (name.size() >= least_letters && holds(word, name));
}

}  // namespace faultline
