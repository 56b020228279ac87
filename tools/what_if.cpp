// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "config/limits.hpp"
#include "config/runbooks.hpp"
#include "tools/bench.hpp"
#include "tools/commands.hpp"
#include "tools/what_if_log.hpp"

namespace faultline {

namespace {

/// As diff(1): the same, not the same, could not be said.
constexpr int same = 0, differs = 1, trouble = 2;

struct what_if_arguments {
  std::string store_path, limits, from, to;
};

int refuse(const failure& why) {
  report_failure(why);
  return trouble;
}

std::unique_ptr<cause_ranker> shipped_ranker() {
  const auto file = find_shipped("models/ranker.flm");
  if (!file) return nullptr;
  auto loaded = load_ranker(*file);
  return loaded ? std::move(*loaded) : nullptr;
}

std::vector<runbook> shipped_runbooks() {
  const auto file = find_shipped("config/runbooks.yaml");
  if (!file) return {};
  auto read = load_runbooks(*file);
  return read ? std::move(*read) : std::vector<runbook>{};
}

/// The directory that holds `store` and `models`, for a path that names it or its `store`.
std::string storage_path_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code absent;
  const fs::path whole{path};
  if (fs::is_directory(whole / "store", absent)) return path;
  const fs::path trimmed = whole.has_filename() ? whole : whole.parent_path();
  return trimmed.parent_path().empty() ? "." : trimmed.parent_path().string();
}

int run_what_if(const what_if_arguments& a, const command_session& session) {
  const auto from = parse_time(a.from);
  if (!from) return refuse(from.error());
  const auto to = a.to.empty() ? outcome<std::int64_t>{std::numeric_limits<std::int64_t>::max()}
                               : parse_time(a.to);
  if (!to) return refuse(to.error());
  if (*to <= *from) return refuse({ec::invalid, "--to is not after --from"});
  auto limits = load_limits(a.limits);
  if (!limits) return refuse({ec::invalid, to_string(limits.problems)});
  storage_options options;
  options.path = a.store_path;
  auto opened = open_rocksdb_store_read_only(options);
  if (!opened) return refuse(opened.error());
  const auto rules = read_rules(**opened);
  if (!rules) return refuse(rules.error());
  model_shelf models{storage_path_of(a.store_path)};
  const auto ranker = shipped_ranker();
  what_if_plan plan;
  plan.rules = &*rules;
  plan.models = &models;
  plan.ranker = ranker.get();
  plan.runbooks = shipped_runbooks();
  plan.from = *from;
  const auto before = replay_log(**opened, plan);
  if (!before) return refuse(before.error());
  if (before->newest == 0) return refuse({ec::not_found, "the retained log is empty"});
  if (before->newest < *from)
    return refuse(
        {ec::invalid, "--from is after the end of the log, " + format_time(before->newest)});
  plan.limits = std::move(*limits);
  const auto after = replay_log(**opened, plan);
  if (!after) return refuse(after.error());
  for (const auto& lost : models.missing())
    std::fprintf(stderr, "faultline: judged without model %s\n", harmless(lost).c_str());
  const auto d = compare(*before, *after, *from, std::min(*to, before->newest));
  const auto text =
      session.format == output_format::json ? difference_json(d) + "\n" : difference_text(d);
  std::fputs(text.c_str(), stdout);
  return d.none() ? same : differs;
}

}  // namespace

void add_what_if_command(CLI::App& app, command_session& session) {
  auto a = std::make_shared<what_if_arguments>();
  CLI::App* sub = app.add_subcommand(
      "what-if", "Judge a store's log again with other limits, and say what would have differed");
  sub->add_option("--store", a->store_path, "storage.path of the server, which may be running")
      ->required();
  sub->add_option("--limits", a->limits, "YAML file with `limits:`, as in the configuration")
      ->required();
  sub->add_option("--from", a->from,
                  "The limits hold from this event time on: ms, or 2024-01-08T12:00:00Z")
      ->required();
  sub->add_option("--to", a->to, "Compare up to here; the end of the log when not given");
  sub->footer("Exit codes: 0 no difference, 1 there are differences, 2 it could not be said.");
  sub->callback(
      [a, &session] { session.run = [a, &session] { return run_what_if(*a, session); }; });
}

}  // namespace faultline
