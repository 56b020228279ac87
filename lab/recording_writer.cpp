// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "lab/csv_table.hpp"
#include "lab/gzip_file.hpp"
#include "lab/recording.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// A whole number where it is one, so that interval_s reads 10 and not 10.0.
json number(double value) {
  if (std::floor(value) == value && std::fabs(value) < 1e15)
    return static_cast<std::int64_t>(value);
  return value;
}

json or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

std::optional<failure> check(const telemetry& t) {
  std::set<std::string_view> ids;
  for (const auto& series : t.entities) {
    if (series.id.empty() || !ids.insert(series.id).second)
      return failure{ec::invalid, "entity '" + series.id + "' is empty or stands twice"};
    if (series.values.size() != series.ts.size() * series.metrics.size())
      return failure{ec::invalid, series.id + ": rows of unequal length"};
    std::set<std::string_view> names;
    for (const auto& name : series.metrics)
      if (!is_metric_name(name) || !names.insert(name).second)
        return failure{ec::invalid, series.id + ": '" + name + "' is no metric name of its own"};
    for (std::size_t i = 1; i < series.ts.size(); ++i)
      if (series.ts[i] <= series.ts[i - 1])
        return failure{ec::invalid, series.id + ": ts does not ascend"};
    for (const double value : series.values)
      if (std::isinf(value)) return failure{ec::invalid, series.id + ": an infinite value"};
  }
  if (!(t.interval_s > 0)) return failure{ec::invalid, "interval_s must be positive"};
  return std::nullopt;
}

// metrics/<name>.csv.gz for an id: the part behind the kind, made harmless and distinct.
std::string file_of(const std::string& id, std::set<std::string>& taken) {
  std::string name = id.substr(id.find('/') == std::string::npos ? 0 : id.find('/') + 1);
  for (char& c : name) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!fine && c != '-' && c != '.' && c != '_') c = '_';
  }
  if (name.empty() || name.front() == '.') name.insert(name.begin(), '_');
  name.resize(std::min<std::size_t>(name.size(), 120));
  std::string distinct = name;
  for (int n = 2; !taken.insert(distinct).second; ++n) distinct = name + "-" + std::to_string(n);
  return "metrics/" + distinct + ".csv.gz";
}

json pairs(const std::vector<dependency>& edges, bool runs_on_only) {
  json out = json::array();
  for (const auto& e : edges)
    if (!runs_on_only || e.kind == edge_kind::runs_on) out.push_back({e.from, e.to});
  return out;
}

json changes_of(const telemetry& t) {
  json out = json::array();
  for (const auto& c : t.changes)
    out.push_back({{"ts", unix_ms(c.ts)},
                   {"entity", c.entity},
                   {"kind", to_string(c.kind)},
                   {"summary", c.summary}});
  return out;
}

json fault_of(const fault_label& f) {
  json out{{"id", f.id},
           {"start", unix_ms(f.start)},
           {"end", unix_ms(f.end)},
           {"entities", f.entities},
           {"root", f.roots},
           {"root_metric", or_null(f.root_metric)},
           {"type", or_null(f.type)}};
  if (!f.detail.empty()) out["detail"] = f.detail;
  if (!f.metrics.empty()) out["metrics"] = f.metrics;
  if (f.full_effect) out["full_effect"] = unix_ms(*f.full_effect);
  if (!f.form.empty()) out["form"] = f.form;
  if (f.ramp_end) out["ramp_end"] = unix_ms(*f.ramp_end);
  if (f.visible_from) out["visible_from"] = unix_ms(*f.visible_from);
  if (f.visible) out["visible"] = *f.visible;
  if (f.impact) out["impact"] = *f.impact;
  if (!f.unseen.empty()) out["unseen"] = f.unseen;
  return out;
}

void write_labels(json& root, const labels& l) {
  root["faults"] = json::array();
  for (const auto& f : l.faults) root["faults"].push_back(fault_of(f));
  for (const auto& i : l.ignore)
    root["ignore"].push_back({{"start", unix_ms(i.start)},
                              {"end", unix_ms(i.end)},
                              {"entities", i.entities},
                              {"why", i.why}});
  for (const auto& b : l.benign)
    root["benign"].push_back({{"type", b.type},
                              {"start", unix_ms(b.start)},
                              {"end", unix_ms(b.end)},
                              {"entities", b.entities}});
  if (l.early_s) root["early_s"] = number(*l.early_s);
  if (l.run_to_failure) root["run_to_failure"] = true;
}

void write_optional(json& root, const telemetry& t) {
  if (!t.train_recording.empty()) root["train_recording"] = t.train_recording;
  if (!t.candidates.empty()) root["candidates"] = t.candidates;
  if (!t.aliases.empty()) root["aliases"] = t.aliases;
  if (!t.groups.empty()) root["groups"] = t.groups;
  if (!t.without_metrics.empty()) root["without_metrics"] = t.without_metrics;
  if (json on = pairs(t.edges, true); !on.empty()) root["runs_on"] = std::move(on);
  if (!t.changes.empty()) root["changes"] = changes_of(t);
  if (!t.logs.empty()) root["logs"] = "logs.csv.gz";
  if (!t.spans.empty()) root["spans"] = "spans.csv.gz";
}

outcome<void> write_tables(const fs::path& path, const telemetry& t, json& entities) {
  std::set<std::string> taken;
  for (const auto& series : t.entities) {
    json item{{"id", series.id}};
    if (!series.metrics.empty() || !series.ts.empty()) {
      const std::string file = file_of(series.id, taken);
      item["metrics"] = file;
      if (auto ok = write_gzip(path / file, format_metrics(series)); !ok) return ok;
    }
    entities.push_back(std::move(item));
  }
  if (!t.logs.empty())
    if (auto ok = write_gzip(path / "logs.csv.gz", format_logs(t.logs)); !ok) return ok;
  if (!t.spans.empty())
    if (auto ok = write_gzip(path / "spans.csv.gz", format_spans(t.spans)); !ok) return ok;
  return {};
}

outcome<void> write_text(const fs::path& file, const std::string& text) {
  std::ofstream to{file, std::ios::binary | std::ios::trunc};
  to << text;
  to.close();
  if (!to) return failure{ec::io_failed, file.string() + ": cannot be written"};
  return {};
}

}  // namespace

outcome<void> write_recording(const fs::path& path, const telemetry& t, const labels& l) {
  if (auto why = check(t)) return *why;
  std::error_code error;
  fs::create_directories(path / "metrics", error);
  if (!error) fs::remove(path / "recording.json", error);  // written last: interrupted, it is none
  if (error) return failure{ec::io_failed, path.string() + ": " + error.message()};
  json entities = json::array();
  if (auto ok = write_tables(path, t, entities); !ok) return ok;
  json root{{"name", t.name},
            {"source", t.source},
            {"licence", t.licence},
            {"interval_s", number(t.interval_s)},
            {"entities", std::move(entities)},
            {"edges", pairs(t.edges, false)},
            {"train_until", unix_ms(t.train_until)}};
  write_labels(root, l);
  write_optional(root, t);
  try {
    return write_text(path / "recording.json", root.dump(1) + "\n");
  } catch (const json::exception& e) {  // text that is not UTF-8
    return failure{ec::invalid, std::string{"recording.json: "} + e.what()};
  }
}

}  // namespace faultline
