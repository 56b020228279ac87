// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inference/forecaster.hpp"
#include "inference/ranker.hpp"
#include "lab/evaluation.hpp"

namespace CLI {
class App;
}

namespace faultline {

/// What all commands of `evaluate` were told.
struct evaluate_arguments {
  std::vector<std::string> recordings;
  std::string out;
  std::string model, ranker;
  bool no_lstm = false, no_ranker = false;
  evaluation_options options;
};

/// Models of one command, as long as it runs.
struct loaded_models {
  std::unique_ptr<forecaster> forecast;
  std::unique_ptr<cause_ranker> ranker;
  evaluation_models view() const { return {forecast.get(), ranker.get()}; }
};

/// The forecaster must be there unless it is left out by name; without a ranker the posterior
/// ranks.
outcome<loaded_models> load_models(const evaluate_arguments& a, bool with_ranker);

/// Tells on the error stream what a run of @p input will leave out.
void say_what_is_left_out(const evaluation_input& input);

/// "smd/machine-1-6/" -> "machine-1-6".
std::string directory_name(const std::string& path);
/// "data/smd/machine-1-6" -> "smd".
std::string set_name(const std::string& recording);

/// What `evaluate detection`, `rca` and `causes` accept a month when nothing is said: 0.4 a day of
/// each entity. Labelled recordings have a fault every few days and are judged at such rates; an
/// operator's default is 1.
inline constexpr double recordings_false_pages = 12;

/// --model, --no-lstm, --false-pages, --without-view. @p a must outlive the command line.
void add_judgement_options(CLI::App& sub, evaluate_arguments& a);

struct command_session;
/// `evaluate causes`.
void add_causes_command(CLI::App& group, command_session& session);
/// `evaluate logs`.
void add_logs_command(CLI::App& group, command_session& session);
/// `evaluate told`.
void add_told_command(CLI::App& group, command_session& session);
/// `evaluate report` and `evaluate headline`.
void add_study_commands(CLI::App& group, command_session& session);

}  // namespace faultline
