// SPDX-License-Identifier: Apache-2.0
// What the server has told: decisions, feed, current records, dead letters, counters.
#include <algorithm>
#include <utility>

#include "messages/decision.hpp"
#include "messages/feed.hpp"
#include "storage/internal/record_checker.hpp"
#include "storage/internal/rows.hpp"

namespace faultline::checking {

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
  if (facts_.controls >= expected)
    report_.problem("rules", "decision " + std::to_string(facts_.controls),
                    "sets what is in force, the decision log ends before");
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
    if (database_.format() < summed_letters_format) return;
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

}  // namespace faultline::checking
