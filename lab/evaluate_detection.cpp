// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include "lab/evaluation.hpp"
#include "lab/evaluation_run.hpp"
#include "lab/gzip_file.hpp"
#include "lab/internal/json_text.hpp"

namespace faultline {

namespace {

/// A field as in RFC 4180.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string alert_lines(const std::vector<told_alert>& alerts) {
  std::string text;
  for (const told_alert& a : alerts) {
    nlohmann::ordered_json line{{"entity", a.entity}, {"started", unix_ms(a.started)}};
    line["ended"] = a.ended ? nlohmann::ordered_json(unix_ms(*a.ended)) : nullptr;
    line["severity"] = to_string(a.severity);
    line["score"] = a.score;
    line["metric"] = a.metric;
    if (a.lead_time_s) line["lead_time_s"] = *a.lead_time_s;
    line["id"] = a.id;
    text += json_text(line) + "\n";
  }
  return text;
}

std::string score_lines(const detection_run& run) {
  std::vector<std::string> names;
  for (const std::string& entity : run.entities) names.push_back(csv_field(entity));
  std::string text = "ts,entity,score\n";
  char number[32];
  for (const scored_tick& s : run.scores) {
    text += std::to_string(unix_ms(s.ts));
    text += ',';
    text += names[s.entity];
    std::snprintf(number, sizeof number, ",%.9g\n", static_cast<double>(s.score));
    text += number;
  }
  return text;
}

/// Scores of rows that lie between two ticks, where rows come more often than ticks: what was
/// believed since the tick before.
std::vector<scored_tick> between_ticks(const telemetry& scored, const detection_run& run,
                                       milliseconds tick, event_time from) {
  std::vector<std::vector<scored_tick>> of(scored.entities.size());
  for (const scored_tick& s : run.scores)
    if (const auto e = scored.find(run.entities[s.entity])) of[*e].push_back(s);
  std::vector<scored_tick> out;
  for (std::size_t e = 0; e < of.size(); ++e) {
    const auto& rows = scored.entities[e].ts;
    auto next = of[e].begin();
    for (auto row = std::lower_bound(rows.begin(), rows.end(), from); row != rows.end(); ++row) {
      while (next != of[e].end() && next->ts <= *row) ++next;
      if (next == of[e].begin()) continue;
      scored_tick said = *std::prev(next);
      if (said.ts == *row || *row - said.ts >= tick) continue;
      said.ts = *row;
      out.push_back(said);
    }
  }
  return out;
}

}  // namespace

detection_run run_detection(const evaluation_input& input, const evaluation_options& options,
                            const evaluation_models& models, const evaluation_progress& progress) {
  detection_run run;
  alert_book book;
  std::map<std::string, std::uint32_t, std::less<>> place;
  evaluation_pass pass{input, options, models};
  pass.judge().on_feed = [&](const feed_event& said) {
    if (said.what == feed_event::kind::alert) book.take(said.alert);
  };
  pass.judge().on_score = [&](const tick_score& s) {
    if (s.tick < pass.scored_from()) return;
    auto at = place.find(s.entity);
    if (at == place.end()) {
      at = place.emplace(std::string{s.entity}, run.entities.size()).first;
      run.entities.emplace_back(s.entity);
    }
    run.scores.push_back(
        {s.tick, at->second, static_cast<float>(s.score), static_cast<float>(s.soon.value_or(-1))});
  };
  pass.run(progress);
  run.alerts = book.release();
  run.ticks = run.scores.size();
  const auto between =
      between_ticks(input.scored, run, options.processing.tick, pass.scored_from());
  if (between.empty()) return run;
  run.scores.insert(run.scores.end(), between.begin(), between.end());
  std::stable_sort(run.scores.begin(), run.scores.end(),
                   [](const scored_tick& a, const scored_tick& b) { return a.ts < b.ts; });
  return run;
}

outcome<void> write_detection(const std::filesystem::path& directory, const detection_run& run) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return failure{ec::io_failed, directory.string() + ": " + failed.message()};
  const auto file = directory / "alerts.jsonl";
  std::ofstream out{file, std::ios::binary | std::ios::trunc};
  out << alert_lines(run.alerts);
  out.close();
  if (!out) return failure{ec::io_failed, file.string() + " cannot be written"};
  return write_gzip(directory / "scores.csv.gz", score_lines(run));
}

}  // namespace faultline
