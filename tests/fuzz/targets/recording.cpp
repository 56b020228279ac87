// SPDX-License-Identifier: Apache-2.0
// Recordings: the input is the files of a directory, each behind a line "=== NAME". What is called
// .gz is packed first, unless it begins as a gzip does.
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "lab/csv_table.hpp"
#include "lab/recording.hpp"
#include "tests/fuzz/targets/check.hpp"
#include "tests/support/scratch_directory.hpp"

using namespace faultline;

namespace {

const std::filesystem::path& scratch() {
  static const testing::scratch_directory own;
  return own.path();
}

/// File names a recording may have; others are not written.
bool writable(std::string_view name) {
  if (name.empty() || name.size() > 40) return false;
  for (const char c : name)
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' &&
        c != '/')
      return false;
  return name[0] != '.' && name[0] != '/' && name.find("..") == std::string_view::npos;
}

void write_file(const std::filesystem::path& file, std::string_view content) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (file.extension() != ".gz" || content.substr(0, 2) == "\x1f\x8b") {
    std::ofstream{file, std::ios::binary} << content;
    return;
  }
  if (gzFile out = ::gzopen(file.c_str(), "wb1")) {
    ::gzwrite(out, content.data(), static_cast<unsigned>(content.size()));
    ::gzclose(out);
  }
}

/// What was read is written as it would be, and read again, as many rows.
void write_again(const telemetry& t) {
  for (const auto& e : t.entities) {
    check(e.values.size() == e.ts.size() * e.metrics.size());
    check(t.find(e.id).has_value());
    entity_series again;
    check(static_cast<bool>(parse_metrics(format_metrics(e), "again", again)));
    check(again.ts == e.ts && again.metrics == e.metrics);
    if (!e.metrics.empty()) check(e.column(e.metrics.back()).has_value());
    for (const double v : e.values) static_cast<void>(six_digits(v));
  }
  const auto logs = parse_logs(format_logs(t.logs), "again");
  check(logs && logs->size() == t.logs.size());
  const auto spans = parse_spans(format_spans(t.spans), "again");
  check(spans && spans->size() == t.spans.size());
  const auto part = read_training_part(scratch(), t);
  check(!part || !t.train_recording.empty() || part->entities.size() == t.entities.size());
  static_cast<void>(scored_from(t));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator{scratch(), error})
    std::filesystem::remove_all(file.path(), error);
  constexpr std::string_view mark = "=== ";
  for (int files = 0; files < 6 && rest.substr(0, mark.size()) == mark; ++files) {
    rest.remove_prefix(mark.size());
    const auto line = rest.find('\n');
    if (line == std::string_view::npos) break;
    const auto name = rest.substr(0, line);
    rest.remove_prefix(line + 1);
    const auto next = rest.find("\n=== ");
    const auto content = rest.substr(0, next);
    if (writable(name)) write_file(scratch() / name, content);
    if (next == std::string_view::npos) break;
    rest.remove_prefix(next + 1);
  }
  const auto read = read_telemetry(scratch());
  if (read) write_again(*read);
  static_cast<void>(read_labels(scratch()));
  return 0;
}
