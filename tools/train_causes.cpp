// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/cause_fitting.hpp"
#include "tools/commands.hpp"
#include "tools/evaluate_options.hpp"
#include "tools/out_place.hpp"
#include "tools/output.hpp"
#include "tools/progress.hpp"
#include "tools/train_causes.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

/// Seeds of the gate's bootstrap; the fit itself draws nothing.
constexpr std::uint64_t gate_seed = 1;
constexpr const char* train_set = "simulated, train";
constexpr const char* validation_set = "simulated, validation";

struct causes_fit_arguments : evaluate_arguments {
  std::map<std::string, double> shares;  ///< by set
  std::string leave_out;
  std::size_t systems = 72, validation = 75, rounds = 6;
  std::uint64_t first = 1;
};

/// What a set of recordings weighs: 1 unless @p a says otherwise.
double share_of(const causes_fit_arguments& a, const std::string& set) {
  const auto found = a.shares.find(set);
  return found == a.shares.end() ? 1 : found->second;
}

outcome<void> gather(const causes_fit_arguments& a, cause_fitting& fitting) {
  for (const std::string& path : a.recordings) {
    const auto input = read_evaluation_input(path);
    if (!input) return input.error();
    const auto truth = read_labels(path);
    if (!truth) return truth.error();
    fitting.add(set_name(path), share_of(a, set_name(path)), *input, *truth);
  }
  const auto simulated = [&](const char* set, double share, data_split split, std::size_t count) {
    progress_bar bar{set, count};
    return fitting.add_simulated(set, share, split, a.first, count,
                                 [&](std::size_t done) { bar.at(done); });
  };
  if (auto made = simulated(train_set, 1.5, data_split::train, a.systems); !made) return made;
  return simulated(validation_set, 0, data_split::validation, a.validation);
}

json json_of(const std::map<std::string, fit_figures>& sets) {
  json all = json::object();
  for (const auto& [set, f] : sets)
    all[set] = {
        {"cases", f.cases}, {"loss", f.loss}, {"AC@1", f.first}, {"AC@3", f.third}, {"ECE", f.ece}};
  return all;
}

void print_figures(const char* when, const std::map<std::string, fit_figures>& sets) {
  std::printf("%s\n", when);
  for (const auto& [set, f] : sets)
    std::printf("  %-24s %4zu cases  loss %.3f  AC@1 %.3f  AC@3 %.3f  ECE %.3f\n",
                harmless(set).c_str(), f.cases, f.loss, f.first, f.third, f.ece);
}

void print_gate(const std::vector<gate_row>& rows) {
  std::puts("ranker: nats gained a case, 95 % of paired resamples; AC@1 without and with it");
  for (const gate_row& r : rows)
    std::printf("  weight %.2f  %-24s %4zu cases  %+.3f [%+.3f, %+.3f]  %.3f -> %.3f\n", r.weight,
                harmless(r.set).c_str(), r.cases, r.gain, r.low, r.high, r.first_without,
                r.first_with);
}

json json_of(const std::vector<gate_row>& rows) {
  json all = json::array();
  for (const gate_row& r : rows)
    all.push_back({{"set", r.set},
                   {"weight", r.weight},
                   {"cases", r.cases},
                   {"gain", r.gain},
                   {"low", r.low},
                   {"high", r.high},
                   {"AC@1 without", r.first_without},
                   {"AC@1 with", r.first_with}});
  return all;
}

int run_fit(const causes_fit_arguments& a, const command_session& session) {
  if (!a.out.empty())
    if (const auto ok = check_out_file(a.out); !ok) return report_failure(ok.error());
  const auto models = load_models(a, true);
  if (!models) return report_failure(models.error());
  cause_fitting fitting{models->view().ranker};
  if (const auto ok = gather(a, fitting); !ok) return report_failure(ok.error());
  const posterior_weights before;
  const auto fitted =
      fitting.fit(before, a.leave_out, a.rounds, [](std::size_t round, double objective) {
        std::fprintf(stderr, "round %zu: %.4f\n", round, objective);
      });
  const auto was = fitting.figures(before), is = fitting.figures(fitted);
  const auto gate = fitting.gate(before, {0.05, 0.1, 0.2, 0.4}, gate_seed);
  json weights = json::object();
  for (const fitted_weight& w : fitted_weights())
    weights[w.name] = {{"shipped", before.*w.member}, {"fitted", fitted.*w.member}};
  const json result{{"left out", a.leave_out},
                    {"weights", weights},
                    {"shipped", json_of(was)},
                    {"fitted", json_of(is)},
                    {"ranker gate", json_of(gate)}};
  if (!a.out.empty()) {
    std::ofstream file{a.out, std::ios::binary | std::ios::trunc};
    file << result.dump(2) << '\n';
    file.close();
    if (!file) return report_failure(a.out + " cannot be written");
  }
  if (session.format == output_format::json) {
    std::puts(result.dump(2).c_str());
    return exit_code::ok;
  }
  for (const fitted_weight& w : fitted_weights())
    std::printf("%-20s %7.3f -> %7.3f\n", w.name, before.*w.member, fitted.*w.member);
  print_figures("with the shipped weights", was);
  print_figures(a.leave_out.empty() ? "fitted" : ("fitted without " + a.leave_out).c_str(), is);
  print_gate(gate);
  return exit_code::ok;
}

}  // namespace

outcome<std::pair<std::string, double>> parse_share(const std::string& text) {
  const auto at = text.find('=');
  if (at == std::string::npos || at == 0) return failure{ec::invalid, text + " is not SET=SHARE"};
  double share = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + at + 1, last, share);
  if (error != std::errc{} || end != last || !std::isfinite(share))
    return failure{ec::invalid, text + " has no number behind ="};
  if (share < 0) return failure{ec::invalid, text + " is less than 0"};
  return std::make_pair(text.substr(0, at), share);
}

void add_train_causes(CLI::App& group, command_session& session) {
  auto a = std::make_shared<causes_fit_arguments>();
  a->no_lstm = true;
  CLI::App* sub = group.add_subcommand(
      "causes",
      "Fit the weights of the posterior over causes, and weigh the ranker on held-out systems");
  sub->add_option("recordings", a->recordings, "Directories of recordings with labelled faults");
  sub->add_option("--systems", a->systems, "Simulated systems of the train split to fit on")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  sub->add_option("--validation", a->validation,
                  "Systems of the validation split, which nothing is fitted on")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  sub->add_option("--first", a->first, "Number of the first system")->capture_default_str();
  sub->add_option("--rounds", a->rounds, "Of the search; 0: only report the shipped weights")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  sub->add_option("--leave-out", a->leave_out,
                  "A set that counts nothing, for example the directory online-boutique");
  sub->add_option_function<std::vector<std::string>>(
         "--share",
         [a](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             auto share = parse_share(text);
             if (!share) throw CLI::ValidationError{"--share", share.error().what};
             a->shares.insert(std::move(*share));
           }
         },
         "What a set counts, SET=0.4; 1 when not given")
      ->type_name("SET=SHARE");
  auto* ranker = sub->add_option("--ranker", a->ranker, "Ranker; the shipped one when not given");
  sub->add_flag("--no-ranker", a->no_ranker, "Say nothing of the ranker")->excludes(ranker);
  sub->add_option("--out", a->out, "Also write the result as JSON to this file");
  sub->callback([a, &session] { session.run = [a, &session] { return run_fit(*a, session); }; });
}

}  // namespace faultline
