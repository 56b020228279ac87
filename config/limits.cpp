// SPDX-License-Identifier: Apache-2.0
#include "config/limits.hpp"

#include "config/internal/setting.hpp"
#include "config/internal/units.hpp"

namespace faultline {
namespace {

void read_bound(const yaml_entry& e, const std::string& key, std::optional<double>& bound,
                problem_list& problems) {
  std::string text;
  if (!scalar_text(e, key, text, problems)) return;
  bound = parse_number(text);
  if (!bound) problems.add(e.value.Mark(), key, "\"" + text + "\" is not a number");
}

void read_glob(const yaml_entry& e, const std::string& key, std::string& glob,
               problem_list& problems) {
  if (scalar_text(e, key, glob, problems) && glob.empty())
    problems.add(e.value.Mark(), key, "is empty: the limit would hold for nothing");
}

operator_limit read_limit(const YAML::Node& node, const std::string& path, problem_list& problems) {
  static const std::vector<std::string> known{"entity", "metric", "above", "below", "severity"};
  operator_limit limit;
  for (const auto& e : entries_of(node, path, known, problems)) {
    const std::string key = path + "." + e.name;
    if (e.name == "entity") {
      read_glob(e, key, limit.entity, problems);
    } else if (e.name == "metric") {
      read_glob(e, key, limit.metric, problems);
    } else if (e.name == "above") {
      read_bound(e, key, limit.above, problems);
    } else if (e.name == "below") {
      read_bound(e, key, limit.below, problems);
    } else if (scalar_text(e, key, limit.severity, problems) && limit.severity != "warning" &&
               limit.severity != "critical") {
      problems.add(e.value.Mark(), key, "is neither warning nor critical");
    }
  }
  if (!node.IsMap()) {
    if (node.IsNull()) problems.add(node.Mark(), path, "is empty");
    return limit;
  }
  if (!node["above"] && !node["below"])
    problems.add(node.Mark(), path, "has neither above nor below");
  if (limit.above && limit.below && *limit.above < *limit.below)
    problems.add(node.Mark(), path,
                 "every value is above " + show_number(*limit.above) + " or below " +
                     show_number(*limit.below) + ": it would be crossed for ever");
  if (!node["entity"] && !node["metric"])
    problems.add(node.Mark(), path,
                 "names neither entity nor metric: it would hold for everything");
  return limit;
}

}  // namespace

void read_limits(const yaml_entry& entry, const std::string& key, server_config& config,
                 problem_list& problems) {
  read_list(entry, key, config.detection.limits, read_limit, problems);
}

loaded<std::vector<operator_limit>> read_limits_file(std::string_view yaml,
                                                     const std::string& name) {
  problem_list problems{name};
  server_config config;
  bool found = false;
  for (const auto& entry : entries_of(parse_yaml(yaml, problems), "", {"limits"}, problems)) {
    read_limits(entry, entry.name, config, problems);
    found = true;
  }
  if (!found && problems.empty())
    problems.add(YAML::Mark::null_mark(), "limits", "is missing; an empty list says: no limits");
  loaded<std::vector<operator_limit>> result;
  if (problems.empty()) result.value = std::move(config.detection.limits);
  result.problems = problems.take();
  return result;
}

std::string show_limits(const server_config& config) {
  std::string all;
  for (const auto& limit : config.detection.limits) {
    all += (all.empty() ? "{entity: " : ", {entity: ") + limit.entity + ", metric: " + limit.metric;
    if (limit.above) all += ", above: " + show_number(*limit.above);
    if (limit.below) all += ", below: " + show_number(*limit.below);
    all += ", severity: " + limit.severity + "}";
  }
  return "[" + all + "]";
}

}  // namespace faultline
