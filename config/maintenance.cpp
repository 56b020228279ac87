// SPDX-License-Identifier: Apache-2.0
// `maintenance`: windows in which what is seen of some entities is expected.
#include "config/maintenance.hpp"

#include <map>
#include <set>

#include "config/internal/setting.hpp"
#include "config/internal/units.hpp"

namespace faultline {
namespace {

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
    std::string text;
    if (const auto into = texts.find(e.name); into != texts.end()) {
      scalar_text(e, key, *into->second, problems);
    } else if (e.name == "entities") {
      text_list(e, key, words.entities, problems);
    } else if (e.name == "days") {
      text_list(e, key, words.days, problems);
    } else if (!scalar_text(e, key, text, problems)) {
      continue;
    } else if (e.name == "dependents") {
      if (text != "true" && text != "false")
        problems.add(e.value.Mark(), key, "\"" + text + "\" is neither true nor false");
      words.dependents = text == "true";
    } else {
      const auto us = parse_duration_us(text);
      if (!us) problems.add(e.value.Mark(), key, "\"" + text + "\" is not a time such as 90m");
      words.lasts_ms = us.value_or(0) / 1000;
    }
  }
  if (node.IsMap() && words.name.empty()) problems.add(node.Mark(), path, "has no name");
  return words;
}

}  // namespace

void read_maintenance(const yaml_entry& entry, const std::string& key, server_config& config,
                      problem_list& problems) {
  config.maintenance.clear();
  if (entry.value.IsNull()) return;
  if (!entry.value.IsSequence()) return problems.add(entry.at, key, "is not a list");
  if (entry.value.size() > most) return problems.add(entry.at, key, "has more than 1000 entries");
  std::size_t index = 0;
  for (const auto& item : entry.value)
    config.maintenance.push_back(
        read_window(item, key + "[" + std::to_string(index++) + "]", problems));
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
