// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "lab/gzip_file.hpp"
#include "tools/option_text.hpp"
#include "tools/recording_events.hpp"
#include "tools/sending.hpp"
#include "tools/session_keys.hpp"

namespace faultline {

namespace {

namespace fs = std::filesystem;

enum class input_format : std::uint8_t { automatic, csv, json };

struct publish_arguments {
  std::vector<std::string> files;
  input_format format = input_format::automatic;
  csv_input_options csv;
  sending_options sending;
};

constexpr std::size_t most_unpacked_bytes = std::size_t{2} << 30;

/// A source with what it must outlive it.
struct opened_input {
  std::unique_ptr<telemetry> recording;
  std::unique_ptr<event_input> input;
};

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

outcome<std::shared_ptr<std::istream>> open_text(const std::string& file, std::uint64_t& bytes) {
  bytes = 0;
  if (file == "-") return std::shared_ptr<std::istream>{&std::cin, [](std::istream*) {}};
  if (ends_with(file, ".gz")) {
    auto text = read_gzip(file, most_unpacked_bytes);
    if (!text) return text.error();
    bytes = text->size();
    return std::shared_ptr<std::istream>{std::make_shared<std::istringstream>(std::move(*text))};
  }
  auto in = std::make_shared<std::ifstream>(file);
  if (!*in) return failure{ec::io_failed, file + " cannot be opened"};
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (!error) bytes = size;
  return std::shared_ptr<std::istream>{std::move(in)};
}

/// JSON lines begin with a bracket, a CSV file with its header.
input_format format_of(std::istream& in) {
  const int first = (in >> std::ws).peek();
  if (first == std::istream::traits_type::eof()) return input_format::json;  // holds nothing
  return first == '{' || first == '[' ? input_format::json : input_format::csv;
}

outcome<opened_input> open_input(const std::string& file, const publish_arguments& a) {
  opened_input opened;
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) {
    auto read = read_telemetry(file);
    if (!read) return read.error();
    report_left_out(*read);
    opened.recording = std::make_unique<telemetry>(std::move(*read));
    opened.input = recording_input(*opened.recording, milliseconds{0});
    return opened;
  }
  std::uint64_t bytes = 0;
  auto in = open_text(file, bytes);
  if (!in) return in.error();
  skip_utf8_mark(**in);
  const auto format = a.format == input_format::automatic ? format_of(**in) : a.format;
  if (format == input_format::json) {
    opened.input = json_lines_input(*in, bytes);
    return opened;
  }
  auto csv = csv_input(*in, a.csv, bytes);
  if (!csv) return failure{csv.error().code, file + ": " + csv.error().what};
  opened.input = std::move(*csv);
  return opened;
}

int run_publish(const publish_arguments& a, const command_session& session) {
  auto keys = keys_of(session);
  if (!keys) return report_no_keys(keys.error(), session);
  auto sender = event_sender::open(a.sending, std::move(*keys));
  if (!sender) return report_failure(sender.error());
  outcome<void> sent;
  for (const auto& file : a.files) {
    auto opened = open_input(file, a);
    if (!opened) {
      sent = opened.error();
      break;
    }
    sent = send_all(*opened->input, **sender, 0, "publish " + file);
    if (!sent) break;
  }
  const sending_summary& s = (*sender)->summary();
  if (sent || s.sent > 0) std::fputs(summary_text(s, a.sending, session.format).c_str(), stdout);
  if (!sent) {
    const int code = report_failure(sent.error());
    return sent.error().code == ec::invalid && s.sent == 0 ? exit_code::usage : code;
  }
  if (s.sent == 0 && s.unreadable == 0) return report_failure("no event was found to send");
  return s.rejected + s.unreadable == 0 ? exit_code::ok : exit_code::failed;
}

}  // namespace

void add_publish_command(CLI::App& app, command_session& session) {
  auto a = std::make_shared<publish_arguments>();
  CLI::App* sub = app.add_subcommand(
      "publish",
      "Send events: CSV (ts,metric,...), JSON lines, recordings; - is the standard input");
  sub->add_option("file", a->files, "Files, recordings or -")->required();
  sub->add_option("--format", a->format, "auto, csv or json")
      ->transform(CLI::Validator(one_of<input_format>({{"auto", input_format::automatic},
                                                       {"csv", input_format::csv},
                                                       {"json", input_format::json}}),
                                 ""))
      ->option_text("auto|csv|json");
  sub->add_option("--entity", a->csv.entity, "Who the rows of a CSV file are about, kind/name");
  sub->add_option("--counter", a->csv.counters,
                  "This column of a CSV file is a monotonic counter (may be repeated)");
  add_sending_options(*sub, a->sending);
  sub->callback(
      [a, &session] { session.run = [a, &session] { return run_publish(*a, session); }; });
}

}  // namespace faultline
