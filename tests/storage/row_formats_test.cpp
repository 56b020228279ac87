// SPDX-License-Identifier: Apache-2.0
// The rows around what other rooms write: see tests/fuzz/disk_format.hpp.
#include "storage/internal/rows.hpp"
#include "tests/fuzz/disk_format.hpp"

namespace faultline::testing {
namespace {

dead_letter sample_letter() {
  dead_letter l{"bad_ts",     arrival_time_of(1'700'000'000'000),
                "pull",       "event 0: ts",
                "{\"ts\":1}", letter_content::event};
  l.payload_bytes = 4000;
  return l;
}

std::vector<disk_format> row_formats() {
  std::vector<disk_format> all;
  const auto row = [&all](const char* name, const char* spoken, unsigned version,
                          std::function<std::string()> sample,
                          std::function<outcome<std::string>(std::string_view)> reread) {
    all.push_back({name, spoken, version, false, std::move(sample), std::move(reread)});
  };
  row(
      "row_log", "log row", 1, [] { return rows::log_head(3) + "blob"; },
      [](std::string_view b) {
        return rewritten(rows::read_log(b), [](const rows::log_row& r) {
          return rows::log_head(r.records) + std::string{r.blob};
        });
      });
  row(
      "row_number", "number row", 1, [] { return rows::number(17); },
      [](std::string_view b) { return rewritten(rows::read_number(b), rows::number); });
  row(
      "row_numbers", "number row", 1,
      [] {
        return rows::numbers({2, 64});
      },
      [](std::string_view b) { return rewritten(rows::read_numbers(b), rows::numbers); });
  row(
      "row_text", "text row", 1, [] { return rows::text("poison"); },
      [](std::string_view b) { return rewritten(rows::read_text(b), rows::text); });
  row(
      "row_snapshot", "snapshot row", 2,
      [] {
        return rows::snapshot({"e", 12, 3, "bytes"});
      },
      [](std::string_view b) -> outcome<std::string> {
        auto again = rewritten(rows::read_snapshot("e", b), rows::snapshot);
        // The same bytes can be packed in more than one way; one of them is written.
        if (again && b.front() == rows::snapshot_version && *again != b)
          return failure{ec::store_corrupt, "packed otherwise"};
        return again;
      });
  row(
      "row_summary", "summary row", 1, [] { return rows::summary(12, 3, "outline"); },
      [](std::string_view b) {
        return rewritten(rows::read_summary("e", b), [](const entity_summary& s) {
          return rows::summary(s.position, s.index, s.bytes);
        });
      });
  row(
      "row_quarantine", "quarantine row", 1,
      [] {
        return rows::quarantine({"e", 12, 3, 40, 1});
      },
      [](std::string_view b) {
        return rewritten(rows::read_quarantine("e", b), rows::quarantine);
      });
  row(
      "row_block", "block row", 1,
      [] {
        return rows::block({"e", 12, "bytes"});
      },
      [](std::string_view b) { return rewritten(rows::read_block("e", b), rows::block); });
  row(
      "row_outbox", "outbox row", 2,
      [] {
        return rows::outbox({0, "service/cart", "a/1/2", {17, 3}, event_time_of(5), "decision"});
      },
      [](std::string_view b) { return rewritten(rows::read_outbox(0, b), rows::outbox); });
  row(
      "row_publisher", "publisher row", 1, [] { return rows::publisher(9, "window"); },
      [](std::string_view b) {
        return rewritten(rows::read_publisher("k", b), [](const publisher_row& p) {
          return rows::publisher(p.through, p.bytes);
        });
      });
  row(
      "row_deltas", "delta row", 1,
      [] {
        return rows::deltas({{"0:1:p0:", 1, 11}, {"0:1:q0:", 2, 22}});
      },
      [](std::string_view b) { return rewritten(rows::read_deltas(b), rows::deltas); });
  row(
      "row_letter", "dead letter row", 2, [] { return rows::letter(sample_letter(), 4096, 1234); },
      [](std::string_view b) {
        return rewritten(rows::read_letter(b), [](const rows::letter_row& r) {
          return rows::letter(r.letter, r.letter.payload.size(), r.bytes_before);
        });
      });
  row(
      "row_message", "feed row", 1, [] { return rows::message("alert/critical/a", "payload"); },
      [](std::string_view b) {
        return rewritten(rows::read_message(1, b),
                         [](const feed_record& r) { return rows::message(r.topic, r.payload); });
      });
  row(
      "row_record", "record row", 1, [] { return rows::record(7, "record"); },
      [](std::string_view b) {
        return rewritten(rows::read_record(b), [](const rows::current_record& r) {
          return rows::record(r.feed_seq, r.bytes);
        });
      });
  row(
      "row_rules", "rules row", 1,
      [] {
        return rows::rules({7, "{}"});
      },
      [](std::string_view b) { return rewritten(rows::read_rules(b), rows::rules); });
  row(
      "row_controls", "controls row", 1,
      [] {
        return rows::controls({9, 7, "{}"});
      },
      [](std::string_view b) { return rewritten(rows::read_controls(b), rows::controls); });
  return all;
}

INSTANTIATE_TEST_SUITE_P(Rows, Formats, ::testing::ValuesIn(row_formats()),
                         [](const auto& test) { return test.param.name; });

TEST(GoldenFiles, EachBelongsToAFormat) { expect_known_files(row_formats(), true); }

}  // namespace
}  // namespace faultline::testing
