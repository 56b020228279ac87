// SPDX-License-Identifier: Apache-2.0
#include "messages/internal/json_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace faultline {
namespace {

/// Bytes of the text that begins at @p at, its quotes included; to the end when it has none.
std::size_t text_length(std::string_view json, std::size_t at) {
  for (std::size_t i = at + 1; i < json.size(); ++i) {
    if (json[i] == '\\')
      ++i;
    else if (json[i] == '"')
      return i + 1 - at;
  }
  return json.size() - at;
}

/// Bytes of the name or number that begins at @p at; 0: neither does.
std::size_t word_length(std::string_view json, std::size_t at) {
  constexpr std::string_view of_words =
      "+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
  return std::min(json.find_first_not_of(of_words, at), json.size()) - at;
}

bool is_too_large(std::string_view word) {
  const bool number = word[0] == '-' ? word.size() > 1 && word[1] >= '0' && word[1] <= '9'
                                     : word[0] >= '0' && word[0] <= '9';
  if (!number || word.find_first_not_of("+-.0123456789Ee") != std::string_view::npos) return false;
  const std::string text{word};
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() && std::isinf(value);
}

}  // namespace

std::string numbers_written_out(std::string_view json) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      at += text_length(json, at);
      continue;
    }
    const auto size = word_length(json, at);
    const auto word = json.substr(at, size);
    at += size == 0 ? 1 : size;
    const bool named = word == "NaN" || word == "Infinity" || word == "-Infinity";
    if (size == 0 || (!named && !is_too_large(word))) continue;
    out.append(json.substr(copied, at - size - copied)).append(not_finite_mark);
    copied = at;
  }
  if (copied != 0) out.append(json.substr(copied));
  return out;
}

}  // namespace faultline
