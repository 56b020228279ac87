// SPDX-License-Identifier: Apache-2.0
#include "processing/posted_entity.hpp"

#include <string_view>

#include "messages/text.hpp"
#include "processing/internal/naming_texts.hpp"

namespace faultline {
namespace {

constexpr std::size_t entity_bytes = 256;

struct naming {
  const char* label;
  const char* kind;        ///< with its slash
  bool address = false;    ///< a port at its end does not count
  const char* space = "";  ///< label that stands between the two, where it is there
};
constexpr naming names[] = {
    {"service_name", "service/", false, "service_namespace"},
    {"service", "service/"},
    {"pod", "pod/"},
    {"host", "host/", true},
    {"hostname", "host/", true},
    {"node", "host/", true},
    {"instance", "host/", true},
    {"job", "service/"},
    {"alertname", "alert/"},
};

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

std::string posted_entity(const std::map<std::string, std::string>& labels,
                          const std::vector<naming_rule>& rules) {
  const auto value_of = [&labels](const std::string& label) {
    const auto at = labels.find(label);
    return at == labels.end() ? std::string_view{} : std::string_view{at->second};
  };
  const auto name = [&]() -> std::string {
    if (const auto entity = value_of("entity"); !entity.empty()) return std::string{entity};
    for (const naming_rule& rule : rules)
      if (const auto v = value_of(rule.label); !v.empty())
        return rule.kind + "/" + std::string{naming_texts::without_port(v)};
    for (const naming& n : names) {
      const auto v = value_of(n.label);
      if (v.empty() || naming_texts::begins_with(v, "unknown_service")) continue;
      const auto space = value_of(n.space);
      return std::string{n.kind}
          .append(space.empty() ? "" : std::string{space} + "/")
          .append(n.address ? naming_texts::without_port(v) : v);
    }
    return "alert/unnamed";
  };
  return std::string{cut_utf8(as_name(name()), entity_bytes)};
}

}  // namespace faultline
