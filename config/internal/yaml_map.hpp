// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/problem.hpp"

namespace faultline {

/// Where problems of one file are gathered.
class problem_list {
public:
  explicit problem_list(std::string file) : file_{std::move(file)} {}
  void add(const YAML::Mark& at, std::string key, std::string text);
  std::vector<config_problem> take();  ///< in the order of the file
  /// What @p path stands for begins there.
  void note_place(const YAML::Mark& at, const std::string& path);
  const std::map<std::string, config_place>& places() const noexcept { return places_; }
  bool empty() const noexcept { return problems_.empty(); }
  std::size_t size() const noexcept { return problems_.size(); }

private:
  std::string file_;
  std::vector<config_problem> problems_;
  std::map<std::string, config_place> places_;
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
/// The value of a scalar that is true or false, a whole number of @p least to @p most, or a time
/// with its unit of @p least to @p most in whole @p unit. Nothing, and a problem, when it is not.
std::optional<bool> read_flag(const yaml_entry& entry, const std::string& key,
                              problem_list& problems);
std::optional<std::int64_t> read_whole(const yaml_entry& entry, const std::string& key,
                                       std::int64_t least, std::int64_t most,
                                       problem_list& problems);
std::optional<std::chrono::microseconds> read_duration(
    const yaml_entry& entry, const std::string& key, std::chrono::microseconds least,
    std::chrono::microseconds most, std::chrono::microseconds unit, problem_list& problems);
inline constexpr std::chrono::hours longest_duration{3650 * 24};

/// A list of texts; one text alone is a list of one.
bool text_list(const yaml_entry& entry, const std::string& key, std::vector<std::string>& texts,
               problem_list& problems);
/// Each item of a list as @p read(item, "KEY[INDEX]", problems) makes it, in place of what is in
/// @p into; nothing is an empty list. A problem when it is no list, or has more than @p most items;
/// without a bound that of the file holds.
template <class T, class Read>
void read_list(const yaml_entry& entry, const std::string& key, std::vector<T>& into, Read read,
               problem_list& problems, std::size_t most = std::numeric_limits<std::size_t>::max()) {
  into.clear();
  if (entry.value.IsNull()) return;
  if (!entry.value.IsSequence()) return problems.add(entry.at, key, "is not a list");
  if (entry.value.size() > most)
    return problems.add(entry.at, key, "has more than " + std::to_string(most) + " entries");
  std::size_t index = 0;
  for (const auto& item : entry.value) {
    const std::string path = key + "[" + std::to_string(index++) + "]";
    problems.note_place(item.Mark(), path);
    into.push_back(read(item, path, problems));
  }
}

}  // namespace faultline
