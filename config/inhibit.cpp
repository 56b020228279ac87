// SPDX-License-Identifier: Apache-2.0
#include "config/inhibit.hpp"

#include "config/internal/setting.hpp"

namespace faultline {
namespace {

constexpr std::size_t most = 256;

inhibit_rule read_rule(const YAML::Node& node, const std::string& path, problem_list& problems) {
  inhibit_rule r;
  for (const auto& e : entries_of(node, path, {"source", "target", "equal"}, problems))
    text_list(e, path + "." + e.name,
              e.name == "source"   ? r.source
              : e.name == "target" ? r.target
                                   : r.equal,
              problems);
  if (node.IsMap() && (r.source.empty() || r.target.empty()))
    problems.add(node.Mark(), path, "has no source or no target: it would hold for everything");
  return r;
}

std::string joined(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
  return "[" + text + "]";
}

}  // namespace

void read_inhibit(const yaml_entry& entry, const std::string& key, server_config& config,
                  problem_list& problems) {
  read_list(entry, key, config.correlation.inhibit, read_rule, problems, most);
}

std::string show_inhibit(const server_config& config) {
  std::string all;
  for (const inhibit_rule& r : config.correlation.inhibit)
    all += (all.empty() ? "{source: " : ", {source: ") + joined(r.source) +
           ", target: " + joined(r.target) + ", equal: " + joined(r.equal) + "}";
  return "[" + all + "]";
}

}  // namespace faultline
