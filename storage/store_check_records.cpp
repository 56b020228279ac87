// SPDX-License-Identifier: Apache-2.0
// Every record of a store, read and held against the others. Long, because it is one walk over all
// formats with one set of facts: split, each part would need the whole of it again.
#include <algorithm>
#include <map>
#include <utility>

#include "messages/record.hpp"
#include "storage/internal/keys.hpp"
#include "storage/internal/log_directory.hpp"
#include "storage/internal/rows.hpp"
#include "storage/internal/store_check.hpp"

namespace faultline {
namespace {

std::string in_partition(partition_id p, const char* what, std::uint64_t n) {
  return "partition " + std::to_string(p) + ", " + what + " " + std::to_string(n);
}

std::string range_text(std::uint64_t from, std::uint64_t to) {
  return from == to ? std::to_string(from) : std::to_string(from) + " to " + std::to_string(to);
}

std::string hex_of(std::string_view key) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : key.substr(0, 64)) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(digits[byte >> 4U]);
    out.push_back(digits[byte & 15U]);
  }
  return "key " + out;
}

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
  std::uint64_t events = 0;  ///< in the log
};

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

// ---- small facts ------------------------------------------------------------------------------

void record_checker::check_meta() {
  each(family::meta, "settings and sums", "", "",
       [this](std::string_view key, std::string_view value) { check_fact(key, value); });
}

void record_checker::check_fact(std::string_view key, std::string_view value) {
  constexpr const char* kind = "settings and sums";
  if (key.empty()) return report_.problem(kind, "the empty key", "is no key of this format");
  const std::string where = key == keys::format() || key == keys::upgrade()
                                ? std::string{key}
                                : std::string(1, key.empty() ? '?' : key[0]) + ", " + hex_of(key);
  if (key == keys::correlator_state()) {
    const auto row = rows::read_record(value);
    if (!readable(row, kind, "correlator state")) return;
    if (readers_.correlator) readable(readers_.correlator(row->bytes), kind, "correlator state");
    if (row->feed_seq > facts_.correlator_through)
      report_.problem(kind, "correlator state", "is ahead of what the correlator has seen");
    return;
  }
  const char subject = key == keys::format() || key == keys::upgrade() ? '-' : key[0];
  if (subject == 'X') {
    readable(rows::read_text(value), "skipped records", where);
    return;
  }
  if (subject == 'E' || subject == 'U' || subject == 'Q') {
    check_partition_fact(subject, key, value, where);
    return;
  }
  constexpr std::string_view numbers_of = "-TMHSFOPCLW";
  if (numbers_of.find(subject) == std::string_view::npos) {
    // Of one partition or entity, read by its owner: here it is only held against its version.
    const bool versioned = !value.empty() && value.front() != 0;
    if (!versioned || subject < 'A' || subject > 'Z')
      report_.problem(kind, where, versioned ? "is no key of this format" : "has no version");
    return;
  }
  const auto numbers = rows::read_numbers(value);
  if (!readable(numbers, kind, where)) return;
  const auto single = [&]() -> std::uint64_t {
    if (numbers->size() == 1) return numbers->front();
    report_.problem(kind, where, "is not one number");
    return 0;
  };
  const auto partition = static_cast<partition_id>(keys::number_at(key, keys::meta_offset, 2));
  const bool of_partition = subject == 'F' || subject == 'O' || subject == 'P' || subject == 'W';
  if (of_partition && !known_partition(partition, kind, where)) return;
  switch (subject) {
    case '-':
    case 'T':
    case 'M':
    case 'W':
      break;
    case 'H':
      facts_.correlator_through = single();
      break;
    case 'S':
      check_segment(keys::number_at(key, keys::meta_offset, 8), *numbers);
      break;
    case 'F':
      facts_.first[partition] = single();
      break;
    case 'O':
      facts_.consumed[partition] = single();
      break;
    case 'P':
      if (numbers->size() != 2) return report_.problem(kind, where, "is not two numbers");
      facts_.checkpoint[partition] = {(*numbers)[0], (*numbers)[1]};
      break;
    case 'C':
      facts_.counters[std::string{key.substr(keys::meta_offset)}] = single();
      break;
    case 'L':
      facts_.letters += single();
      break;
    default:
      report_.problem(kind, hex_of(key), "is no key of this format");
  }
}

// What stands beside snapshots and checkpoints: summaries, quarantine, the partition's own state.
void record_checker::check_partition_fact(char subject, std::string_view key,
                                          std::string_view value, const std::string& where) {
  constexpr const char* kind = "summaries and quarantine";
  const auto partition = static_cast<partition_id>(keys::number_at(key, keys::meta_offset, 2));
  if (!known_partition(partition, kind, where)) return;
  const auto entity = key.substr(std::min<std::size_t>(key.size(), keys::named_offset));
  if (subject == 'E')
    readable(rows::read_summary(entity, value), kind, where);
  else if (subject == 'U')
    readable(rows::read_quarantine(entity, value), kind, where);
  else
    readable(rows::read_text(value), kind, where);
}

void record_checker::check_segment(std::uint64_t number, const std::vector<std::uint64_t>& row) {
  if (row.size() != partitions_ + 1U)
    return report_.problem("log", "segment " + std::to_string(number),
                           "has the wrong number of partitions");
  log_segment s{number, {row.begin() + 1, row.end()}, row.front()};
  for (partition_id p = 0; p < partitions_; ++p)
    facts_.last[p] = std::max(facts_.last[p], s.starts[p] - 1);
  facts_.segments.add(std::move(s));
}

// ---- log --------------------------------------------------------------------------------------

void record_checker::check_log() {
  std::vector<log_position> expected = facts_.first;
  each(family::log, "log", "", "", [&](std::string_view key, std::string_view value) {
    const auto segment = keys::number_at(key, 0, 8);
    const auto p = static_cast<partition_id>(keys::number_at(key, 8, 2));
    const auto position = keys::number_at(key, keys::log_position_offset, 8);
    const std::string where = in_partition(p, "position", position);
    if (!known_partition(p, "log", where)) return;
    if (facts_.segments.empty() || segment < facts_.segments.oldest().number) return;  // trimmed
    if (facts_.segments.find(segment) == nullptr)
      report_.problem("log", where, "its segment " + std::to_string(segment) + " is not known");
    check_blob(p, position, value);
    if (position < facts_.first[p]) return;
    if (position > expected[p]) {
      report_.problem(
          "log", where,
          "position " + range_text(expected[p], position - 1) + " before it is missing");
    } else if (position < expected[p]) {
      report_.problem("log", where, "stands there twice");
    }
    expected[p] = position + 1;
  });
  for (partition_id p = 0; p < partitions_; ++p) {
    if (expected[p] <= facts_.last[p])
      report_.problem("log", in_partition(p, "position", expected[p]),
                      "position " + range_text(expected[p], facts_.last[p]) + " is missing");
    facts_.last[p] = std::max(facts_.last[p], expected[p] - 1);
  }
}

void record_checker::check_blob(partition_id p, log_position position, std::string_view value) {
  const std::string where = in_partition(p, "position", position);
  const auto row = rows::read_log(value);
  if (!readable(row, "log", where)) return;
  blob_reader records{row->blob};
  record_view record;
  std::uint32_t count = 0;
  for (;;) {
    const auto more = records.next(record);
    if (!more) {
      report_.problem("log", where + ", record " + std::to_string(count), more.error().what);
      return;
    }
    if (!*more) break;
    ++count;
    if (record.kind == record_kind::event) ++facts_.events;
  }
  report_.count("records in the log", 0, count);
  if (count != row->records)
    report_.problem("log", where,
                    "holds " + std::to_string(count) + " records, " + std::to_string(row->records) +
                        " were written");
}

// ---- partitions -------------------------------------------------------------------------------

void record_checker::check_checkpoints() {
  for (partition_id p = 0; p < partitions_; ++p) {
    const auto& c = facts_.checkpoint[p];
    const std::string where = "partition " + std::to_string(p);
    if (c.position > facts_.last[p])
      report_.problem("checkpoints", where,
                      "stands at position " + std::to_string(c.position) + ", the log ends at " +
                          std::to_string(facts_.last[p]));
    if (c.position + 1 < facts_.first[p])
      report_.problem("checkpoints", where,
                      "stands at position " + std::to_string(c.position) +
                          ", the log begins only at " + std::to_string(facts_.first[p]));
    if (c.decided_through > facts_.last[p])
      report_.problem("checkpoints", where, "has decided more than the log holds");
    if (c.position != 0) report_.count("checkpoints", 16);
  }
}

void record_checker::check_outbox() {
  constexpr const char* kind = "outbox";
  std::map<partition_id, sequence> seqs;
  std::uint64_t entries = 0;
  each(family::outbox, kind, "e", "f", [&](std::string_view key, std::string_view value) {
    const auto p = static_cast<partition_id>(keys::number_at(key, 1, 2));
    const auto seq = keys::number_at(key, keys::outbox_seq_offset, 8);
    const std::string where = in_partition(p, "entry", seq);
    if (!known_partition(p, kind, where)) return;
    ++entries;
    seqs.try_emplace(p, report_, kind).first->second.follow(seq, where);
    facts_.outbox_last[p] = seq;
    const auto entry = rows::read_outbox(seq, value);
    if (!readable(entry, kind, where)) return;
    readable(decode_decision(entry->decision), kind, where);
    if (entry->cause > facts_.last[p])
      report_.problem(kind, where, "its cause is beyond the end of the log");
    const auto index =
        database_.get(family::outbox, keys::outbox_index(p, entry->entity, entry->key));
    const auto told = index && *index ? rows::read_number(**index) : outcome<std::uint64_t>{0};
    if (!told || *told != seq)
      report_.problem(kind, where, "its key " + entry->key + " does not lead to it");
  });
  std::uint64_t keys_found = 0;
  each(family::outbox, "outbox keys", "k", "l", [&](std::string_view key, std::string_view value) {
    ++keys_found;
    readable(rows::read_number(value), "outbox keys", hex_of(key));
  });
  if (keys_found != entries)
    report_.problem(
        "outbox keys", "all",
        std::to_string(keys_found) + " keys for " + std::to_string(entries) + " entries");
  for (partition_id p = 0; p < partitions_; ++p) {
    if (facts_.consumed[p] > facts_.outbox_last[p])
      report_.problem(kind, "partition " + std::to_string(p),
                      "entry " + std::to_string(facts_.consumed[p]) +
                          " stands in the decision log, the outbox ends at " +
                          std::to_string(facts_.outbox_last[p]));
  }
}

void record_checker::check_snapshots() {
  constexpr const char* kind = "snapshots";
  each(family::entities, kind, "", "", [&](std::string_view key, std::string_view value) {
    const auto p = static_cast<partition_id>(keys::number_at(key, 0, 2));
    const std::string entity{key.substr(std::min(key.size(), keys::entity_name_offset))};
    const std::string where = "entity " + entity;
    const auto snapshot = rows::read_snapshot(entity, value);
    if (!known_partition(p, kind, where) || !readable(snapshot, kind, where)) return;
    if (partition_of(entity, partitions_) != p)
      report_.problem(kind, where, "is not of partition " + std::to_string(p));
    if (snapshot->position > facts_.last[p])
      report_.problem(kind, where,
                      "is of position " + std::to_string(snapshot->position) +
                          ", the log ends at " + std::to_string(facts_.last[p]));
    if (readers_.snapshot) readable(readers_.snapshot(entity, snapshot->bytes), kind, where);
  });
}

void record_checker::check_blocks() {
  constexpr const char* kind = "window blocks";
  each(family::blocks, kind, "", "", [&](std::string_view key, std::string_view value) {
    const auto size = keys::number_at(key, 0, 2);
    if (key.size() != 2 + size + 4)
      return report_.problem(kind, hex_of(key), "is no key of this format");
    const std::string entity{key.substr(2, size)};
    const std::string where =
        "entity " + entity + ", slot " + std::to_string(keys::number_at(key, 2 + size, 4));
    const auto block = rows::read_block(entity, value);
    if (readable(block, kind, where) && readers_.block)
      readable(readers_.block(block->bytes), kind, where);
  });
}

void record_checker::check_publishers() {
  constexpr const char* kind = "publishers";
  each(family::publishers, kind, "r", "s", [&](std::string_view key, std::string_view value) {
    const std::string where = "publisher " + std::string{key.substr(keys::publisher_offset)};
    const auto row = rows::read_publisher(key.substr(keys::publisher_offset), value);
    if (readable(row, kind, where) && readers_.publisher && !row->bytes.empty())
      readable(readers_.publisher(row->bytes), kind, where);
  });
  constexpr const char* deltas = "publisher deltas";
  sequence numbers{report_, deltas};
  each(family::publishers, deltas, "d", "e", [&](std::string_view key, std::string_view value) {
    const auto number = keys::number_at(key, keys::publisher_offset, 8);
    const std::string where = "number " + std::to_string(number);
    numbers.follow(number, where);
    readable(rows::read_deltas(value), deltas, where);
  });
}

// ---- decisions, feed, letters -----------------------------------------------------------------

void record_checker::check_decisions() {
  constexpr const char* kind = "decisions";
  std::uint64_t expected = 1;
  each(family::decisions, kind, "", "", [&](std::string_view key, std::string_view value) {
    const auto seq = keys::number_at(key, 0, 8);
    const std::string where = "decision " + std::to_string(seq);
    if (seq != expected)
      report_.problem(kind, where, range_text(expected, seq - 1) + " before it is missing");
    expected = seq + 1;
    const auto bytes = rows::read_text(value);
    if (readable(bytes, kind, where)) readable(decode_decision(*bytes), kind, where);
  });
  if (facts_.correlator_through >= expected)
    report_.problem(kind, "decision " + std::to_string(expected),
                    "the correlator has seen " + std::to_string(facts_.correlator_through) +
                        " decisions, the log ends before");
}

void record_checker::check_feed() {
  constexpr const char* kind = "feed";
  sequence seqs{report_, kind};
  each(family::feed, kind, "f", "g", [&](std::string_view key, std::string_view value) {
    const auto seq = keys::number_at(key, keys::feed_seq_offset, 8);
    const std::string where = "message " + std::to_string(seq);
    seqs.follow(seq, where);
    const auto message = rows::read_message(seq, value);
    if (!readable(message, kind, where)) return;
    const auto item = read_feed_payload(message->payload);
    if (readable(item, kind, where) && item->seq != seq)
      report_.problem(kind, where, "says that it is message " + std::to_string(item->seq));
  });
  each(family::feed, "current records", "r", "s",
       [&](std::string_view key, std::string_view value) {
         check_record(key.substr(keys::feed_record_offset), value, seqs.last());
       });
}

void record_checker::check_record(std::string_view key, std::string_view value,
                                  std::uint64_t feed_last) {
  constexpr const char* kind = "current records";
  const std::string where{key};
  const auto row = rows::read_record(value);
  if (!readable(row, kind, where)) return;
  if (row->feed_seq > feed_last)
    report_.problem(kind, where, "is newer than the newest message of the feed");
  if (key.rfind("alert/", 0) == 0) readable(decode_alert(row->bytes), kind, where);
  if (key.rfind("incident/", 0) == 0) readable(decode_incident(row->bytes), kind, where);
}

void record_checker::check_letters() {
  constexpr const char* kind = "dead letters";
  sequence ids{report_, kind};
  bool known = false;  // how many bytes the next letter must speak of
  std::uint64_t bytes = 0;
  each(family::letters, kind, "", "", [&](std::string_view key, std::string_view value) {
    const auto id = keys::number_at(key, 0, 8);
    const std::string where = "letter " + std::to_string(id);
    ids.follow(id, where);
    const auto row = rows::read_letter(value);
    const bool follows = std::exchange(known, false);
    if (!readable(row, kind, where)) return;
    if (database_.format() < store_format) return;  // of format 1: nothing is summed
    if (follows && bytes != row->bytes_before)
      report_.problem(kind, where, "the bytes before it do not add up");
    bytes = row->bytes_before + key.size() + value.size();
    known = true;
  });
  if (ids.any() && ids.last() != facts_.letters)
    report_.problem(kind, "letter " + std::to_string(ids.last()),
                    "is the newest, " + std::to_string(facts_.letters) + " were counted");
}

void record_checker::check_counters() {
  const auto accepted = facts_.counters.find("accepted");
  if (accepted == facts_.counters.end()) return;
  const bool whole = std::all_of(facts_.first.begin(), facts_.first.end(),
                                 [](log_position first) { return first <= 1; });
  const bool fits = whole ? facts_.events == accepted->second : facts_.events <= accepted->second;
  if (!fits)
    report_.problem("settings and sums", "counter accepted",
                    "says " + std::to_string(accepted->second) + " events, the log holds " +
                        std::to_string(facts_.events));
}

}  // namespace

void check_records(rocksdb_database& database, const content_readers& readers,
                   report_writer& report, const check_progress& progress) {
  record_checker{database, readers, report, progress}.run();
}

}  // namespace faultline
