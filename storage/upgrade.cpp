// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/upgrade.hpp"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "messages/event_codec.hpp"
#include "messages/event_pieces.hpp"
#include "storage/internal/keys.hpp"
#include "storage/internal/rows.hpp"

namespace faultline {
namespace {

using sayer = std::function<void(const std::string&)>;

/// Rows converted in one write.
constexpr std::size_t rows_per_write = 1024;

/// How far an upgrade came: keys below `next` are done.
struct progress {
  std::uint64_t from = 0;  ///< format it started from
  std::uint64_t next = 0;  ///< id of the next letter
  std::uint64_t bytes = 0;
};

outcome<progress> load_progress(rocksdb_database& database) {
  const auto row = database.get(family::meta, keys::upgrade());
  if (!row) return row.error();
  if (!row->has_value()) return progress{database.format(), 0, 0};
  const auto numbers = rows::read_numbers(**row);
  if (!numbers) return numbers.error();
  if (numbers->size() != 3) return failure{ec::store_corrupt, "the upgrade row is damaged"};
  return progress{(*numbers)[0], (*numbers)[1], (*numbers)[2]};
}

/// "event 17: ..." -> 17.
std::optional<std::size_t> event_index(std::string_view text) {
  constexpr std::string_view begin = "event ";
  if (text.substr(0, begin.size()) != begin) return {};
  std::size_t index = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + begin.size(), last, index);
  if (error != std::errc{} || end == last || *end != ':') return {};
  return index;
}

bool speaks_of_the_payload(std::string_view reason) {
  constexpr std::array whole{reject_reason::unknown_format,    reject_reason::malformed_msgpack,
                             reject_reason::malformed_json,    reject_reason::malformed_syslog,
                             reject_reason::payload_too_large, reject_reason::too_many_events,
                             reject_reason::empty_payload};
  for (const auto r : whole) {
    if (reason == to_string(r)) return true;
  }
  return false;
}

/// Format 1 kept the first 4,096 bytes of the payload, also of an event in the middle of a batch,
/// and did not say whether that was all.
void complete(dead_letter& l) {
  constexpr std::size_t cut_at = 4096;
  const bool may_be_cut = l.payload.size() >= cut_at;
  if (may_be_cut) l.payload_bytes = l.payload.size() + 1;
  if (const auto index = event_index(l.text)) {
    const auto pieces = event_pieces(l.payload);
    if (*index >= pieces.size()) return;
    const bool broken_off = may_be_cut && *index + 1 == pieces.size();
    if (broken_off) return;
    l.payload = std::string{pieces[*index]};
    l.payload_bytes = l.payload.size();
    l.content = letter_content::event;
  } else if (speaks_of_the_payload(l.reason)) {
    l.content = letter_content::payload;
  }
}

/// Converts some letters from @p at.next on. @returns how many; 0 when none are left.
outcome<std::size_t> convert_letters(rocksdb_database& database, progress& at) {
  rocksdb::WriteBatch batch;
  std::size_t count = 0;
  scan letters{database, family::letters, keys::sequence(at.next), "", scan::use::bulk};
  for (; letters.valid() && count < rows_per_write; letters.next(), ++count) {
    auto read = rows::read_letter(letters.value());
    if (!read) return read.error();
    complete(read->letter);
    const auto row = rows::letter(read->letter, read->letter.payload.size(), at.bytes);
    batch.Put(database.at(family::letters), slice(letters.key()), row);
    at.bytes += letters.key().size() + row.size();
    at.next = keys::number_at(letters.key(), 0, 8) + 1;
  }
  if (auto end = letters.end(); !end) return end.error();
  if (count == 0) return count;
  batch.Put(database.at(family::meta), keys::upgrade(),
            rows::numbers({at.from, at.next, at.bytes}));
  if (auto done = database.write(batch, true, write_kind::work); !done) return done.error();
  return count;
}

}  // namespace

outcome<void> upgrade_store(rocksdb_database& database, const sayer& say) {
  auto at = load_progress(database);
  if (!at) return at.error();
  const auto tell = [&](const std::string& text) {
    if (say) say(text);
  };
  const std::string what = "store upgrade from format " + std::to_string(at->from) + " to " +
                           std::to_string(store_format);
  tell(what + (at->next == 0 ? " begins" : " goes on where it was interrupted"));
  for (std::size_t done = 0; at->from < summed_letters_format;) {
    const auto count = convert_letters(database, *at);
    if (!count) return count.error();
    if (*count == 0) break;
    done += *count;
    tell(what + ": " + std::to_string(done) + " dead letters");
  }
  if (auto written = database.write_format(); !written) return written;
  tell(what + " is done");
  return {};
}

}  // namespace faultline
