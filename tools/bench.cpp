// SPDX-License-Identifier: Apache-2.0
#include "tools/bench.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include <CLI/CLI.hpp>

namespace faultline {

namespace fs = std::filesystem;

std::optional<fs::path> find_shipped(const std::string& name) {
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& place :
       {fs::path{}, own / ".." / ".." / "..", own / ".." / "share" / "faultline"})
    if (fs::is_regular_file(place / name, error))
      return fs::absolute(place / name, error).lexically_normal();
  return std::nullopt;
}

std::vector<double> percentiles(std::vector<double>& values, const std::vector<double>& of) {
  std::sort(values.begin(), values.end());
  std::vector<double> out;
  for (const double share : of) {
    if (values.empty()) {
      out.push_back(0);
      continue;
    }
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    out.push_back(values[std::clamp<std::size_t>(rank, 1, values.size()) - 1]);
  }
  return out;
}

double metric_sum(const std::string& text, const std::string& name, const std::string& label) {
  double sum = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.substr(0, name.size()) != name) continue;
    const std::string_view tail = line.substr(name.size());
    if (tail.empty() || (tail.front() != ' ' && tail.front() != '{')) continue;
    if (!label.empty() && tail.find(label) == std::string_view::npos) continue;
    const std::size_t close = tail.front() == '{' ? tail.rfind('}') : 0;
    if (close == std::string_view::npos) continue;
    const std::size_t from = tail.find(' ', close);
    if (from != std::string_view::npos)
      sum += std::strtod(std::string{tail.substr(from + 1)}.c_str(), nullptr);
  }
  return sum;
}

namespace {

/// Each bench runs with its options and prints in one of the two formats; `--json` is short for
/// one.
template <class Options>
void run_with(CLI::App& sub, command_session& session, std::shared_ptr<Options> o,
              int (*run)(const Options&, const command_session&)) {
  auto json = std::make_shared<bool>(false);
  sub.add_flag("--json", *json, "The same as -o json");
  sub.callback([o, json, run, &session] {
    session.run = [o, json, run, &session] {
      if (*json) session.format = output_format::json;
      return run(*o, session);
    };
  });
}
template <class Options>
void run_with(CLI::App& sub, command_session& session, std::shared_ptr<Options> o,
              int (*run)(const Options&, output_format)) {
  auto json = std::make_shared<bool>(false);
  sub.add_flag("--json", *json, "The same as -o json");
  sub.callback([o, json, run, &session] {
    session.run = [o, json, run, &session] {
      return run(*o, *json ? output_format::json : session.format);
    };
  });
}

/// Who sends what, alike for every load.
template <class Options>
void add_load(CLI::App& sub, Options& o) {
  sub.add_option("--publishers", o.publishers, "Publishers with acknowledgement")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  sub.add_option("--push", o.push, "PUSH publishers, fire and forget")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  sub.add_option("--rate", o.rate, "Events a second, all publishers together [flat out]")
      ->check(CLI::Range(0.001, 1e9));
  sub.add_option("--zipf", o.zipf, "Exponent of how unequally entities are heard [all alike]")
      ->check(CLI::Range(0.0, 4.0));
  sub.add_option("--window", o.window, "Requests under way, of each publisher")
      ->check(CLI::Range(1, 512))
      ->capture_default_str();
  sub.add_option("--seed", o.seed)->capture_default_str();
}

/// The server that a bench starts for itself, alike for every one that does.
void add_server(CLI::App& sub, own_server_options& o) {
  sub.add_option("--faultlined", o.faultlined, "Server program [the one beside this one]");
  sub.add_option("--dir", o.directory, "Where its store is made [temporary directory]");
  sub.add_option("--config", o.config, "File with further configuration for it")
      ->check(CLI::ExistingFile);
  sub.add_flag("--keep", o.keep, "Leave its directory with store and log behind");
}

/// How many at least one and at most so many.
CLI::Option* at_most(CLI::Option* option, std::uint64_t most) {
  return option->check(CLI::Range(std::uint64_t{1}, most))->capture_default_str();
}

/// What every load is made of.
template <class Options>
void add_shape(CLI::App& sub, Options& o) {
  at_most(sub.add_option("--entities", o.entities), 10'000'000);
  at_most(sub.add_option("--metrics", o.metrics, "Of each entity"), 256);
}

void add_ingest(CLI::App& group, command_session& session) {
  auto o = std::make_shared<ingest_bench_options>();
  CLI::App* sub = group.add_subcommand(
      "ingest", "Rows per second through a server of its own, counted on both sides");
  sub->add_option("--entities", o->entities, "One or several: every combination is a run")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  sub->add_option("--metrics", o->metrics, "Of each entity")
      ->delimiter(',')
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  sub->add_option("--batch", o->batch, "Rows in a message")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  at_most(sub->add_option("--seconds", o->seconds, "Time to send for, without warm-up"), 86400);
  add_load(*sub, *o);
  sub->add_option("--active", o->active, "Entities in a tick, the others are silent [all]");
  sub->add_option("--churn", o->churn, "Of these, how many give place to others with every tick")
      ->capture_default_str();
  sub->add_option("--pub", o->pub, "PUB publishers that the server subscribes to")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  sub->add_option("--probes", o->probes, "Entities whose alerts tell how long a decision takes")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  sub->add_option("--plot", o->plot, "Directory for diagrams");
  at_most(
      sub->add_option("--warm-up", o->warm_up_ticks, "Ticks that create the entities, not timed"),
      10'000);
  add_server(*sub, o->server);
  run_with(*sub, session, o, run_ingest_bench);
}

void add_generate(CLI::App& group, command_session& session) {
  auto o = std::make_shared<generate_bench_options>();
  CLI::App* sub = group.add_subcommand(
      "generate", "Load for a server that runs, from messages encoded beforehand");
  add_load(*sub, *o);
  sub->add_option("--router", o->router, "Endpoint for acknowledged publishers");
  sub->add_option("--pull", o->pull, "Endpoint for PUSH publishers");
  sub->add_option("--bind", o->bind, "Endpoint of a PUB publisher that a server subscribes to");
  sub->add_option("--seconds", o->seconds)->check(CLI::Range(0.1, 86400.0))->capture_default_str();
  add_shape(*sub, *o);
  at_most(sub->add_option("--batch", o->batch, "Events in a message"), 4096);
  at_most(sub->add_option("--prepare", o->prepare, "Different messages, sent in turn"), 65'536);
  sub->add_flag("--unheeding", o->unheeding, "Go on after `retry`, and never send again");
  sub->add_option("--name", o->name, "Of the acknowledged publishers")->capture_default_str();
  sub->add_option("--prefix", o->prefix, "Before the name of every entity");
  run_with(*sub, session, o, run_generate_bench);
}

void add_recovery(CLI::App& group, command_session& session) {
  auto o = std::make_shared<recovery_bench_options>();
  CLI::App* sub = group.add_subcommand(
      "recovery", "Kills a server of its own under load, starts it again, counts what is missing");
  add_shape(*sub, *o);
  at_most(sub->add_option("--seconds", o->seconds, "Of load, before it is killed"), 86400);
  at_most(sub->add_option("--fill", o->fill_ticks, "Ticks that create the entities"), 10'000);
  sub->add_option("--active", o->active, "Entities at a time, the others are silent [all]");
  at_most(sub->add_option("--batch", o->batch, "Rows in a request"), 4096);
  at_most(sub->add_option("--window", o->window, "Requests under way"), 512);
  sub->add_option("--seed", o->seed)->capture_default_str();
  add_server(*sub, o->server);
  run_with(*sub, session, o, run_recovery_bench);
}

void add_memory(CLI::App& group, command_session& session) {
  auto o = std::make_shared<memory_bench_options>();
  CLI::App* sub =
      group.add_subcommand("memory", "What an active entity takes, of a server of its own");
  add_shape(*sub, *o);
  at_most(sub->add_option("--ticks", o->ticks, "Rows of each entity"), 100'000);
  sub->add_option("--seed", o->seed)->capture_default_str();
  add_server(*sub, o->server);
  run_with(*sub, session, o, run_memory_bench);
}

void add_lstm(CLI::App& group, command_session& session) {
  auto o = std::make_shared<lstm_bench_options>();
  CLI::App* sub = group.add_subcommand("lstm", "Microseconds per row of the forecaster, by batch");
  sub->add_option("--model", o->model, "Model file [models/lstm.flm]");
  sub->add_option("--batches", o->batches, "Rows in a pass")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096));
  sub->add_option("--seconds", o->seconds, "For each batch")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  run_with(*sub, session, o, run_lstm_bench);
}

void add_rca(CLI::App& group, command_session& session) {
  auto o = std::make_shared<rca_bench_options>();
  CLI::App* sub =
      group.add_subcommand("rca", "Milliseconds per question for a cause, by entities asked");
  sub->add_option("--model", o->model, "Model file of the ranker [models/ranker.flm]");
  sub->add_option("--entities", o->entities, "Of an incident and around it")
      ->delimiter(',')
      ->check(CLI::Range(2, 4096));
  sub->add_option("--seconds", o->seconds, "For each size")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  run_with(*sub, session, o, run_rca_bench);
}

void add_logs(CLI::App& group, command_session& session) {
  auto o = std::make_shared<logs_bench_options>();
  CLI::App* sub = group.add_subcommand("logs", "Log lines a second through the template miner");
  sub->add_option("--file", o->file,
                  "Lines of this file, plain or .gz [lines of some fifty statements]");
  at_most(sub->add_option("--lines", o->lines, "Different lines"), 10'000'000);
  sub->add_option("--seconds", o->seconds, "For each kind of line")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  sub->add_option("--seed", o->seed)->capture_default_str();
  run_with(*sub, session, o, run_logs_bench);
}

}  // namespace

void add_bench_commands(CLI::App& app, command_session& session) {
  CLI::App* group = app.add_subcommand("bench", "Measure parts of the system on this machine");
  group->require_subcommand(1);
  add_generate(*group, session);
  add_ingest(*group, session);
  add_logs(*group, session);
  add_lstm(*group, session);
  add_rca(*group, session);
  add_recovery(*group, session);
  add_memory(*group, session);
}

}  // namespace faultline
