// SPDX-License-Identifier: Apache-2.0
#include "tools/evaluate_options.hpp"

#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>

#include "judgement/calibration.hpp"
#include "tools/bench.hpp"
#include "tools/commands.hpp"

namespace faultline {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t model_rows = 64;

std::string view_names() {
  std::string names;
  for (std::size_t v = 0; v < view_count; ++v)
    if (has_weight(static_cast<view>(v)))
      names += (names.empty() ? "" : "|") + std::string{to_string(static_cast<view>(v))};
  return names;
}

/// @returns the sentence CLI11 shows, empty when @p name is a view's.
std::string leave_out(const std::string& name, detection_options& into) {
  for (std::size_t v = 0; v < view_count; ++v) {
    if (!has_weight(static_cast<view>(v)) || name != to_string(static_cast<view>(v))) continue;
    into.without_views |= std::uint32_t{1} << v;
    return {};
  }
  return "no view '" + name + "': " + view_names();
}

}  // namespace

outcome<loaded_models> load_models(const evaluate_arguments& a, bool with_ranker) {
  loaded_models models;
  if (!a.no_lstm) {
    const auto shipped = find_shipped("models/lstm.flm");
    if (a.model.empty() && !shipped)
      return failure{ec::not_found,
                     "models/lstm.flm did not come with this program: --model FILE, or --no-lstm"};
    auto model = load_forecaster(a.model.empty() ? *shipped : fs::path{a.model}, model_rows);
    if (!model) return model.error();
    models.forecast = std::move(*model);
  }
  if (!with_ranker || a.no_ranker) return models;
  const auto shipped = find_shipped("models/ranker.flm");
  if (a.ranker.empty() && !shipped) {
    std::fputs("models/ranker.flm did not come with this program: ranked by the posterior alone\n",
               stderr);
    return models;
  }
  auto ranker = load_ranker(a.ranker.empty() ? *shipped : fs::path{a.ranker});
  if (!ranker) return ranker.error();
  models.ranker = std::move(*ranker);
  return models;
}

void say_what_is_left_out(const evaluation_input& input) {
  for (const std::string& sentence : what_is_left_out(input))
    std::fprintf(stderr, "%s: %s\n", input.scored.name.c_str(), sentence.c_str());
}

std::string set_name(const std::string& recording) {
  const std::filesystem::path whole = std::filesystem::absolute(recording).lexically_normal();
  const std::filesystem::path last = whole.has_filename() ? whole : whole.parent_path();
  return last.parent_path().filename().string();
}

std::string directory_name(const std::string& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

void add_judgement_options(CLI::App& sub, evaluate_arguments& a) {
  auto* model = sub.add_option("--model", a.model, "Forecaster; the shipped one when not given");
  sub.add_flag("--no-lstm", a.no_lstm, "Judge without the forecaster")->excludes(model);
  sub.add_option("--false-pages", a.options.detection.false_pages_per_entity_month,
                 "False pages accepted per entity and month")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str();
  sub.add_option_function<std::vector<std::string>>(
         "--without-view",
         [&a](const std::vector<std::string>& names) {
           for (const std::string& name : names)
             if (const auto wrong = leave_out(name, a.options.detection); !wrong.empty())
               throw CLI::ValidationError("--without-view", wrong);
         },
         "Judge without this view, may be given several times: " + view_names())
      ->option_text("NAME")
      ->allow_extra_args(false);
}

}  // namespace faultline
