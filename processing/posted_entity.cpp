// SPDX-License-Identifier: Apache-2.0
#include "processing/posted_entity.hpp"

#include <algorithm>
#include <string_view>

#include "messages/text.hpp"

namespace faultline {
namespace {

constexpr std::size_t entity_bytes = 256;

struct naming {
  const char* label;
  const char* kind;  ///< with its slash
};
constexpr naming names[] = {
    {"entity", ""},          {"service_name", "service/"},
    {"service", "service/"}, {"pod", "pod/"},
    {"host", "host/"},       {"hostname", "host/"},
    {"node", "host/"},       {"instance", "host/"},
    {"job", "service/"},     {"alertname", "alert/"},
};

std::string without_port(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) return address;
  const bool digits = std::all_of(address.begin() + static_cast<std::ptrdiff_t>(colon) + 1,
                                  address.end(), [](char c) { return c >= '0' && c <= '9'; });
  const bool bare_v6 = address.find(':') != colon && address.front() != '[';
  return digits && !bare_v6 ? address.substr(0, colon) : address;
}

/// `_` for each character that no entity's name may hold.
std::string as_name(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    std::size_t length = 1;
    while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80)
      ++length;
    const std::string_view one = text.substr(0, length);
    if (check_name(one) == text_fault::none)
      name += one;
    else
      name += '_';
    text.remove_prefix(length);
  }
  return name;
}

}  // namespace

std::string posted_entity(const std::map<std::string, std::string>& labels) {
  std::string name;
  for (const naming& n : names) {
    const auto at = labels.find(n.label);
    if (at == labels.end() || at->second.empty()) continue;
    name = n.kind + (n.kind == std::string{"host/"} ? without_port(at->second) : at->second);
    break;
  }
  if (name.empty()) name = "alert/unnamed";
  return std::string{cut_utf8(as_name(name), entity_bytes)};
}

}  // namespace faultline
