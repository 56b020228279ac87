// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"

namespace faultline {

/// Where problems of one file are gathered.
class problem_list {
public:
  explicit problem_list(std::string file) : file_{std::move(file)} {}
  void add(const YAML::Mark& at, std::string key, std::string text);
  std::vector<config_problem> take();  ///< in the order of the file
  bool empty() const noexcept { return problems_.empty(); }
  std::size_t size() const noexcept { return problems_.size(); }

private:
  std::string file_;
  std::vector<config_problem> problems_;
};

/// Reads at most 1 MiB. A problem when it cannot.
bool read_text(const std::string& file, std::string& text, problem_list& problems);

/// The one document of @p text. A null node when it is empty or has a problem.
YAML::Node parse_yaml(std::string_view text, problem_list& problems);

struct yaml_entry {
  std::string name;
  YAML::Mark at;  ///< of the name
  YAML::Node value;
};

/// The entries of a map in the order of the file. Names that are not in @p known (with the nearest
/// that is), names given twice and names that are no text are problems and left out; so is @p node
/// itself when it is something else than a map or nothing.
std::vector<yaml_entry> entries_of(const YAML::Node& node, const std::string& path,
                                   const std::vector<std::string>& known, problem_list& problems);

/// A scalar's text. A problem when it is none.
bool scalar_text(const yaml_entry& entry, const std::string& key, std::string& text,
                 problem_list& problems);
/// A list of texts; one text alone is a list of one.
bool text_list(const yaml_entry& entry, const std::string& key, std::vector<std::string>& texts,
               problem_list& problems);

}  // namespace faultline
