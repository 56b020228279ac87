// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "storage/internal/keys.hpp"
#include "storage/internal/log_directory.hpp"
#include "storage/internal/store_check.hpp"

namespace faultline::checking {

// Where something stands, in words.
std::string in_partition(partition_id p, const char* what, std::uint64_t n);
std::string range_text(std::uint64_t from, std::uint64_t to);
std::string hex_of(std::string_view key);

/// Numbers that must follow each other; a gap is a problem.
class sequence {
public:
  sequence(report_writer& report, const char* kind) : report_{report}, kind_{kind} {}
  void follow(std::uint64_t found, const std::string& where) {
    if (any_ && found != next_)
      report_.problem(kind_, where, range_text(next_, found - 1) + " before it is missing");
    any_ = true;
    next_ = found + 1;
  }
  /// The newest; 0 when there was none.
  std::uint64_t last() const { return any_ ? next_ - 1 : 0; }
  bool any() const { return any_; }

private:
  report_writer& report_;
  const char* kind_;
  bool any_ = false;
  std::uint64_t next_ = 0;
};

/// What the small facts say, for the big families to be held against.
struct store_facts {
  explicit store_facts(std::uint16_t partitions)
      : first(partitions, 1),
        last(partitions, 0),
        checkpoint(partitions),
        consumed(partitions, 0),
        outbox_last(partitions, 0) {}

  log_directory segments;
  std::vector<log_position> first, last;
  std::vector<partition_checkpoint> checkpoint;
  std::vector<std::uint64_t> consumed, outbox_last;
  std::map<std::string, std::uint64_t> counters;
  std::uint64_t letters = 0;
  std::uint64_t correlator_through = 0;
  std::uint64_t controls = 0;  ///< newest decision that the logs or the rules speak of
  std::uint64_t events = 0;    ///< in the log
};

/// One walk over every record of a store, each held against what the ones before it said. In files
/// by what is looked at: store_check_facts.cpp, store_check_records.cpp, store_check_told.cpp.
class record_checker {
public:
  record_checker(rocksdb_database& database, const content_readers& readers, report_writer& report,
                 const check_progress& progress)
      : database_{database},
        readers_{readers},
        report_{report},
        progress_{progress},
        partitions_{database.partitions()},
        facts_{database.partitions()} {
    for (std::size_t f = 0; f < family_count; ++f) {
      std::uint64_t bytes = 0;
      database_.db().GetIntProperty(database_.at(static_cast<family>(f)),
                                    rocksdb::DB::Properties::kTotalSstFilesSize, &bytes);
      total_ += bytes;
    }
  }

  void run() {
    check_meta();
    check_log();
    check_checkpoints();
    check_outbox();
    check_snapshots();
    check_blocks();
    check_publishers();
    check_decisions();
    check_feed();
    check_letters();
    check_counters();
  }

private:
  /// Calls @p row for each row of @p f from @p from to below @p below.
  template <class Row>
  void each(family f, const char* kind, const std::string& from, const std::string& below,
            Row row) {
    report_.count(kind, 0, 0);
    scan rows{database_, f, from, below, scan::use::bulk};
    std::string last;
    for (; rows.valid(); rows.next()) {
      const std::size_t size = rows.key().size() + rows.value().size();
      report_.count(kind, size);
      row(rows.key(), rows.value());
      last = rows.key();
      done_ += size;
      if (progress_) progress_("records", std::min(done_, total_), total_);
    }
    if (auto end = rows.end(); !end)
      report_.problem(kind, last.empty() ? "the first" : "after " + hex_of(last),
                      "the rest cannot be read: " + end.error().what);
  }

  /// Notes why a row cannot be read. @returns whether it can.
  template <class T>
  bool readable(const outcome<T>& read, const char* kind, const std::string& where) {
    if (!read) report_.problem(kind, where, read.error().what);
    return static_cast<bool>(read);
  }
  bool known_partition(partition_id p, const char* kind, const std::string& where) {
    if (p < partitions_) return true;
    report_.problem(kind, where, "there is no such partition");
    return false;
  }

  void check_meta();
  void check_partition_fact(char subject, std::string_view key, std::string_view value,
                            const std::string& where);
  void check_fact(std::string_view key, std::string_view value);
  void check_correlator_state(std::string_view value);
  void check_numbers(char subject, std::string_view key, std::string_view value,
                     const std::string& where);
  void check_rules(char subject, std::string_view key, std::string_view value,
                   const std::string& where);
  void check_segment(std::uint64_t number, const std::vector<std::uint64_t>& row);
  void check_log();
  void check_blob(partition_id p, log_position position, std::string_view value);
  void check_checkpoints();
  void check_outbox();
  void check_snapshots();
  void check_blocks();
  void check_publishers();
  void check_decisions();
  void check_feed();
  void check_record(std::string_view key, std::string_view value, std::uint64_t feed_last);
  void check_letters();
  void check_counters();

  rocksdb_database& database_;
  const content_readers& readers_;
  report_writer& report_;
  const check_progress& progress_;
  const std::uint16_t partitions_;
  store_facts facts_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace faultline::checking
