// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "lab/headline.hpp"
#include "lab/study_report.hpp"
#include "tools/commands.hpp"
#include "tools/evaluate_options.hpp"
#include "tools/out_place.hpp"
#include "tools/progress.hpp"

namespace faultline {

namespace {

namespace fs = std::filesystem;

/// Of `evaluate report` and `evaluate headline`.
struct study_arguments : evaluate_arguments {
  std::vector<double> budgets{1, 30.0 / 7, 30};
  bool ablation = false;
  std::uint64_t seed = 1;
  headline_options headline;
  std::string data = "../shared/data";
  bool simulated_only = false;
};

study_options options_of(const study_arguments& a) {
  study_options o;
  o.baselines = !a.ablation;
  o.variants = a.ablation ? ablation_variants(a.options, !a.no_lstm)
                          : variants_at(a.options, a.budgets, !a.no_lstm);
  return o;
}

int tell(const study_arguments& a, detection_study& study, bool bars,
         const command_session& session) {
  const auto outcomes = study.finish();
  if (outcomes.empty()) return report_failure("no recording was judged");
  if (auto ok = write_report(a.out, outcomes, a.seed, a.ablation); !ok)
    return report_failure(ok.error());
  std::string text =
      a.ablation ? ablation_markdown(outcomes, a.seed) : report_markdown(outcomes, a.seed);
  if (bars && !a.ablation) {
    const std::string table = headline_bars(outcomes, a.seed);
    std::ofstream file{fs::path{a.out} / "bars.md", std::ios::binary | std::ios::trunc};
    file << table;
    file.close();
    if (!file) return report_failure(a.out + "/bars.md cannot be written");
    text = table + "\n" + text;
  }
  std::fputs(
      session.format == output_format::json ? report_json(outcomes, a.seed).c_str() : text.c_str(),
      stdout);
  return exit_code::ok;
}

void judge(detection_study& study, const study_recording& r, const loaded_models& models) {
  progress_bar bar{r.input.scored.name, study.work(r.input)};
  study.add(r.set, r.input, r.truth, models.view(), [&](std::uint64_t done) { bar.at(done); });
}

int run_report(const study_arguments& a, const command_session& session) {
  if (const auto ok = check_out_directory(a.out); !ok) return report_failure(ok.error());
  const auto models = load_models(a, false);
  if (!models) return report_failure(models.error());
  detection_study study{options_of(a)};
  for (const std::string& path : a.recordings) {
    auto input = read_evaluation_input(path);
    if (!input) return report_failure(input.error());
    say_what_is_left_out(*input);
    auto truth = read_labels(path);
    if (!truth) return report_failure(truth.error());
    judge(study, {set_name(path), std::move(*input), std::move(*truth)}, *models);
  }
  return tell(a, study, false, session);
}

int run_headline(const study_arguments& a, const command_session& session) {
  if (const auto ok = check_out_directory(a.out); !ok) return report_failure(ok.error());
  const auto models = load_models(a, false);
  if (!models) return report_failure(models.error());
  headline_options h = a.headline;
  h.seed = a.seed;
  if (!a.simulated_only) h.data = a.data;
  detection_study study{options_of(a)};
  const auto made =
      headline_recordings(h, [&](const study_recording& r) { judge(study, r, *models); });
  if (!made && !a.simulated_only)
    return report_failure(made.error().what +
                          " (--data names where smd/, nab/ and prevent-dev/ are, see "
                          "docs/evaluation.md; --simulated-only goes without)");
  if (!made) return report_failure(made.error());
  return tell(a, study, true, session);
}

void add_study_options(CLI::App& sub, study_arguments& a) {
  add_judgement_options(sub, a);
  sub.add_option("--out", a.out, "Directory: report.md, report.json, three diagrams")->required();
  sub.add_option("--budgets", a.budgets, "False episodes per entity and month [1 4.29 30]")
      ->check(CLI::Range(0.01, 1000.0));
  sub.add_flag("--ablation", a.ablation,
               "Instead: at --false-pages, with everything, and without the LSTM and each view");
  sub.add_option("--seed", a.seed, "Of everything that is drawn")->capture_default_str();
}

void add_report(CLI::App& group, command_session& session) {
  auto a = std::make_shared<study_arguments>();
  CLI::App* sub = group.add_subcommand(
      "report", "Detection with baselines, intervals and diagrams, per set and pooled");
  sub->add_option("recordings", a->recordings, "Directories of recordings; their parent is the set")
      ->required();
  add_study_options(*sub, *a);
  sub->callback([a, &session] { session.run = [a, &session] { return run_report(*a, session); }; });
}

void add_headline(CLI::App& group, command_session& session) {
  auto a = std::make_shared<study_arguments>();
  CLI::App* sub = group.add_subcommand(
      "headline", "The bars of early warning: injected faults on real rows, and simulated systems");
  add_study_options(*sub, *a);
  auto* data = sub->add_option("--data", a->data, "Where smd/, nab/ and prevent-dev/ are")
                   ->capture_default_str();
  sub->add_flag("--simulated-only", a->simulated_only, "Without real rows")->excludes(data);
  sub->add_option("--systems", a->headline.systems, "Simulated, half as many quiet ones on top")
      ->check(CLI::Range(1, 500))
      ->capture_default_str();
  sub->add_option("--days", a->headline.days, "Of each; the first quarter trains")
      ->check(CLI::Range(4, 200))
      ->capture_default_str();
  sub->add_option("--faults", a->headline.faults_a_system, "Of each")
      ->check(CLI::Range(1, 200))
      ->capture_default_str();
  sub->callback(
      [a, &session] { session.run = [a, &session] { return run_headline(*a, session); }; });
}

}  // namespace

void add_study_commands(CLI::App& group, command_session& session) {
  add_report(group, session);
  add_headline(group, session);
}

}  // namespace faultline
