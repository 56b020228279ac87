// SPDX-License-Identifier: Apache-2.0
// The small facts of a store: settings, sums, where each part stands, rules. Then every other
// record is held against them.
#include <algorithm>
#include <utility>

#include "storage/internal/record_checker.hpp"
#include "storage/internal/rows.hpp"

namespace faultline::checking {

namespace {
constexpr const char* facts_kind = "settings and sums";
}  // namespace

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

void record_checker::check_meta() {
  each(family::meta, facts_kind, "", "",
       [this](std::string_view key, std::string_view value) { check_fact(key, value); });
}

// One letter says what a key is of: keys.cpp.
void record_checker::check_fact(std::string_view key, std::string_view value) {
  if (key.empty()) return report_.problem(facts_kind, "the empty key", "is no key of this format");
  if (key == keys::correlator_state()) return check_correlator_state(value);
  const bool of_format = key == keys::format() || key == keys::upgrade();
  const char subject = of_format ? '-' : key[0];
  const std::string where =
      of_format ? std::string{key} : std::string(1, subject) + ", " + hex_of(key);
  switch (subject) {
    case 'N':
      readable(rows::read_text(value), "notes", where);
      break;
    case 'X':
      readable(rows::read_text(value), "skipped records", where);
      break;
    case 'R':
    case 'Z':
      check_rules(subject, key, value, where);
      break;
    case 'E':
    case 'U':
    case 'Q':
      check_partition_fact(subject, key, value, where);
      break;
    default:
      check_numbers(subject, key, value, where);
  }
}

void record_checker::check_correlator_state(std::string_view value) {
  constexpr const char* what = "correlator state";
  const auto row = rows::read_record(value);
  if (!readable(row, facts_kind, what)) return;
  if (readers_.correlator) readable(readers_.correlator(row->bytes), facts_kind, what);
  if (row->feed_seq > facts_.correlator_through)
    report_.problem(facts_kind, what, "is ahead of what the correlator has seen");
}

void record_checker::check_numbers(char subject, std::string_view key, std::string_view value,
                                   const std::string& where) {
  constexpr std::string_view subjects = "-TMHSFOPCLWY", of_partitions = "FOPW";
  if (subjects.find(subject) == std::string_view::npos)
    return report_.problem(facts_kind, where, "is no key of this format");
  const auto numbers = rows::read_numbers(value);
  if (!readable(numbers, facts_kind, where)) return;
  const auto single = [&]() -> std::uint64_t {
    if (numbers->size() == 1) return numbers->front();
    report_.problem(facts_kind, where, "is not one number");
    return 0;
  };
  const auto partition = static_cast<partition_id>(keys::number_at(key, keys::meta_offset, 2));
  const bool of_partition = of_partitions.find(subject) != std::string_view::npos;
  if (of_partition && !known_partition(partition, facts_kind, where)) return;
  switch (subject) {
    case 'Y':
      facts_.controls = std::max(facts_.controls, single());
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
      if (numbers->size() != 2) return report_.problem(facts_kind, where, "is not two numbers");
      facts_.checkpoint[partition] = {(*numbers)[0], (*numbers)[1]};
      break;
    case 'C':
      facts_.counters[std::string{key.substr(keys::meta_offset)}] = single();
      break;
    case 'L':
      facts_.letters += single();
      break;
    default:  // the others are held against nothing
      break;
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
  else if (const auto text = rows::read_text(value); readable(text, kind, where) && readers_.clock)
    readable(readers_.clock(*text), kind, where);
}

// What judges: the rules at a partition's checkpoint, and which decisions the logs must have.
void record_checker::check_rules(char subject, std::string_view key, std::string_view value,
                                 const std::string& where) {
  constexpr const char* kind = "rules";
  report_.count(kind, key.size() + value.size());
  std::string payload;
  if (subject == 'R') {
    const auto partition = static_cast<partition_id>(keys::number_at(key, keys::meta_offset, 2));
    if (!known_partition(partition, kind, where)) return;
    const auto row = rows::read_rules(value);
    if (!readable(row, kind, where)) return;
    facts_.controls = std::max(facts_.controls, row->sequence);
    payload = row->payload;
  } else {
    const auto row = rows::read_controls(value);
    if (!readable(row, kind, where)) return;
    facts_.controls = std::max({facts_.controls, row->last, row->rules});
    payload = row->rules_record;
  }
  if (!payload.empty() && readers_.rules) readable(readers_.rules(payload), kind, where);
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

}  // namespace faultline::checking
