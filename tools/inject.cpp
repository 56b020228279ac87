// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/injector.hpp"
#include "tools/commands.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/option_text.hpp"
#include "tools/out_place.hpp"
#include "tools/recording_events.hpp"

namespace faultline {

namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

/// The command line as it was typed.
struct inject_arguments {
  injection_options options;
  std::string recording, out, train_until;
  std::string shortest = "10m", longest = "48h";
  std::vector<std::string> types;
  bool split = false, force = false;
};

outcome<injection_options> options_of(const inject_arguments& a) {
  injection_options o = a.options;
  for (const std::string& name : a.types) {
    const auto type = fault_type_of(name);
    if (!type) return failure{ec::invalid, "no fault '" + name + "': " + fault_type_names()};
    o.types.push_back(*type);
  }
  if (!a.train_until.empty()) {
    const auto until = parse_time(a.train_until);
    if (!until) return until.error();
    o.train_until = event_time_of(*until);
  }
  o.shortest_ramp = std::chrono::duration_cast<seconds>(duration_of(a.shortest));
  o.longest_ramp = std::chrono::duration_cast<seconds>(duration_of(a.longest));
  if (auto wrong = validate(o)) return *wrong;
  return o;
}

/// The directory of an entity's own recording: its id, harmless and none of @p taken.
std::string directory_of(const std::string& id, std::set<std::string>& taken) {
  std::string name = id;
  std::replace(name.begin(), name.end(), '/', '-');
  if (name.front() == '.') name.insert(name.begin(), '_');
  std::string distinct = name;
  for (int n = 2; !taken.insert(distinct).second; ++n) distinct = name + "-" + std::to_string(n);
  return distinct;
}

bool is_recording(const fs::path& directory) {
  std::error_code unreadable;  // told by who writes there
  return fs::exists(directory / "recording.json", unreadable);
}

/// Where each recording is to be written: one directory, or one for each entity below it.
std::vector<fs::path> places_of(const inject_arguments& a,
                                const std::vector<injected_recording>& parts) {
  if (!a.split) return {a.out};
  std::set<std::string> taken;
  std::vector<fs::path> places;
  for (const auto& one : parts)
    places.push_back(fs::path{a.out} / directory_of(one.observed.entities.front().id, taken));
  return places;
}

int report_taken(const fs::path& place) {
  return report_usage(place.string() + " already holds a recording (--force writes over it)");
}

int run_inject(const inject_arguments& a, const command_session& session) {
  if (!a.force && is_recording(a.out)) return report_taken(a.out);
  const auto options = options_of(a);
  if (!options) return report_usage(options.error().what);
  if (const auto ok = check_out_directory(a.out); !ok) return report_failure(ok.error());
  auto observed = read_telemetry(a.recording);
  if (!observed) return report_failure(observed.error());
  report_left_out(*observed);
  if (!observed->train_recording.empty())
    return report_usage(a.recording + " trains on another recording: inject into that one");
  const auto truth = read_labels(a.recording);
  if (!truth) return report_failure(truth.error());
  const auto made = inject_faults(std::move(*observed), *truth, *options);
  if (!made) return report_failure(made.error());
  std::vector<injected_recording> parts;
  if (a.split) parts = split_entities(made->observed, made->truth);
  const auto places = places_of(a, parts);
  for (const auto& place : places)
    if (!a.force && is_recording(place)) return report_taken(place);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const injected_recording& one = a.split ? parts[i] : *made;
    if (auto written = write_recording(places[i], one.observed, one.truth); !written)
      return report_failure(written.error());
  }
  std::size_t visible = 0;
  for (const auto& f : made->truth.faults) visible += f.visible.value_or(false) ? 1 : 0;
  if (session.format == output_format::json)
    std::puts(json_text(json{{"recording", a.out},
                             {"entities", made->observed.entities.size()},
                             {"faults", made->truth.faults.size()},
                             {"visible", visible},
                             {"look_alikes", made->truth.benign.size()}},
                        2)
                  .c_str());
  else
    std::printf("%s: %zu entities, %zu faults (%zu can be seen), %zu look-alikes\n", a.out.c_str(),
                made->observed.entities.size(), made->truth.faults.size(), visible,
                made->truth.benign.size());
  if (!made->truth.faults.empty()) return exit_code::ok;
  return report_failure(
      "no fault was added: what lies behind train_until is too short for --quiet-hours " +
      format_number(a.options.quiet_hours) + " (a recording of some days, or fewer of these)");
}

}  // namespace

void add_inject_command(CLI::App& app, command_session& session) {
  auto a = std::make_shared<inject_arguments>();
  CLI::App* sub = app.add_subcommand(
      "inject", "Add faults of known onset to the real rows of a recording, after train_until");
  const auto times = CLI::Validator(seconds_check(), "DURATION");
  sub->add_option("recording", a->recording, "Directory of the recording")->required();
  sub->add_option("--out", a->out, "Directory of the new one")->required();
  sub->add_option("--seed", a->options.seed, "The same seed gives the same bytes")
      ->capture_default_str();
  sub->add_option("--types", a->types, "Only these: " + fault_type_names())
      ->option_text("NAME ...");
  sub->add_option("--train-until", a->train_until, "Instead of the recording's, Unix ms or a time");
  sub->add_option("--quiet-hours", a->options.quiet_hours,
                  "Mean time between two faults of an entity")
      ->check(CLI::Range(1.0, 10000.0))
      ->capture_default_str();
  sub->add_option("--shortest-ramp", a->shortest, "Of progressive faults")
      ->check(times)
      ->capture_default_str();
  sub->add_option("--longest-ramp", a->longest, "Likewise")->check(times)->capture_default_str();
  sub->add_option("--look-alikes", a->options.look_alikes, "Benign events for each fault")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  sub->add_flag("--split", a->split, "One recording for each entity, in directories below --out");
  sub->add_flag("--force", a->force, "Write over a recording");
  sub->callback([a, &session] { session.run = [a, &session] { return run_inject(*a, session); }; });
}

}  // namespace faultline
