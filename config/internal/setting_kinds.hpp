// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/internal/setting.hpp"
#include "config/internal/units.hpp"

// What a key of the table may hold: how it is read into the field, which @p field finds in the
// configuration, and how it is said.

namespace faultline {

template <class Field>
using value_of_field =
    std::decay_t<decltype(std::declval<Field>()(std::declval<server_config&>()))>;

/// A time with its unit, between @p least and @p most, without loss in the field's own unit.
template <class Field>
setting duration(const char* section, const char* name, Field field,
                 std::chrono::microseconds least, std::chrono::microseconds most) {
  using type = value_of_field<Field>;
  setting s{section, name, {}, {}};
  s.read = [=](const yaml_entry& e, const std::string& key, server_config& c, problem_list& to) {
    if (const auto value = read_duration(e, key, least, most, type{1}, to))
      field(c) = std::chrono::duration_cast<type>(*value);
  };
  s.show = [=](const server_config& c) {
    return show_duration_us(
        std::chrono::duration_cast<std::chrono::microseconds>(field(c)).count());
  };
  return s;
}

template <class Field>
setting size(const char* section, const char* name, Field field, std::uint64_t least,
             std::uint64_t most) {
  setting s{section, name, {}, {}};
  s.read = [=](const yaml_entry& e, const std::string& key, server_config& c, problem_list& to) {
    std::string text;
    if (!scalar_text(e, key, text, to)) return;
    const auto bytes = parse_size(text);
    if (!bytes)
      return to.add(e.value.Mark(), key,
                    "\"" + text + "\" is not a size, such as 4096, 256KiB or 20GiB");
    if (*bytes < least || *bytes > most)
      return to.add(e.value.Mark(), key,
                    text + " is not between " + show_size(least) + " and " + show_size(most));
    field(c) = static_cast<value_of_field<Field>>(*bytes);
  };
  s.show = [=](const server_config& c) { return show_size(static_cast<std::uint64_t>(field(c))); };
  return s;
}

template <class Field>
setting integer(const char* section, const char* name, Field field, std::int64_t least,
                std::int64_t most) {
  setting s{section, name, {}, {}};
  s.read = [=](const yaml_entry& e, const std::string& key, server_config& c, problem_list& to) {
    if (const auto value = read_whole(e, key, least, most, to))
      field(c) = static_cast<value_of_field<Field>>(*value);
  };
  s.show = [=](const server_config& c) { return std::to_string(field(c)); };
  return s;
}

template <class Field>
setting cores(const char* section, const char* name, Field field) {
  setting s{section, name, {}, {}};
  s.read = [=](const yaml_entry& e, const std::string& key, server_config& c, problem_list& to) {
    std::string text;
    if (!scalar_text(e, key, text, to)) return;
    auto value = text.empty() ? std::optional{core_set{}} : parse_cores(text);
    if (!value)
      return to.add(e.value.Mark(), key,
                    "\"" + text + "\" is not a list of cores below " + std::to_string(most_cores) +
                        ", such as 0-3,6");
    field(c) = std::move(*value);
  };
  s.show = [=](const server_config& c) { return show_cores(field(c)); };
  return s;
}

template <class Field>
setting number(const char* section, const char* name, Field field, double least, double most) {
  setting s{section, name, {}, {}};
  s.read = [=](const yaml_entry& e, const std::string& key, server_config& c, problem_list& to) {
    std::string text;
    if (!scalar_text(e, key, text, to)) return;
    const auto value = parse_number(text);
    if (!value) return to.add(e.value.Mark(), key, "\"" + text + "\" is not a number");
    if (*value < least || *value > most)
      return to.add(e.value.Mark(), key,
                    text + " is not between " + show_number(least) + " and " + show_number(most));
    field(c) = *value;
  };
  s.show = [=](const server_config& c) { return show_number(field(c)); };
  return s;
}

template <class Field>
setting boolean(const char* section, const char* name, Field field) {
  setting s{section, name, {}, {}};
  s.read = [=](const yaml_entry& e, const std::string& key, server_config& c, problem_list& to) {
    if (const auto value = read_flag(e, key, to)) field(c) = *value;
  };
  s.show = [=](const server_config& c) { return std::string{field(c) ? "true" : "false"}; };
  return s;
}

/// A rule for a text: what is wrong with it, or nullptr.
using text_rule = const char* (*)(const std::string&);

template <class Field>
setting text(const char* section, const char* name, Field field, text_rule rule) {
  setting s{section, name, {}, {}};
  s.read = [=](const yaml_entry& e, const std::string& key, server_config& c, problem_list& to) {
    std::string value;
    if (!scalar_text(e, key, value, to)) return;
    if (const char* wrong = rule(value))
      return to.add(e.value.Mark(), key, "\"" + value + "\" " + wrong);
    field(c) = value;
  };
  s.show = [=](const server_config& c) { return field(c); };
  return s;
}

template <class Field>
setting texts(const char* section, const char* name, Field field, text_rule rule) {
  setting s{section, name, {}, {}};
  s.read = [=](const yaml_entry& e, const std::string& key, server_config& c, problem_list& to) {
    std::vector<std::string> values;
    if (!text_list(e, key, values, to)) return;
    for (const auto& value : values) {
      if (const char* wrong = rule(value))
        return to.add(e.value.Mark(), key, "\"" + value + "\" " + wrong);
    }
    field(c) = values;
  };
  s.show = [=](const server_config& c) {
    std::string all;
    for (const auto& value : field(c)) all += (all.empty() ? "" : ", ") + value;
    return "[" + all + "]";
  };
  return s;
}

}  // namespace faultline
