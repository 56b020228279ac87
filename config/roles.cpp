// SPDX-License-Identifier: Apache-2.0
#include "config/roles.hpp"

#include <algorithm>
#include <set>

#include "config/internal/units.hpp"
#include "config/internal/yaml_map.hpp"

namespace faultline {
namespace {

const std::vector<std::string> known_roles{"cpu",        "memory",  "disk",   "network",
                                           "saturation", "traffic", "errors", "latency"};

constexpr std::size_t most_words = 1000, longest_word = 64;

/// One word, or two with a blank between them.
bool is_word(const std::string& text) {
  if (text.empty() || text.size() > longest_word || text.front() == ' ' || text.back() == ' ')
    return false;
  return std::count(text.begin(), text.end(), ' ') <= 1 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ' ';
         });
}

void read_group(const YAML::Node& node, const std::string& path, std::set<std::string>& seen,
                std::vector<role_rule>& rules, problem_list& problems) {
  std::string role;
  std::vector<std::string> words;
  for (const auto& e : entries_of(node, path, {"role", "words"}, problems)) {
    const std::string key = path + "." + e.name;
    if (e.name == "role")
      scalar_text(e, key, role, problems);
    else
      text_list(e, key, words, problems);
  }
  if (std::find(known_roles.begin(), known_roles.end(), role) == known_roles.end()) {
    const auto meant = nearest(role, known_roles);
    problems.add(node.Mark(), path,
                 "\"" + role + "\" is no role" + (meant ? "; did you mean " + *meant + "?" : ""));
  }
  if (words.empty()) problems.add(node.Mark(), path, "has no words");
  for (const auto& word : words) {
    if (!is_word(word))
      problems.add(
          node.Mark(), path,
          "\"" + word + "\" is not one to 64 lower-case letters and digits, one word or two");
    else if (!seen.insert(word).second)
      problems.add(node.Mark(), path, "\"" + word + "\" is given twice");
    else
      rules.push_back({word, role});
  }
}

}  // namespace

loaded<std::vector<role_rule>> read_roles(std::string_view yaml, const std::string& name) {
  problem_list problems{name};
  std::vector<role_rule> rules;
  std::set<std::string> seen;
  const YAML::Node root = parse_yaml(yaml, problems);
  for (const auto& top : entries_of(root, "", {"roles"}, problems)) {
    if (!top.value.IsSequence()) {
      problems.add(top.at, top.name, "is not a list");
      continue;
    }
    std::size_t index = 0;
    for (const auto& item : top.value)
      read_group(item, "roles[" + std::to_string(index++) + "]", seen, rules, problems);
  }
  if (rules.size() > most_words) problems.add(root.Mark(), "roles", "has more than 1000 words");
  loaded<std::vector<role_rule>> result;
  if (problems.empty()) result.value = std::move(rules);
  result.problems = problems.take();
  return result;
}

}  // namespace faultline
