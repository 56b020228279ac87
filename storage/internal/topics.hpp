// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

/// The topics of a feed record as one text: the record's own first, each on a line. A topic has no
/// control characters, so that a record of one topic is stored as that topic.
inline std::string join_topics(std::string_view own, const std::vector<std::string>& also) {
  std::string text{own};
  for (const std::string& topic : also) text.append(1, '\n').append(topic);
  return text;
}

/// The first topic of @p joined that begins with @p prefix.
inline std::optional<std::string> topic_under(std::string_view joined, std::string_view prefix) {
  for (;;) {
    const std::string_view topic = joined.substr(0, joined.find('\n'));
    if (topic.substr(0, prefix.size()) == prefix) return std::string{topic};
    if (topic.size() == joined.size()) return std::nullopt;
    joined.remove_prefix(topic.size() + 1);
  }
}

}  // namespace faultline
