// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/out_place.hpp"
#include "tools/progress.hpp"
#include "tools/train_causes.hpp"
#include "tools/training_data.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

struct train_arguments {
  std::uint64_t first_system = 100'000;  ///< far from the seeds of demos and tests
  std::size_t systems = 0;
  std::size_t epochs = 0;
  std::uint64_t seed = 1;
  int edition = 1;
  std::string out, date, revision, version = "1";
};

std::size_t validation_systems(std::size_t systems) {
  return std::max<std::size_t>(1, systems / 8);
}

std::string seeds_text(const train_arguments& a, std::size_t validation) {
  const auto number = [](std::uint64_t n) { return std::to_string(n); };
  return number(a.systems) + " simulated systems, seeds " + number(a.first_system) + ".." +
         number(a.first_system + a.systems - 1) +
         (a.edition == 1 ? "" : " of the train split of edition 2") + ", and " +
         number(validation) + " others to choose the epoch";
}

model_description card(const train_arguments& a, const char* name, const std::string& data,
                       const char* note) {
  model_description d;
  d.name = name;
  d.version = a.version;
  d.training_data = data;
  d.note = note;
  d.date = a.date.empty() ? today() : a.date;
  d.git_revision = a.revision;
  d.seed = a.seed;
  return d;
}

/// Simulates @p count systems from @p first on and hands each to @p take.
template <class Options, class Take>
outcome<void> simulate_all(std::uint64_t first, std::size_t count, const char* what,
                           Options options, Take take) {
  progress_bar bar{what, count};
  for (std::size_t i = 0; i < count; ++i) {
    const auto system = simulate(options(first + i));
    if (!system) return system.error();
    take(*system, first + i);
    bar.at(i + 1);
  }
  return {};
}

using system_of_seed = simulation_options (*)(std::uint64_t);
using system_of_split = simulation_options (*)(data_split, std::uint64_t);

/// Simulates the systems to learn from and those that choose the epoch.
template <class Train, class Validate>
outcome<void> simulate_both(const train_arguments& a, system_of_seed plain, system_of_split rich,
                            Train train, Validate validate) {
  const std::size_t held_out = validation_systems(a.systems);
  const auto options = [&](data_split split) {
    return [=, &a](std::uint64_t n) { return a.edition == 1 ? plain(n) : rich(split, n); };
  };
  if (auto ok =
          simulate_all(a.first_system, a.systems, "simulate", options(data_split::train), train);
      !ok)
    return ok;
  return simulate_all(a.first_system + a.systems, held_out, "simulate",
                      options(data_split::validation), validate);
}

/// One line per epoch where the error stream is no terminal is noise: there the bar shows it.
class epoch_reporter {
public:
  epoch_reporter(std::size_t epochs, bool quiet) : bar_{"train", epochs}, quiet_{quiet} {}
  void told(std::size_t epoch, const std::string& text, bool best) {
    bar_.at(epoch, text);
    if (bar_.visible()) bar_.finish();
    if (!quiet_)
      std::fprintf(stderr, "epoch %zu: %s%s\n", epoch, text.c_str(), best ? ", best so far" : "");
  }

private:
  progress_bar bar_;
  bool quiet_;
};

int print_result(const json& result, const command_session& session) {
  if (session.format == output_format::json) {
    std::puts(json_text(result, 2).c_str());
    return exit_code::ok;
  }
  for (const auto& [key, value] : result.items())
    std::printf("%-18s %s\n", key.c_str(),
                value.is_number_float() ? format_number(value.get<double>()).c_str()
                : value.is_string()     ? value.get<std::string>().c_str()
                                        : value.dump().c_str());
  return exit_code::ok;
}

int run_train_lstm(const train_arguments& a, const command_session& session) {
  const std::size_t held_out = validation_systems(a.systems);
  std::vector<training_sequence> train, validation;
  const auto into = [](std::vector<training_sequence>& to) {
    return [&to](const simulated_system& s, std::uint64_t) { append_sequences(s, to); };
  };
  const auto made =
      simulate_both(a, forecaster_system, forecaster_system, into(train), into(validation));
  if (!made) return report_failure(made.error());
  std::uint64_t ticks = 0;
  for (const auto& s : train) ticks += s.ticks.size();
  std::fprintf(stderr, "%zu entities, %s ticks\n", train.size(), format_count(ticks).c_str());
  training_options options;
  options.file = a.out;
  options.seed = a.seed;
  if (a.epochs > 0) options.max_epochs = a.epochs;
  options.description =
      card(a, "lstm-h32", seeds_text(a, held_out), "Learnt from simulated service systems alone.");
  epoch_reporter reporter{options.max_epochs, session.format == output_format::json};
  const auto report = train_forecaster(train, validation, options, [&](const training_progress& p) {
    reporter.told(p.epoch,
                  "loss " + format_number(p.train_loss) + ", on others " +
                      format_number(p.validation_loss) + ", " +
                      format_count(static_cast<std::uint64_t>(p.rows_per_second)) + " rows/s",
                  p.best);
    return true;
  });
  if (!report) return report_failure(report.error());
  return print_result({{"file", a.out},
                       {"sha256", report->sha256},
                       {"entities", train.size()},
                       {"ticks", ticks},
                       {"epochs", report->epochs},
                       {"best_epoch", report->best_epoch},
                       {"train_loss", report->train_loss},
                       {"validation_loss", report->validation_loss},
                       {"error", report->error},
                       {"persistence_error", report->persistence_error},
                       {"rows_per_second", report->rows_per_second},
                       {"parameters", report->parameters}},
                      session);
}

int run_train_ranker(const train_arguments& a, const command_session& session) {
  const std::size_t held_out = validation_systems(a.systems);
  std::vector<ranker_case> train, validation;
  const auto into = [](std::vector<ranker_case>& to) {
    return [&to](const simulated_system& s, std::uint64_t seed) { append_cases(s, seed, to); };
  };
  const auto made = simulate_both(a, ranker_system, ranker_system, into(train), into(validation));
  if (!made) return report_failure(made.error());
  std::fprintf(stderr, "%zu cases, %zu others to choose the epoch\n", train.size(),
               validation.size());
  ranker_training_options options;
  options.file = a.out;
  options.seed = a.seed;
  if (a.epochs > 0) options.max_epochs = a.epochs;
  options.description = card(a, "cnn-attention-ranker", seeds_text(a, held_out),
                             "Learnt from faults injected into simulated service systems alone.");
  epoch_reporter reporter{options.max_epochs, session.format == output_format::json};
  const auto report = train_ranker(train, validation, options, [&](const ranker_progress& p) {
    reporter.told(
        p.epoch,
        "loss " + format_number(p.train_loss) + ", on others " + format_number(p.validation.loss) +
            ", first " + format_number(p.validation.top1) + ", of three " +
            format_number(p.validation.top3) + ", none " + format_number(p.validation.none_right),
        p.best);
    return true;
  });
  if (!report) return report_failure(report.error());
  return print_result({{"file", a.out},
                       {"sha256", report->sha256},
                       {"cases", train.size()},
                       {"epochs", report->epochs},
                       {"best_epoch", report->best_epoch},
                       {"train_loss", report->train_loss},
                       {"validation_loss", report->validation.loss},
                       {"top1", report->validation.top1},
                       {"top3", report->validation.top3},
                       {"none_right", report->validation.none_right},
                       {"class_accuracy", report->validation.class_accuracy},
                       {"cases_per_second", report->cases_per_second},
                       {"parameters", report->parameters}},
                      session);
}

/// A command that trains one model.
struct train_command {
  const char* name;
  const char* what;
  std::size_t systems;  ///< to learn from where nobody says otherwise
  const char* out;
  int (*run)(const train_arguments&, const command_session&);
};

void add_one(CLI::App& group, const train_command& c, command_session& session) {
  auto a = std::make_shared<train_arguments>();
  a->systems = c.systems;
  a->out = c.out;
  CLI::App* sub = group.add_subcommand(c.name, c.what);
  sub->add_option("--seeds", a->first_system, "Seed of the first simulated system")
      ->capture_default_str();
  sub->add_option("--systems", a->systems, "Simulated systems to learn from")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  sub->add_option("--edition", a->edition,
                  "Of the simulator: 1, as the shipped models; 2: its train and validation splits")
      ->check(CLI::Range(1, 2))
      ->capture_default_str();
  sub->add_option("--epochs", a->epochs, "At most so many passes over the data [the model's own]");
  sub->add_option("--seed", a->seed, "Of the weights and of the order")->capture_default_str();
  sub->add_option("--out", a->out, "Model file to write")->capture_default_str();
  sub->add_option("--version", a->version, "Of the model, for its card")->capture_default_str();
  sub->add_option("--date", a->date, "For the card, 2024-01-08 [today]");
  sub->add_option("--revision", a->revision, "Of the code, for the card");
  sub->callback([a, run = c.run, &session] {
    session.run = [a, run, &session] {
      if (const auto ok = check_out_replaced(a->out); !ok) return report_failure(ok.error());
      return run(*a, session);
    };
  });
}

}  // namespace

void add_train_commands(CLI::App& app, command_session& session) {
  CLI::App* group = app.add_subcommand("train", "Train the models on simulated systems");
  group->require_subcommand(1);
  add_one(*group, {"lstm", "The forecaster of all entities", 64, "models/lstm.flm", run_train_lstm},
          session);
  add_one(*group,
          {"ranker", "The network that ranks causes", 600, "models/ranker.flm", run_train_ranker},
          session);
  add_train_causes(*group, session);
}

}  // namespace faultline
