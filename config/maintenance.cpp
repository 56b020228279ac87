// SPDX-License-Identifier: Apache-2.0
// `maintenance`: windows in which what is seen of some entities is expected.
#include "config/maintenance.hpp"

#include <chrono>
#include <map>
#include <set>

#include "config/internal/setting.hpp"
#include "config/internal/units.hpp"

namespace faultline {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::size_t most = 1000;

window_words read_window(const YAML::Node& node, const std::string& path, problem_list& problems) {
  static const std::vector<std::string> known{"name", "entities", "dependents", "starts",
                                              "ends", "days",     "at",         "duration",
                                              "zone", "comment"};
  window_words words;
  const std::map<std::string, std::string*> texts{
      {"name", &words.name}, {"starts", &words.starts}, {"ends", &words.ends},
      {"at", &words.at},     {"zone", &words.zone},     {"comment", &words.comment}};
  for (const auto& e : entries_of(node, path, known, problems)) {
    const std::string key = path + "." + e.name;
    if (const auto into = texts.find(e.name); into != texts.end()) {
      scalar_text(e, key, *into->second, problems);
    } else if (e.name == "entities") {
      text_list(e, key, words.entities, problems);
    } else if (e.name == "days") {
      text_list(e, key, words.days, problems);
    } else if (e.name == "dependents") {
      words.dependents = read_flag(e, key, problems).value_or(false);
    } else {
      const auto lasts =
          read_duration(e, key, milliseconds{0}, longest_duration, milliseconds{1}, problems);
      words.lasts_ms = lasts ? duration_cast<milliseconds>(*lasts).count() : 0;
    }
  }
  if (node.IsMap() && words.name.empty()) problems.add(node.Mark(), path, "has no name");
  return words;
}

}  // namespace

void read_maintenance(const yaml_entry& entry, const std::string& key, server_config& config,
                      problem_list& problems) {
  read_list(entry, key, config.maintenance, read_window, problems, most);
  std::set<std::string> names;
  for (const window_words& w : config.maintenance)
    if (!w.name.empty() && !names.insert(w.name).second)
      problems.add(entry.at, key, "there are two called " + w.name);
}

std::string show_maintenance(const server_config& config) {
  const auto list = [](const std::vector<std::string>& all) {
    std::string text;
    for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
    return "[" + text + "]";
  };
  std::string all;
  for (const window_words& w : config.maintenance)
    all += (all.empty() ? "{name: " : ", {name: ") + w.name + ", entities: " + list(w.entities) +
           ", dependents: " + (w.dependents ? "true" : "false") + ", starts: " + w.starts +
           ", ends: " + w.ends + ", days: " + list(w.days) + ", at: " + w.at +
           ", duration: " + show_duration_us(w.lasts_ms * 1000) + ", zone: " + w.zone +
           ", comment: " + w.comment + "}";
  return "[" + all + "]";
}

}  // namespace faultline
