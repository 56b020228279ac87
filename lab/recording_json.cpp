// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "lab/csv_table.hpp"
#include "lab/gzip_file.hpp"
#include "lab/recording.hpp"

namespace faultline {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t max_json_bytes = std::size_t{256} << 20;
constexpr double most_whole = 9007199254740992.0;  // 2^53: below it 1661126400000.0 is a whole time
constexpr std::size_t max_table_bytes = std::size_t{3} << 30;

// What a reader below throws when a key has the wrong shape; it never leaves this file.
struct bad_key {
  std::string what;
};

const json* find(const json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

[[noreturn]] void refuse(const char* key, const char* want) {
  throw bad_key{std::string{"'"} + key + "' is not " + want};
}

std::string text_of(const json& object, const char* key, bool required = false) {
  const json* value = find(object, key);
  if (!value && !required) return {};
  if (!value || !value->is_string()) refuse(key, "a string");
  return value->get<std::string>();
}

std::optional<event_time> time_of(const json& object, const char* key) {
  const json* value = find(object, key);
  if (!value) return std::nullopt;
  const bool whole = value->is_number_float() &&
                     value->get<double>() == std::floor(value->get<double>()) &&
                     std::fabs(value->get<double>()) < most_whole;
  if (!value->is_number_integer() && !whole) refuse(key, "an integer of milliseconds");
  if (!is_time(value->get<std::int64_t>())) refuse(key, "a time in milliseconds");
  return event_time_of(value->get<std::int64_t>());
}

event_time need_time(const json& object, const char* key) {
  const auto at = time_of(object, key);
  if (!at) refuse(key, "an integer of milliseconds");
  return *at;
}

std::optional<bool> truth_of(const json& object, const char* key) {
  const json* value = find(object, key);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) refuse(key, "true or false");
  return value->get<bool>();
}

const json& list_of(const json& object, const char* key) {
  static const json none = json::array();
  const json* value = find(object, key);
  if (!value) return none;
  if (!value->is_array()) refuse(key, "a list");
  return *value;
}

std::vector<std::string> texts_of(const json& object, const char* key) {
  std::vector<std::string> out;
  for (const json& item : list_of(object, key)) {
    if (!item.is_string()) refuse(key, "a list of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::map<std::string, std::string> map_of(const json& object, const char* key) {
  std::map<std::string, std::string> out;
  const json* value = find(object, key);
  if (!value) return out;
  if (!value->is_object()) refuse(key, "a map of strings");
  for (const auto& item : value->items()) {
    if (!item.value().is_string()) refuse(key, "a map of strings");
    out.emplace(item.key(), item.value().get<std::string>());
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> pairs_of(const json& object, const char* key) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const json& item : list_of(object, key)) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_string())
      refuse(key, "a list of pairs of strings");
    out.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
  }
  return out;
}

// A file of the recording itself: relative, and never out of the directory.
fs::path inside(const fs::path& folder, const std::string& name) {
  const fs::path relative{name};
  if (name.empty() || relative.is_absolute() || name.find('\0') != std::string::npos)
    refuse(name.c_str(), "a file below the recording");
  for (const auto& part : relative)
    if (part == "..") refuse(name.c_str(), "a file below the recording");
  return folder / relative;
}

outcome<json> read_json(const fs::path& folder) {
  const fs::path file = folder / "recording.json";
  std::error_code error;
  if (!fs::is_regular_file(file, error))
    return failure{ec::not_found, folder.string() + ": no recording.json"};
  if (fs::file_size(file, error) > max_json_bytes)
    return failure{ec::too_large, file.string() + ": too large"};
  std::ifstream in{file, std::ios::binary};
  if (!in) return failure{ec::io_failed, file.string() + ": cannot be read"};
  json root = json::parse(in, nullptr, false);
  if (root.is_discarded() || !root.is_object())
    return failure{ec::malformed, file.string() + ": not a JSON object"};
  return root;
}

void read_head(const json& root, telemetry& t) {
  t.name = text_of(root, "name", true);
  t.source = text_of(root, "source");
  t.licence = text_of(root, "licence");
  const json* interval = find(root, "interval_s");
  if (!interval || !interval->is_number() || !(interval->get<double>() > 0))
    refuse("interval_s", "a positive number");
  t.interval_s = interval->get<double>();
  t.train_until = need_time(root, "train_until");
  t.train_recording = text_of(root, "train_recording");
  if (!t.train_recording.empty() && fs::path{t.train_recording}.is_absolute())
    refuse("train_recording", "a relative path");
  t.candidates = texts_of(root, "candidates");
  t.without_metrics = texts_of(root, "without_metrics");
  t.aliases = map_of(root, "aliases");
  t.groups = map_of(root, "groups");
}

void read_edges(const json& root, telemetry& t) {
  for (auto& [from, to] : pairs_of(root, "edges")) t.edges.push_back({from, to, edge_kind::calls});
  for (const auto& [from, to] : pairs_of(root, "runs_on"))
    for (auto& edge : t.edges)
      if (edge.from == from && edge.to == to) edge.kind = edge_kind::runs_on;
}

change_kind change_kind_of(const std::string& name) {
  for (auto kind :
       {change_kind::deploy, change_kind::config, change_kind::scale, change_kind::flag})
    if (name == to_string(kind)) return kind;
  return change_kind::other;
}

void read_changes(const json& root, telemetry& t) {
  for (const json& item : list_of(root, "changes")) {
    if (!item.is_object()) refuse("changes", "a list of objects");
    t.changes.push_back({need_time(item, "ts"), text_of(item, "entity", true),
                         change_kind_of(text_of(item, "kind")), text_of(item, "summary")});
  }
}

void note(const table_faults& faults, const std::string& file, telemetry& t) {
  if (std::string told = faults.told(file); !told.empty()) t.left_out.push_back(std::move(told));
}

outcome<void> read_entities(const fs::path& folder, const json& root, telemetry& t) {
  std::unordered_set<std::string> seen;
  for (const json& item : list_of(root, "entities")) {
    if (!item.is_object()) refuse("entities", "a list of objects");
    entity_series series;
    series.id = text_of(item, "id", true);
    if (series.id.empty() || !seen.insert(series.id).second)
      refuse("entities", "a list of distinct ids");
    const std::string name = text_of(item, "metrics");
    if (!name.empty()) {
      auto text = read_gzip(inside(folder, name), max_table_bytes);
      if (!text) return text.error();
      table_faults faults;
      if (auto ok = parse_metrics(*text, t.name + "/" + name, series, &faults); !ok) return ok;
      note(faults, name, t);
    }
    t.entities.push_back(std::move(series));
  }
  return {};
}

outcome<void> read_events(const fs::path& folder, const json& root, telemetry& t) {
  auto load = [&](const char* key, auto parse, auto& into) -> outcome<void> {
    const std::string name = text_of(root, key);
    if (name.empty()) return {};
    auto text = read_gzip(inside(folder, name), max_table_bytes);
    if (!text) return text.error();
    table_faults faults;
    auto rows = parse(*text, t.name + "/" + name, &faults);
    if (!rows) return rows.error();
    note(faults, name, t);
    into = std::move(*rows);
    return {};
  };
  if (auto ok = load("logs", parse_logs, t.logs); !ok) return ok;
  return load("spans", parse_spans, t.spans);
}

fault_label read_fault(const json& item) {
  fault_label f;
  f.id = text_of(item, "id", true);
  f.start = need_time(item, "start");
  f.end = need_time(item, "end");
  if (f.end < f.start) throw bad_key{"fault '" + f.id + "' ends before it starts"};
  f.entities = texts_of(item, "entities");
  f.roots = texts_of(item, "root");
  f.root_metric = text_of(item, "root_metric");
  f.type = text_of(item, "type");
  f.detail = text_of(item, "detail");
  f.metrics = texts_of(item, "metrics");
  f.full_effect = time_of(item, "full_effect");
  f.form = text_of(item, "form");
  f.ramp_end = time_of(item, "ramp_end");
  f.visible_from = time_of(item, "visible_from");
  f.visible = truth_of(item, "visible");
  f.impact = truth_of(item, "impact");
  f.unseen = texts_of(item, "unseen");
  return f;
}

labels read_truth(const json& root) {
  labels l;
  for (const json& item : list_of(root, "faults")) {
    if (!item.is_object()) refuse("faults", "a list of objects");
    l.faults.push_back(read_fault(item));
  }
  for (const json& item : list_of(root, "ignore")) {
    if (!item.is_object()) refuse("ignore", "a list of objects");
    l.ignore.push_back({need_time(item, "start"), need_time(item, "end"),
                        texts_of(item, "entities"), text_of(item, "why")});
  }
  for (const json& item : list_of(root, "benign")) {
    if (!item.is_object()) refuse("benign", "a list of objects");
    l.benign.push_back({text_of(item, "type"), need_time(item, "start"), need_time(item, "end"),
                        texts_of(item, "entities")});
  }
  if (const json* early = find(root, "early_s")) {
    if (!early->is_number()) refuse("early_s", "a number");
    l.early_s = early->get<double>();
  }
  l.run_to_failure = truth_of(root, "run_to_failure").value_or(false);
  return l;
}

}  // namespace

outcome<telemetry> read_telemetry(const fs::path& path) {
  auto root = read_json(path);
  if (!root) return root.error();
  telemetry t;
  try {
    read_head(*root, t);
    read_edges(*root, t);
    read_changes(*root, t);
    if (auto ok = read_entities(path, *root, t); !ok) return ok.error();
    if (auto ok = read_events(path, *root, t); !ok) return ok.error();
  } catch (const bad_key& e) {
    return failure{ec::malformed, path.string() + "/recording.json: " + e.what};
  } catch (const json::exception& e) {
    return failure{ec::malformed, path.string() + "/recording.json: " + e.what()};
  }
  return t;
}

outcome<labels> read_labels(const fs::path& path) {
  auto root = read_json(path);
  if (!root) return root.error();
  try {
    return read_truth(*root);
  } catch (const bad_key& e) {
    return failure{ec::malformed, path.string() + "/recording.json: " + e.what};
  } catch (const json::exception& e) {
    return failure{ec::malformed, path.string() + "/recording.json: " + e.what()};
  }
}

}  // namespace faultline
