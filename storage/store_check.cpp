// SPDX-License-Identifier: Apache-2.0
// The store as files: tables, write-ahead logs, manifest. The records are in
// store_check_records.cpp.
#include "storage/store_check.hpp"

#include <rocksdb/sst_file_reader.h>
#include <sys/stat.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "storage/internal/damaged_file.hpp"
#include "storage/internal/store_check.hpp"
#include "storage/store.hpp"

namespace faultline {

namespace fs = std::filesystem;

void report_writer::count(const char* kind, std::uint64_t bytes, std::uint64_t things) {
  auto at = std::find_if(report_.kinds.begin(), report_.kinds.end(),
                         [kind](const checked_kind& k) { return k.name == kind; });
  if (at == report_.kinds.end()) at = report_.kinds.insert(at, checked_kind{kind, 0, 0});
  at->count += things;
  at->bytes += bytes;
}

void report_writer::problem(const char* kind, std::string where, std::string what) {
  constexpr std::size_t most = 1000;
  ++report_.problem_count;
  if (report_.problems.size() < most)
    report_.problems.push_back({kind, std::move(where), std::move(what)});
}

// A lock of one's own goes with the first file that is closed, so the kernel's list is asked
// instead.
bool store_in_use(const std::string& directory) {
  struct stat lock {};
  if (::stat((directory + "/LOCK").c_str(), &lock) != 0) return false;
  std::ifstream locks{"/proc/locks"};
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words{line};
    std::string number, kind, advisory, access, process, file;
    words >> number >> kind >> advisory >> access >> process >> file;
    const auto colon = file.rfind(':');
    if (colon != std::string::npos && file.substr(colon + 1) == std::to_string(lock.st_ino))
      return true;
  }
  return false;
}

namespace {

std::vector<std::string> tables_of(const std::string& directory, rocksdb_database* database) {
  std::vector<std::string> files;
  if (database != nullptr) {
    std::vector<rocksdb::LiveFileMetaData> live;
    database->db().GetLiveFilesMetaData(&live);
    for (const auto& f : live) files.push_back(directory + f.name);
  } else {
    std::error_code error;
    for (const auto& f : fs::directory_iterator{directory, error}) {
      if (f.path().extension() == ".sst") files.push_back(f.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

void check_tables(const std::string& directory, rocksdb_database* database, report_writer& report,
                  const check_progress& progress) {
  constexpr const char* kind = "tables";
  const auto files = tables_of(directory, database);
  std::uint64_t total = 0;
  std::error_code gone;
  for (const auto& file : files) total += fs::exists(file, gone) ? fs::file_size(file, gone) : 0;
  std::uint64_t done = 0;
  report.count(kind, 0, 0);
  for (const auto& file : files) {
    const auto size = fs::file_size(file, gone);
    if (gone) continue;  // the open store had it: a server has replaced it since
    rocksdb::SstFileReader reader{rocksdb::Options{}};
    auto status = reader.Open(file);
    if (status.ok()) status = reader.VerifyChecksum();
    report.count(kind, size);
    if (!status.ok() && fs::exists(file, gone)) report.problem(kind, file, status.ToString());
    done += size;
    if (progress) progress("checksums", done, total);
  }
}

void check_wal_end(const std::string& directory, report_writer& report) {
  constexpr const char* kind = "write-ahead log";
  std::error_code error;
  for (const auto& f : fs::directory_iterator{directory, error}) {
    if (f.path().extension() == ".log") report.count(kind, f.file_size());
  }
  const auto whole = rocksdb_database::open_strictly(directory);
  if (!whole) {
    report.problem(kind, whole.error().what,
                   "ends within a record: a write was cut off (a crash, or a copy made while the "
                   "server ran). A server starts without that write");
  }
}

namespace {

void check_manifest_mark(const std::string& directory, report_writer& report) {
  const auto mark = read_manifest_mark(directory);
  if (!mark) report.problem("manifest", directory + "/manifest.mark", "is damaged");
}

outcome<store_report> check_store(const std::string& path, const content_readers& readers,
                                  const check_progress& progress) {
  store_report out;
  out.directory = store_directory(path);
  report_writer report{out};
  std::error_code error;
  if (!fs::is_directory(out.directory, error))
    return failure{ec::not_found, path + " holds no store"};
  out.in_use = store_in_use(out.directory);
  auto opened = rocksdb_database::open_read_only(out.directory, storage_options{});
  if (!opened) {
    const auto& why = opened.error();
    if (why.code != ec::store_corrupt && why.code != ec::unknown_version) return why;
    report.problem("store", out.directory, why.what);
    check_tables(out.directory, nullptr, report, progress);
    return out;
  }
  check_manifest_mark(out.directory, report);
  auto& database = **opened;
  out.format = database.format();
  out.partitions = database.partitions();
  check_tables(out.directory, &database, report, progress);
  if (!out.in_use) check_wal_end(out.directory, report);
  check_records(database, readers, report, progress);
  return out;
}

}  // namespace

outcome<store_report> check_rocksdb_store(const std::string& path, const content_readers& readers,
                                          const check_progress& progress) {
  try {
    return check_store(path, readers, progress);
  } catch (const std::exception& error) {
    return failure{ec::io_failed, path + ": " + error.what()};
  }
}

}  // namespace faultline
