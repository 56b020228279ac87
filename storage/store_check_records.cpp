// SPDX-License-Identifier: Apache-2.0
// The log and what the partitions keep: checkpoints, outbox, snapshots, blocks, publishers.
#include <algorithm>
#include <map>
#include <utility>

#include "messages/record.hpp"
#include "storage/internal/record_checker.hpp"
#include "storage/internal/rows.hpp"

namespace faultline::checking {

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
    // What the door itself added was accepted from nobody.
    if (record.kind == record_kind::event && record.event.type != event_type::calls)
      ++facts_.events;
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
    if (entry->cause.first > facts_.last[p])
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

}  // namespace faultline::checking

namespace faultline {

void check_records(rocksdb_database& database, const content_readers& readers,
                   report_writer& report, const check_progress& progress) {
  checking::record_checker{database, readers, report, progress}.run();
}

}  // namespace faultline
