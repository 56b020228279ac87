// SPDX-License-Identifier: Apache-2.0
#include "config/naming.hpp"

#include "config/config.hpp"

namespace faultline {
namespace {

constexpr std::size_t longest_name = 256;
constexpr std::size_t most_aliases = 65'536;

bool is_entity(const std::string& text) { return !text.empty() && text.size() <= longest_name; }

bool is_kind(const std::string& text) {
  return !text.empty() && text.size() <= 64 && text.find('/') == std::string::npos;
}

naming_rule read_rule(const YAML::Node& node, const std::string& path, problem_list& problems) {
  naming_rule rule;
  for (const auto& e : entries_of(node, path, {"label", "kind"}, problems))
    scalar_text(e, path + "." + e.name, e.name == "label" ? rule.label : rule.kind, problems);
  if (rule.label.empty()) problems.add(node.Mark(), path, "names no label");
  if (!is_kind(rule.kind)) problems.add(node.Mark(), path, "names no kind, such as service");
  return rule;
}

}  // namespace

void read_naming_rules(const yaml_entry& entry, const std::string& key, server_config& config,
                       problem_list& problems) {
  read_list(entry, key, config.naming.entities, read_rule, problems);
}

std::string show_naming_rules(const server_config& config) {
  std::string all;
  for (const auto& r : config.naming.entities)
    all += (all.empty() ? "{label: " : ", {label: ") + r.label + ", kind: " + r.kind + "}";
  return "[" + all + "]";
}

void read_aliases(const yaml_entry& entry, const std::string& key, server_config& config,
                  problem_list& problems) {
  config.naming.aliases.clear();
  if (entry.value.IsNull()) return;
  if (!entry.value.IsMap()) return problems.add(entry.at, key, "is not a map of names to names");
  if (entry.value.size() > most_aliases)
    return problems.add(entry.at, key, "has over 65,536 names");
  for (const auto& pair : entry.value) {
    if (!pair.first.IsScalar() || !pair.second.IsScalar() || !is_entity(pair.first.Scalar()) ||
        !is_entity(pair.second.Scalar())) {
      problems.add(pair.first.Mark(), key, "names an entity, of 1 to 256 bytes, after another");
      continue;
    }
    if (!config.naming.aliases.emplace(pair.first.Scalar(), pair.second.Scalar()).second)
      problems.add(pair.first.Mark(), key, "\"" + pair.first.Scalar() + "\" is given twice");
  }
  for (const auto& pair : entry.value)
    if (const auto next = config.naming.aliases.find(pair.second.Scalar());
        next != config.naming.aliases.end())
      problems.add(pair.second.Mark(), key,
                   "\"" + next->first + "\" has another name itself: say " + next->second);
}

std::string show_aliases(const server_config& config) {
  std::string all;
  for (const auto& [from, to] : config.naming.aliases)
    all += (all.empty() ? "" : ", ") + from + ": " + to;
  return "{" + all + "}";
}

}  // namespace faultline
