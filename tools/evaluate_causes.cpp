// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "lab/cause_study.hpp"
#include "tools/commands.hpp"
#include "tools/evaluate_options.hpp"
#include "tools/out_place.hpp"
#include "tools/progress.hpp"

namespace faultline {

namespace {

namespace fs = std::filesystem;

/// Of `evaluate causes`.
struct causes_arguments : evaluate_arguments {
  bool ablation = false, own = false, told = false;
  std::size_t simulated = 0;
  std::size_t quiet = 20;
  std::uint64_t seed = 1;
};

outcome<void> write_file(const fs::path& path, const std::string& text) {
  std::ofstream file{path, std::ios::binary | std::ios::trunc};
  file << text;
  file.close();
  if (!file) return failure{ec::io_failed, path.string() + " cannot be written"};
  return {};
}

cause_study_options options_of(const causes_arguments& a) {
  cause_study_options o;
  o.judge = a.options;
  o.variants = cause_ablations();
  if (!a.ablation) o.variants.resize(2);  // with the ranker and without
  if (a.told && !a.ablation) {
    o.variants.push_back({"without logs and spans", {}});
    o.variants.back().told = false;
    o.variants.push_back({"without what log lines say", {}});
    o.variants.back().words = false;
  }
  o.baselines = !a.ablation;
  o.own = a.own;
  o.quiet = a.quiet;
  return o;
}

int run_causes(const causes_arguments& a, const command_session& session) {
  if (a.recordings.empty() && a.simulated == 0)
    return report_usage("name recordings, or ask for systems with --simulated");
  if (const auto ok = check_out_directory(a.out); !ok) return report_failure(ok.error());
  const auto models = load_models(a, true);
  if (!models) return report_failure(models.error());
  cause_study study{options_of(a)};
  const auto take = [&](const std::string& set, const evaluation_input& input,
                        const labels& truth) {
    progress_bar bar{input.scored.name, input.events()};
    study.add(set, input, truth, models->view(), [&](std::uint64_t done) { bar.at(done); });
  };
  for (const std::string& path : a.recordings) {
    const auto input = read_evaluation_input(path);
    if (!input) return report_failure(input.error());
    say_what_is_left_out(*input);
    const auto truth = read_labels(path);
    if (!truth) return report_failure(truth.error());
    take(set_name(path), *input, *truth);
  }
  if (const auto made = simulated_causes(a.simulated, a.seed, a.told, take); !made)
    return report_failure(made.error());
  std::error_code error;
  fs::create_directories(a.out, error);
  const std::string table = cause_markdown(study), figures = cause_json(study);
  if (auto ok = write_file(fs::path{a.out} / "causes.md", table); !ok)
    return report_failure(ok.error());
  if (auto ok = write_file(fs::path{a.out} / "causes.json", figures); !ok)
    return report_failure(ok.error());
  std::fputs(session.format == output_format::json ? figures.c_str() : table.c_str(), stdout);
  return exit_code::ok;
}

}  // namespace

void add_causes_command(CLI::App& group, command_session& session) {
  auto a = std::make_shared<causes_arguments>();
  CLI::App* sub = group.add_subcommand(
      "causes", "Ranking of causes with baselines, intervals, specificity, per set and pooled");
  sub->add_option("recordings", a->recordings,
                  "Directories of recordings; their parent is the set");
  a->options.detection.false_pages_per_entity_month = recordings_false_pages;
  add_judgement_options(*sub, *a);
  sub->add_option("--out", a->out, "Directory: causes.md, causes.json")->required();
  auto* ranker = sub->add_option("--ranker", a->ranker, "Ranker; the shipped one when not given");
  sub->add_flag("--no-ranker", a->no_ranker, "Rank by the posterior alone")->excludes(ranker);
  sub->add_flag("--own", a->own, "Also on our own onsets");
  sub->add_flag("--ablation", a->ablation, "Instead of baselines: without each term of the sum");
  sub->add_option("--simulated", a->simulated,
                  "Also so many simulated systems of 20 to 200 nodes, and as many with faults of "
                  "types that no model was trained on")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  sub->add_flag("--told", a->told, "The simulated systems send logs and spans, too");
  sub->add_option("--quiet", a->quiet, "Questions in the fault-free time of each recording")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  sub->add_option("--seed", a->seed, "Of the simulated systems")->capture_default_str();
  sub->callback([a, &session] { session.run = [a, &session] { return run_causes(*a, session); }; });
}

}  // namespace faultline
