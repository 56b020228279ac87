// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/gzip_file.hpp"
#include "lab/log_study.hpp"
#include "tools/commands.hpp"
#include "tools/evaluate_options.hpp"
#include "tools/log_file.hpp"
#include "tools/out_place.hpp"

namespace faultline {

namespace {

constexpr std::size_t largest_file = std::size_t{1} << 30U;

struct logs_arguments {
  std::string file, out;
};

int run_logs_command(const logs_arguments& a, const command_session& session) {
  if (const auto ok = check_out_file(a.out); !ok) return report_failure(ok.error());
  const auto text = read_log_file(a.file);
  if (!text) return report_failure(text.error());
  const auto lines = group_log_lines(lines_of(*text));
  std::ofstream out{a.out, std::ios::binary | std::ios::trunc};
  out << grouping_csv(lines);
  out.close();
  if (!out) return report_failure(a.out + " cannot be written");
  std::set<std::uint64_t> ids;
  for (const auto& line : lines) ids.insert(line.id);
  const nlohmann::ordered_json told{
      {"out", a.out}, {"lines", lines.size()}, {"templates", ids.size()}};
  if (session.format == output_format::json)
    std::puts(told.dump(2).c_str());
  else
    std::printf("%s lines, %s templates\n", format_count(lines.size()).c_str(),
                format_count(ids.size()).c_str());
  return exit_code::ok;
}

}  // namespace

outcome<std::string> read_log_file(const std::string& path) {
  if (std::filesystem::path{path}.extension() == ".gz") return read_gzip(path, largest_file);
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return failure{ec::not_found, path + ": " + error.message()};
  if (size > largest_file) return failure{ec::too_large, path + " is larger than 1 GiB"};
  std::ifstream in{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (in.bad() || text.size() != size) return failure{ec::malformed, path + " cannot be read"};
  return text;
}

void add_logs_command(CLI::App& group, command_session& session) {
  auto a = std::make_shared<logs_arguments>();
  CLI::App* sub = group.add_subcommand(
      "logs", "Templates of a log file, as the server finds them in one pass: line,id,template");
  sub->add_option("file", a->file, "A line each message, plain or .gz")->required();
  sub->add_option("--out", a->out, "File: CSV")->required();
  sub->callback(
      [a, &session] { session.run = [a, &session] { return run_logs_command(*a, session); }; });
}

}  // namespace faultline
