// SPDX-License-Identifier: Apache-2.0
#include "config/edges.hpp"

#include "config/config.hpp"

namespace faultline {
namespace {

constexpr std::size_t longest_name = 256;

configured_edge read_edge(const YAML::Node& node, const std::string& path, problem_list& problems) {
  configured_edge edge;
  for (const auto& e : entries_of(node, path, {"from", "to", "kind"}, problems)) {
    const std::string key = path + "." + e.name;
    std::string text;
    if (!scalar_text(e, key, text, problems)) continue;
    if (e.name == "kind") {
      if (text == "runs_on") {
        edge.kind = edge_kind::runs_on;
      } else if (text != "calls") {
        problems.add(e.value.Mark(), key, "is neither calls nor runs_on");
      }
      continue;
    }
    if (text.empty() || text.size() > longest_name)
      problems.add(e.value.Mark(), key, "must be an entity of 1 to 256 bytes");
    (e.name == "from" ? edge.from : edge.to) = text;
  }
  if (!node.IsMap()) {
    if (node.IsNull()) problems.add(node.Mark(), path, "is empty");
    return edge;
  }
  if (!node["from"] || !node["to"])
    problems.add(node.Mark(), path, "names no from or no to");
  else if (edge.from == edge.to)
    problems.add(node.Mark(), path, "leads to itself");
  return edge;
}

}  // namespace

void read_edges(const yaml_entry& entry, const std::string& key, server_config& config,
                problem_list& problems) {
  read_list(entry, key, config.correlation.edges, read_edge, problems);
}

std::string show_edges(const server_config& config) {
  std::string all;
  for (const auto& e : config.correlation.edges)
    all += (all.empty() ? "{from: " : ", {from: ") + e.from + ", to: " + e.to +
           ", kind: " + (e.kind == edge_kind::runs_on ? "runs_on" : "calls") + "}";
  return "[" + all + "]";
}

}  // namespace faultline
