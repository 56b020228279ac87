// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "judgement/correlator_core.hpp"
#include "judgement/entity_core.hpp"
#include "judgement/rules.hpp"
#include "processing/clock_point.hpp"
#include "processing/publisher_window.hpp"
#include "processing/window_ring.hpp"
#include "tools/commands.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/option_text.hpp"
#include "tools/progress.hpp"
#include "tools/store_commands.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

struct store_arguments {
  std::string path;
  dump_request dump;
  std::int64_t partition = -1;
};

template <class T>
outcome<void> fault_of(const outcome<T>& read) {
  if (!read) return read.error();
  return {};
}

int run_check(const store_arguments& a, const command_session& session) {
  std::unique_ptr<progress_bar> bar;
  std::string step;
  const auto report = check_rocksdb_store(
      a.path, all_readers(), [&](const char* what, std::uint64_t done, std::uint64_t total) {
        if (!bar || step != what) {
          bar.reset();
          step = what;
          bar = std::make_unique<progress_bar>("check " + step, total);
        }
        bar->at(done);
      });
  bar.reset();
  if (!report) {
    const int code = report_failure(report.error());
    return report.error().code == ec::not_found ? exit_code::usage : code;
  }
  const std::string text = session.format == output_format::json
                               ? report_json(*report)
                               : report_text(*report, colours::of(1));
  std::fputs(text.c_str(), stdout);
  return report->clean() ? exit_code::ok : exit_code::failed;
}

int run_dump(const store_arguments& a) {
  storage_options options;
  options.path = a.path;
  auto opened = open_rocksdb_store_read_only(options);
  if (!opened) {
    const int code = report_failure(opened.error());
    return opened.error().code == ec::not_found ? exit_code::usage : code;
  }
  auto request = a.dump;
  if (a.partition >= 0) request.partition = static_cast<partition_id>(a.partition);
  std::uint64_t left = request.limit;
  bool written = true;
  const auto done = dump_store(**opened, request, [&](const std::string& line) {
    written = std::puts(line.c_str()) >= 0;
    return written && --left != 0;
  });
  if (done) return written ? exit_code::ok : exit_code::failed;
  const int code = report_failure(done.error());
  return done.error().code == ec::invalid ? exit_code::usage : code;
}

}  // namespace

content_readers all_readers() {
  content_readers readers;
  const auto rules = std::make_shared<const judgement_rules>();
  readers.snapshot = [rules](std::string_view entity, std::string_view bytes) {
    return entity_core{entity, rules}.restore(bytes);
  };
  readers.block = [](std::string_view bytes) { return fault_of(unpack_block(bytes)); };
  readers.publisher = [](std::string_view bytes) {
    return fault_of(publisher_window::restore(bytes));
  };
  readers.rules = [](std::string_view bytes) { return fault_of(decode_rules(bytes)); };
  readers.clock = [](std::string_view bytes) { return fault_of(decode_clock_point(bytes)); };
  readers.correlator = [](std::string_view bytes) {
    return correlator_core{correlation_options{}}.restore(bytes);
  };
  return readers;
}

std::string report_text(const store_report& r, const colours& c) {
  std::string out = harmless(r.directory);
  if (r.format != 0)
    out += ": format " + std::to_string(r.format) + ", " + std::to_string(r.partitions) +
           " partitions";
  out += r.in_use ? ", in use by a server (as it stands now)\n" : "\n";
  std::vector<std::vector<std::string>> table;
  for (const auto& k : r.kinds)
    table.push_back({k.name, format_count(k.count), k.bytes == 0 ? "-" : format_bytes(k.bytes)});
  if (!table.empty()) out += "\n" + format_table({"WHAT", "COUNT", "BYTES"}, table, c);
  if (r.clean()) return out + "\n" + c.green() + "clean" + c.end() + "\n";
  out += "\n";
  for (const auto& p : r.problems)
    out += std::string{c.red()} + p.kind + c.end() + ", " + harmless(p.where) + ": " +
           harmless(p.what) + "\n";
  if (r.problem_count > r.problems.size())
    out += "... and " + format_count(r.problem_count - r.problems.size()) + " more\n";
  return out + c.red() + format_count(r.problem_count) +
         (r.problem_count == 1 ? " problem" : " problems") + c.end() + "\n";
}

std::string report_json(const store_report& r) {
  json kinds = json::array();
  for (const auto& k : r.kinds)
    kinds.push_back({{"kind", k.name}, {"count", k.count}, {"bytes", k.bytes}});
  json problems = json::array();
  for (const auto& p : r.problems)
    problems.push_back({{"kind", p.kind}, {"where", p.where}, {"what", p.what}});
  const json out{{"directory", r.directory},   {"clean", r.clean()},
                 {"in_use", r.in_use},         {"format", r.format},
                 {"partitions", r.partitions}, {"kinds", std::move(kinds)},
                 {"problems", problems},       {"problem_count", r.problem_count}};
  return json_text(out, 2) + "\n";
}

void add_store_commands(CLI::App& app, command_session& session) {
  auto a = std::make_shared<store_arguments>();
  CLI::App* group = app.add_subcommand(
      "store", "Looks into a store's files, also while a server uses it; changes nothing");
  group->require_subcommand(1);
  CLI::App* check = group->add_subcommand(
      "check", "Verify every checksum and read every record: 0 clean, 1 damaged, 2 no store there");
  check->add_option("path", a->path, "storage.path, or the directory of the files")->required();
  check->callback(
      [a, &session] { session.run = [a, &session] { return run_check(*a, session); }; });
  CLI::App* dump = group->add_subcommand("dump", "Write records as JSON lines, decoded");
  dump->add_option("path", a->path, "storage.path, or the directory of the files")->required();
  dump->add_option("--what", a->dump.what, "Which records")
      ->required()
      ->check(CLI::IsMember(dump_subjects()));
  dump->add_option("--partition", a->partition, "Of this partition alone")
      ->check(CLI::Range(0, 65'535));
  dump->add_option("--from", a->dump.from, "From this position, seq or id on");
  dump->add_option("--limit", a->dump.limit, "At most so many")
      ->check(CLI::Validator(above_zero, "POSITIVE"));
  dump->callback([a, &session] { session.run = [a] { return run_dump(*a); }; });
}

}  // namespace faultline
