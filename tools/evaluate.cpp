// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/evaluation.hpp"
#include "tools/commands.hpp"
#include "tools/evaluate_options.hpp"
#include "tools/option_text.hpp"
#include "tools/out_place.hpp"
#include "tools/progress.hpp"

namespace faultline {

namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;
using wall_clock = std::chrono::steady_clock;

/// Of `evaluate rca`.
struct rca_arguments : evaluate_arguments {
  onset_source onset = onset_source::own;
};

double seconds_since(wall_clock::time_point start) {
  return std::chrono::duration<double>(wall_clock::now() - start).count();
}

void print_row(const json& row, const command_session& session) {
  if (session.format == output_format::json) return;
  std::string line = row["recording"].get<std::string>();
  for (const auto& [name, value] : row.items()) {
    if (name == "recording") continue;
    line += "  " + name + " " +
            (value.is_number_float() ? format_number(value.get<double>())
                                     : format_count(value.get<std::uint64_t>()));
  }
  std::puts(line.c_str());
  std::fflush(stdout);
}

/// What is told at the end, and whether all went well.
int finish(const json& rows, const std::string& out, bool failed, const command_session& session) {
  if (session.format == output_format::json)
    std::puts(json{{"out", out}, {"recordings", rows}}.dump(2).c_str());
  return failed ? exit_code::failed : exit_code::ok;
}

outcome<json> detect(const std::string& recording, const evaluate_arguments& a,
                     const loaded_models& models) {
  const auto start = wall_clock::now();
  const auto input = read_evaluation_input(recording);
  if (!input) return input.error();
  say_what_is_left_out(*input);
  const std::string name = directory_name(recording);
  detection_run run;
  {
    progress_bar bar{name, input->events()};
    run =
        run_detection(*input, a.options, models.view(), [&](std::uint64_t done) { bar.at(done); });
  }
  if (auto written = write_detection(fs::path{a.out} / name, run); !written) return written.error();
  return json{{"recording", name},           {"entities", input->scored.entities.size()},
              {"events", input->events()},   {"ticks scored", run.ticks},
              {"alerts", run.alerts.size()}, {"seconds", seconds_since(start)}};
}

int run_detection_command(const evaluate_arguments& a, const command_session& session) {
  std::set<std::string> names;
  for (const std::string& recording : a.recordings)
    if (!names.insert(directory_name(recording)).second)
      return report_usage("two recordings are called " + directory_name(recording) +
                          ": evaluate them into different directories");
  if (const auto ok = check_out_directory(a.out); !ok) return report_failure(ok.error());
  const auto models = load_models(a, false);
  if (!models) return report_failure(models.error());
  json rows = json::array();
  bool failed = false;
  for (const std::string& recording : a.recordings) {
    const auto row = detect(recording, a, *models);
    if (!row) {
      report_failure(row.error());
      failed = true;
      continue;
    }
    print_row(*row, session);
    rows.push_back(*row);
  }
  return finish(rows, a.out, failed, session);
}

json summary_of(const std::string& recording, const std::vector<cause_answer>& answers,
                const incident_rate& quiet, double seconds) {
  std::size_t none = 0, older = 0, abstained = 0;
  for (const cause_answer& answer : answers) {
    none += answer.as_of == event_time{} ? 1 : 0;
    older += answer.predates ? 1 : 0;
    abstained += answer.abstained ? 1 : 0;
  }
  json row{{"recording", directory_name(recording)},
           {"faults", answers.size()},
           {"without incident", none},
           {"older than the fault", older},
           {"abstained", abstained}};
  if (quiet.entity_days > 0) {
    row["fault-free entity-days"] = quiet.entity_days;
    row["incidents there"] = quiet.paged + quiet.by_sign;
    row["weak signs"] = quiet.signs.signs;
    row["questions about them"] = quiet.signs.asked;
    row["of weak signs"] = quiet.by_sign;
    row["of weak signs per entity-month"] = quiet.a_month(quiet.by_sign);
  }
  row["seconds"] = seconds;
  return row;
}

/// Writes @p answers, but for faults that have a line already: the scorers know a fault by the name
/// of its recording and its id.
outcome<void> write_answers(std::ofstream& out, const std::vector<cause_answer>& answers,
                            std::set<std::pair<std::string, std::string>>& written) {
  std::size_t twice = 0;
  for (const cause_answer& answer : answers) {
    if (written.emplace(answer.recording, answer.fault).second)
      out << causes_line(answer) << '\n';
    else
      ++twice;
  }
  if (twice == 0) return {};
  return failure{ec::invalid, answers.front().recording + ": " + format_count(twice) +
                                  " faults have a line already and are left out: the name of the "
                                  "recording, or the id of a fault, stands twice"};
}

outcome<json> rank(const std::string& recording, const rca_arguments& a,
                   const loaded_models& models, std::ofstream& out,
                   std::set<std::pair<std::string, std::string>>& written) {
  const auto start = wall_clock::now();
  const auto input = read_evaluation_input(recording);
  if (!input) return input.error();
  say_what_is_left_out(*input);
  progress_bar bar{directory_name(recording), input->events()};
  incident_rate quiet;
  const auto answers = evaluate_root_cause(
      *input, recording, a.onset, a.options, models.view(),
      [&](std::uint64_t done) { bar.at(done); }, &quiet);
  bar.finish();
  if (!answers) return answers.error();
  if (auto ok = write_answers(out, *answers, written); !ok) return ok.error();
  return summary_of(recording, *answers, quiet, seconds_since(start));
}

int run_rca_command(const rca_arguments& a, const command_session& session) {
  const auto models = load_models(a, true);
  if (!models) return report_failure(models.error());
  const fs::path parent = fs::path{a.out}.parent_path();
  std::error_code error;
  if (!parent.empty()) fs::create_directories(parent, error);
  std::ofstream out{a.out, std::ios::binary | std::ios::trunc};
  if (!out) return report_failure(a.out + " cannot be written");
  json rows = json::array();
  bool failed = false;
  std::set<std::pair<std::string, std::string>> written;
  for (const std::string& recording : a.recordings) {
    const auto row = rank(recording, a, *models, out, written);
    if (!row) {
      report_failure(row.error());
      failed = true;
      continue;
    }
    print_row(*row, session);
    rows.push_back(*row);
  }
  out.close();
  if (!out) return report_failure(a.out + " cannot be written");
  return finish(rows, a.out, failed, session);
}

void add_shared_options(CLI::App& sub, evaluate_arguments& a) {
  sub.add_option("recordings", a.recordings, "Directories of recordings")->required();
  a.options.detection.false_pages_per_entity_month = recordings_false_pages;
  add_judgement_options(sub, a);
}

void add_detection(CLI::App& group, command_session& session) {
  auto a = std::make_shared<evaluate_arguments>();
  CLI::App* sub = group.add_subcommand(
      "detection", "Alerts and scores of recordings, trained on the part before train_until");
  add_shared_options(*sub, *a);
  sub->add_option("--out", a->out, "Directory: <recording>/alerts.jsonl and scores.csv.gz")
      ->required();
  sub->callback([a, &session] {
    session.run = [a, &session] { return run_detection_command(*a, session); };
  });
}

void add_rca(CLI::App& group, command_session& session) {
  auto a = std::make_shared<rca_arguments>();
  CLI::App* sub = group.add_subcommand("rca", "Ranked causes of the faults of recordings");
  add_shared_options(*sub, *a);
  sub->add_option("--out", a->out, "File: one JSON line for each fault")->required();
  sub->add_option(
         "--onset", a->onset,
         "own: as of our incident that began in the fault, or stood then; given: the start "
         "of the fault is handed over")
      ->transform(CLI::Validator(
          one_of<onset_source>({{"own", onset_source::own}, {"given", onset_source::given}}), ""))
      ->option_text("own|given");
  sub->add_option("--grace", a->options.own_grace,
                  "Rows after the end of a fault within which our incident may still begin")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  sub->add_option("--false-incidents", a->options.false_incidents,
                  "False incidents that weak signs may open, per entity and month; as many as "
                  "false pages when not given, 0: none")
      ->check(CLI::Range(0.0, 1000.0));
  auto* ranker = sub->add_option("--ranker", a->ranker, "Ranker; the shipped one when not given");
  sub->add_flag("--no-ranker", a->no_ranker, "Rank by the posterior alone")->excludes(ranker);
  sub->callback(
      [a, &session] { session.run = [a, &session] { return run_rca_command(*a, session); }; });
}

}  // namespace

void add_evaluate_commands(CLI::App& app, command_session& session) {
  CLI::App* group = app.add_subcommand(
      "evaluate",
      "Replay recordings and logs through the judgement, for the scorers of detection, causes and "
      "log templates");
  group->require_subcommand(1);
  add_detection(*group, session);
  add_rca(*group, session);
  add_causes_command(*group, session);
  add_logs_command(*group, session);
  add_told_command(*group, session);
  add_study_commands(*group, session);
}

}  // namespace faultline
