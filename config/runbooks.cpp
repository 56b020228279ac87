// SPDX-License-Identifier: Apache-2.0
#include "config/runbooks.hpp"

#include <algorithm>
#include <set>

#include "config/internal/units.hpp"
#include "config/internal/yaml_map.hpp"

namespace faultline {
namespace {

/// Names that judgement gives to entities and to faults; `*` is any.
const std::vector<std::string> components{"*",     "service", "db",     "cache",
                                          "queue", "host",    "gateway"};
const std::vector<std::string> fault_classes{
    "*",           "cpu",        "memory_leak", "disk", "network_delay", "packet_loss",
    "error_burst", "dependency", "change",      "load", "unknown"};

void read_choice(const yaml_entry& e, const std::string& key,
                 const std::vector<std::string>& choices, std::string& out,
                 problem_list& problems) {
  std::string text;
  if (!scalar_text(e, key, text, problems)) return;
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) {
    out = text;
    return;
  }
  const auto meant = nearest(text, choices);
  std::string all;
  for (const auto& c : choices) all += (all.empty() ? "" : ", ") + c;
  problems.add(
      e.value.Mark(), key,
      "\"" + text + "\" is none of " + all + (meant ? "; did you mean " + *meant + "?" : ""));
}

runbook read_runbook(const YAML::Node& node, const std::string& path, problem_list& problems) {
  static const std::vector<std::string> known{"component", "fault_class", "title", "steps", "link"};
  runbook r;
  for (const auto& e : entries_of(node, path, known, problems)) {
    const std::string key = path + "." + e.name;
    if (e.name == "component")
      read_choice(e, key, components, r.component, problems);
    else if (e.name == "fault_class")
      read_choice(e, key, fault_classes, r.fault_class, problems);
    else if (e.name == "title")
      scalar_text(e, key, r.title, problems);
    else if (e.name == "steps")
      text_list(e, key, r.steps, problems);
    else
      scalar_text(e, key, r.link, problems);
  }
  if (r.title.empty()) problems.add(node.Mark(), path, "has no title");
  const bool hollow = r.steps.empty() || std::any_of(r.steps.begin(), r.steps.end(),
                                                     [](const auto& s) { return s.empty(); });
  if (hollow) problems.add(node.Mark(), path, "has no steps, or an empty one");
  return r;
}

}  // namespace

loaded<std::vector<runbook>> read_runbooks(std::string_view yaml, const std::string& name) {
  problem_list problems{name};
  std::vector<runbook> runbooks;
  std::set<std::string> seen;
  const YAML::Node root = parse_yaml(yaml, problems);
  for (const auto& top : entries_of(root, "", {"runbooks"}, problems)) {
    const auto read = [&seen](const YAML::Node& node, const std::string& path, problem_list& to) {
      auto r = read_runbook(node, path, to);
      if (!seen.insert(r.component + "\n" + r.fault_class + "\n" + r.title).second)
        to.add(node.Mark(), path, "the same title stands twice for this case");
      return r;
    };
    if (top.value.IsNull()) problems.add(top.at, top.name, "is not a list");
    read_list(top, top.name, runbooks, read, problems);
  }
  loaded<std::vector<runbook>> result;
  if (problems.empty()) result.value = std::move(runbooks);
  result.problems = problems.take();
  return result;
}

}  // namespace faultline
