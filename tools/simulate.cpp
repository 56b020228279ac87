// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/simulator.hpp"
#include "tools/commands.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/option_text.hpp"
#include "tools/out_place.hpp"
#include "tools/sending.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

/// The command line as it was typed.
struct simulate_arguments {
  simulation_options options;
  std::string duration = "3h", interval = "10s", start;
  std::string fault, shape, target, onset, ramp, fault_duration, split;
  int edition = 0;  // 0: not given
  std::optional<std::size_t> services;
  std::size_t operations = 1;
  bool logs = false, spans = false;
  double severity = 1;
  bool quiet = false, live = false, force = false;
  std::string out;
  replay_pace pace;
  sending_options sending;
};

seconds whole_seconds(const std::string& text) {
  return std::chrono::duration_cast<seconds>(duration_of(text));
}

/// A fault whose times were given; what was not is as long as the recording allows.
outcome<fault_plan> planned_fault(const simulate_arguments& a, fault_type type) {
  fault_plan plan;
  plan.type = type;
  if (const auto shape = fault_shape_of(a.shape)) plan.shape = *shape;
  plan.target = a.target;
  plan.severity = a.severity;
  const auto whole = static_cast<double>(a.options.duration.count());
  const double quiet_part = whole * a.options.train_share;
  const double tested = whole - quiet_part;
  plan.onset = a.onset.empty() ? seconds{static_cast<std::int64_t>(quiet_part + tested * 0.2)}
                               : whole_seconds(a.onset);
  if (!a.ramp.empty()) plan.ramp = whole_seconds(a.ramp);
  const seconds left = a.options.duration - plan.onset;
  plan.duration = a.fault_duration.empty() ? std::min(plan.ramp + plan.ramp / 2, left)
                                           : whole_seconds(a.fault_duration);
  if (a.ramp.empty()) plan.ramp = std::min(plan.ramp, plan.duration * 2 / 3);
  if (plan.shape == fault_shape::abrupt) plan.ramp = seconds{0};
  return plan;
}

/// Options before anything but seed, split and edition was looked at.
outcome<simulation_options> base_options(const simulate_arguments& a) {
  simulation_options o = a.options;
  if (!a.split.empty()) {
    const simulation_options* found = nullptr;
    simulation_options of_split;
    for (const data_split split : {data_split::train, data_split::validation, data_split::test}) {
      if (a.split != to_string(split)) continue;
      of_split = split_system(split, a.options.seed);
      found = &of_split;
    }
    if (found == nullptr || a.edition == 1)
      return failure{ec::invalid, "--split is train, validation or test, all of edition 2"};
    of_split.train_share = o.train_share;
    of_split.random_faults = o.random_faults;
    o = of_split;
  }
  if (a.edition != 0) o.edition = a.edition;
  if (a.services) o.services = *a.services;
  if (a.logs) o.log_lines_per_hour = 12;
  if (a.spans) o.traces_per_minute = 2;
  o.operations = a.operations;
  return o;
}

outcome<simulation_options> options_of(const simulate_arguments& a) {
  const auto base = base_options(a);
  if (!base) return base.error();
  simulation_options o = *base;
  o.duration = whole_seconds(a.duration);
  o.interval = whole_seconds(a.interval);
  o.quiet = a.quiet;
  if (!a.start.empty()) {
    const auto start = parse_time(a.start);
    if (!start) return start.error();
    o.start = event_time_of(*start);
  }
  if (!a.shape.empty()) {
    o.only_shape = fault_shape_of(a.shape);
    if (!o.only_shape)
      return failure{ec::invalid,
                     "no shape '" + a.shape + "': abrupt, linear, exponential or intermittent"};
  }
  if (!a.fault.empty()) {
    const auto type = fault_type_of(a.fault);
    if (!type) return failure{ec::invalid, "no fault '" + a.fault + "': " + fault_type_names()};
    const bool planned = !a.onset.empty() || !a.ramp.empty() || !a.target.empty() ||
                         !a.fault_duration.empty() || a.severity != 1;
    o.only_type = type;
    if (planned) {
      simulate_arguments with = a;
      with.options = o;
      auto plan = planned_fault(with, *type);
      if (!plan) return plan.error();
      o.faults.push_back(*plan);
    }
  }
  if (auto wrong = validate(o)) return *wrong;
  return o;
}

json fault_json(const fault_label& fault) {
  json out{{"id", fault.id},
           {"type", fault.type},
           {"roots", fault.roots},
           {"root_metric", fault.root_metric},
           {"start", unix_ms(fault.start)},
           {"end", unix_ms(fault.end)}};
  out["full_effect"] = fault.full_effect ? json(unix_ms(*fault.full_effect)) : json(nullptr);
  out["visible"] = fault.visible.value_or(true);
  out["impact"] = fault.impact.value_or(true);
  return out;
}

std::uint64_t rows_of(const telemetry& t) {
  std::uint64_t rows = 0;
  for (const auto& series : t.entities) rows += series.rows();
  return rows;
}

void print_summary(const simulated_system& system, const std::string& out,
                   const command_session& session) {
  const telemetry& t = system.observed;
  if (session.format == output_format::json) {
    json faults = json::array();
    for (const auto& fault : system.truth.faults) faults.push_back(fault_json(fault));
    const json all{
        {"recording", out},   {"entities", t.entities.size()},         {"edges", t.edges.size()},
        {"rows", rows_of(t)}, {"train_until", unix_ms(t.train_until)}, {"front", system.front},
        {"faults", faults}};
    std::puts(json_text(all, 2).c_str());
    return;
  }
  std::printf("%s: %zu entities, %zu edges, %s rows\n", out.c_str(), t.entities.size(),
              t.edges.size(), format_count(rows_of(t)).c_str());
  for (const auto& fault : system.truth.faults) {
    std::printf("fault %s at %s from %s to %s", fault.type.c_str(),
                fault.roots.empty() ? "?" : fault.roots.front().c_str(),
                format_time(unix_ms(fault.start)).c_str(), format_time(unix_ms(fault.end)).c_str());
    if (fault.full_effect)
      std::printf(", full effect at %s", format_time(unix_ms(*fault.full_effect)).c_str());
    std::printf("\n");
  }
  if (system.truth.faults.empty()) std::puts("no fault");
}

/// At a terminal, of what takes more than some seconds: there is no bar, rows of one time are made
/// from those before for all nodes at once.
void say_that_it_lasts(const simulation_options& o) {
  if (!is_terminal(2) || o.interval <= seconds{0}) return;
  const auto steps = static_cast<std::uint64_t>(o.duration / o.interval);
  const std::uint64_t rows = steps * o.services;  // and as many again of what they stand on
  if (rows > 500'000)
    std::fprintf(stderr, "simulating %s rows and more: this takes minutes\n",
                 format_count(rows).c_str());
}

int run_simulate(const simulate_arguments& a, const command_session& session) {
  namespace fs = std::filesystem;
  if (a.out.empty() && !a.live) return report_usage("say where to: --out DIR, or --live");
  if (!a.out.empty() && !a.force && fs::exists(fs::path{a.out} / "recording.json"))
    return report_usage(a.out + " already holds a recording (--force writes over it)");
  const auto options = options_of(a);
  if (!options) return report_usage(options.error().what);
  if (!a.out.empty())
    if (const auto ok = check_out_directory(a.out); !ok) return report_failure(ok.error());
  say_that_it_lasts(*options);
  const auto system = simulate(*options);
  if (!system) return report_failure(system.error());
  if (!a.out.empty()) {
    if (auto written = write_recording(a.out, system->observed, system->truth); !written)
      return report_failure(written.error());
  }
  if (!a.live || session.format == output_format::simple)
    print_summary(*system, a.out.empty() ? system->observed.name : a.out, session);
  if (!a.live) return exit_code::ok;
  return replay_telemetry(system->observed, a.pace, a.sending, session);
}

void add_system_options(CLI::App& sub, simulate_arguments& a) {
  const auto times = CLI::Validator(seconds_check(), "DURATION");
  sub.add_option("--seed", a.options.seed, "The same seed gives the same bytes")
      ->capture_default_str();
  sub.add_option("--edition", a.edition,
                 "1: as the demo plays and the shipped models learnt from; 2: up to 500 nodes, 14 "
                 "types of fault, real agents' ways [1]")
      ->check(CLI::Range(1, 2));
  sub.add_option("--split", a.split,
                 "train, validation or test: system number --seed of that part of edition 2");
  sub.add_option("--services", a.services,
                 "Nodes of the call graph, 5 to 50, edition 2: to 500 [12]");
  sub.add_flag("--logs", a.logs, "With log lines, some twelve an hour of each node");
  auto* spans = sub.add_flag("--spans", a.spans, "With traces, two a minute");
  sub.add_option("--operations", a.operations, "That each node has; of three, the rarest is 5 %")
      ->check(CLI::Range(1, 8))
      ->needs(spans)
      ->capture_default_str();
  sub.add_option("--duration", a.duration, "Length of the recording")
      ->check(times)
      ->capture_default_str();
  sub.add_option("--interval", a.interval, "Time between two rows")
      ->check(times)
      ->capture_default_str();
  sub.add_option("--start", a.start, "First row, Unix ms or 2024-01-08T12:00:00Z");
  sub.add_option("--train-share", a.options.train_share, "Part before the first fault")
      ->capture_default_str();
  sub.add_option("--faults", a.options.random_faults, "Faults drawn from the seed")
      ->capture_default_str();
}

void add_fault_options(CLI::App& sub, simulate_arguments& a) {
  const auto times = CLI::Validator(seconds_check(), "DURATION");
  auto* fault = sub.add_option("--fault", a.fault, "Kind of fault: " + fault_type_names());
  sub.add_option("--shape", a.shape, "abrupt, linear, exponential or intermittent")
      ->capture_default_str();
  sub.add_option("--target", a.target, "Entity that breaks; drawn when not given")->needs(fault);
  sub.add_option("--onset", a.onset, "When the fault begins, after the start")
      ->check(times)
      ->needs(fault);
  sub.add_option("--ramp", a.ramp, "Time until the fault is whole")->check(times)->needs(fault);
  sub.add_option("--fault-duration", a.fault_duration, "Until it is over, ramp included")
      ->check(times)
      ->needs(fault);
  sub.add_option("--severity", a.severity, "How far the ramp goes, 0 to 1")
      ->needs(fault)
      ->capture_default_str();
  sub.add_flag("--quiet", a.quiet, "No fault at all")->excludes(fault);
}

}  // namespace

void add_simulate_command(CLI::App& app, command_session& session) {
  auto a = std::make_shared<simulate_arguments>();
  CLI::App* sub = app.add_subcommand(
      "simulate", "Simulate a service system, with a fault or without, as a recording or live");
  add_system_options(*sub, *a);
  add_fault_options(*sub, *a);
  sub->add_option("--out", a->out, "Directory of the recording");
  sub->add_flag("--force", a->force, "Write over a recording");
  sub->add_flag("--live", a->live, "Stream it to a server");
  add_pace_options(*sub, a->pace);
  add_sending_options(*sub, a->sending);
  sub->callback(
      [a, &session] { session.run = [a, &session] { return run_simulate(*a, session); }; });
}

}  // namespace faultline
