// SPDX-License-Identifier: Apache-2.0
//
// Files of the configuration as they are read; what stands in them is for the readers beside.
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/internal/setting.hpp"
#include "config/internal/yaml_map.hpp"
#include "config/limits.hpp"
#include "config/roles.hpp"
#include "config/runbooks.hpp"

namespace faultline {
namespace {

constexpr std::size_t max_file_bytes = 1024 * 1024;

}  // namespace

bool read_text(const std::string& file, std::string& text, problem_list& problems) {
  std::ifstream in{file, std::ios::binary};
  text.assign(max_file_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || !in.is_open() || (in.fail() && !in.eof())) {
    problems.add(YAML::Mark::null_mark(), "", "cannot be read");
    return false;
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() <= max_file_bytes) return true;
  problems.add(YAML::Mark::null_mark(), "", "is larger than 1 MiB");
  return false;
}

namespace {

/// What @p read makes of the text of @p file, by its name.
template <class T, class Read>
loaded<T> load(const std::filesystem::path& file, Read read) {
  problem_list problems{file.string()};
  std::string text;
  if (read_text(file.string(), text, problems)) return read(text, file.string());
  loaded<T> result;
  result.problems = problems.take();
  return result;
}

}  // namespace

loaded<server_config> load_config(const std::filesystem::path& file) {
  server_config config;
  return load_config(file, config);
}

loaded<server_config> load_config(const std::filesystem::path& file, server_config& partly) {
  return load<server_config>(file, [&partly](std::string_view yaml, const std::string& name) {
    return read_config(yaml, name, partly);
  });
}

loaded<std::vector<operator_limit>> load_limits(const std::filesystem::path& file) {
  return load<std::vector<operator_limit>>(file, read_limits_file);
}

loaded<std::vector<role_rule>> load_roles(const std::filesystem::path& file) {
  return load<std::vector<role_rule>>(file, read_roles);
}

loaded<std::vector<runbook>> load_runbooks(const std::filesystem::path& file) {
  return load<std::vector<runbook>>(file, read_runbooks);
}

}  // namespace faultline
