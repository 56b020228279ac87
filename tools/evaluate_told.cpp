// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/told_faults.hpp"
#include "tools/commands.hpp"
#include "tools/evaluate_options.hpp"
#include "tools/option_text.hpp"
#include "tools/progress.hpp"

namespace faultline {

namespace {

struct told_arguments : evaluate_arguments {
  told_fault_options study;
};

nlohmann::ordered_json json_of(const std::vector<told_fault_row>& rows) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& r : rows)
    out.push_back({{"way", r.way},
                   {"faults", r.found.paged.of},
                   {"paged", r.found.paged.value},
                   {"false_per_entity_month", r.found.false_per_month},
                   {"alarm_share", r.found.alarm_share},
                   {"given", {r.given.within(1), r.given.within(3)}},
                   {"own", {r.own.within(1), r.own.within(3)}}});
  return out;
}

int run_told(const told_arguments& a, const command_session& session) {
  const auto models = load_models(a, true);
  if (!models) return report_failure(models.error());
  const auto rows = study_told_faults(a.study, a.options, models->view());
  if (!rows) return report_failure(rows.error());
  if (session.format == output_format::json)
    std::puts(json_of(*rows).dump(2).c_str());
  else
    std::fputs(told_fault_markdown(*rows).c_str(), stdout);
  return exit_code::ok;
}

}  // namespace

void add_told_command(CLI::App& group, command_session& session) {
  auto a = std::make_shared<told_arguments>();
  CLI::App* sub = group.add_subcommand(
      "told",
      "Faults that show in logs alone, or in spans alone, on simulated systems: with metrics only, "
      "with logs, with spans, and with both");
  a->options.detection.false_pages_per_entity_month = recordings_false_pages;
  add_judgement_options(*sub, *a);
  sub->add_option("--shown", a->study.shown,
                  "Where alone the faults show; operations: in one of a node, that is rare")
      ->transform(CLI::Validator(one_of<told_in>({{"logs", told_in::logs},
                                                  {"spans", told_in::spans},
                                                  {"operations", told_in::operations}}),
                                 ""))
      ->option_text("logs|spans|operations [logs]");
  sub->add_option("--systems", a->study.systems)->check(CLI::Range(1, 1000))->capture_default_str();
  sub->add_option("--days", a->study.days, "Of each, the first half trains")
      ->check(CLI::Range(1, 365))
      ->capture_default_str();
  sub->add_option("--faults", a->study.faults, "Of each system")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--lines", a->study.lines_per_hour, "Of a healthy node, an hour")
      ->check(CLI::Range(1.0, 100'000.0))
      ->capture_default_str();
  sub->add_option("--traces", a->study.traces_per_minute, "Of the whole system, a minute")
      ->check(CLI::Range(1.0, 10'000.0))
      ->capture_default_str();
  sub->add_option("--seed", a->study.seed)->capture_default_str();
  sub->callback([a, &session] { session.run = [a, &session] { return run_told(*a, session); }; });
}

}  // namespace faultline
