// SPDX-License-Identifier: Apache-2.0
#include "processing/posted_entity.hpp"

#include <algorithm>

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
  for (char& c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
  if (name.size() <= entity_bytes) return name;
  std::size_t end = entity_bytes;  // not within a character of UTF-8
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0U) == 0x80) --end;
  return name.substr(0, end);
}

}  // namespace faultline
