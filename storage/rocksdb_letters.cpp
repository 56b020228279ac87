// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rocksdb_letters.hpp"

#include <algorithm>
#include <utility>

#include "storage/internal/keys.hpp"
#include "storage/internal/rows.hpp"

namespace faultline {
namespace {

/// Letters removed by age in one sweep.
constexpr std::size_t sweep_letters = 8192;
/// Letters one read looks at, whatever its filter lets through.
constexpr std::size_t read_span = 16'384;

std::uint64_t id_of(const scan& letters) { return keys::number_at(letters.key(), 0, 8); }

/// What a letter takes: its key and its row.
std::uint64_t size_of(std::string_view row) { return 8 + row.size(); }

}  // namespace

outcome<void> rocksdb_letters::load() {
  std::uint64_t last = 0;
  scan totals{database_, family::meta, keys::letters_by_reason(""),
              keys::after_prefix(keys::letters_by_reason(""))};
  for (; totals.valid(); totals.next()) {
    const auto count = rows::read_number(totals.value());
    if (!count) return count.error();
    by_reason_[std::string{totals.key().substr(keys::meta_offset)}] = *count;
    last += *count;
  }
  if (auto end = totals.end(); !end) return end;
  kept_ = {last + 1, last, 0, 0};
  scan letters{database_, family::letters, "", ""};
  if (letters.valid()) {
    const auto oldest = rows::read_letter(letters.value());
    if (!oldest) return oldest.error();
    kept_.oldest = id_of(letters);
    kept_.begin_bytes = oldest->bytes_before;
    letters.to_last();
  }
  if (letters.valid()) {
    const auto newest = rows::read_letter(letters.value());
    if (!newest) return newest.error();
    kept_.end_bytes = newest->bytes_before + size_of(letters.value());
  }
  return letters.end();
}

outcome<rows::letter_row> rocksdb_letters::row(std::uint64_t id) {
  const auto bytes = database_.get(family::letters, keys::sequence(id));
  if (!bytes) return bytes.error();
  if (!bytes->has_value()) return failure{ec::not_found, "no dead letter " + std::to_string(id)};
  auto read = rows::read_letter(**bytes);
  if (read) read->letter.id = id;
  return read;
}

/// Bytes written before letter @p id, which is one of @p written or the next.
outcome<std::uint64_t> rocksdb_letters::bytes_before(const letter_span& written, std::uint64_t id) {
  if (id > written.last) return written.end_bytes;
  const auto found = row(id);
  if (!found) return found.error();
  return found->bytes_before;
}

/// @p kept without its front where there are too many letters, or too many bytes of them. Letters
/// that are not among the @p written ones stay. An eighth more than wanted is let
/// in, so that the front is cut off in long pieces.
letter_span rocksdb_letters::trimmed(letter_span kept, const letter_span& written) {
  const auto& options = database_.options();
  const auto most = std::max<std::uint64_t>(1, options.dead_letter_count);
  const auto most_bytes = options.dead_letter_total_bytes;
  std::uint64_t low = kept.oldest;
  if (kept.last + 1 - kept.oldest > most + most / 8) low = kept.last + 1 - most;
  low = std::min(low, written.last + 1);
  if (kept.end_bytes - kept.begin_bytes > most_bytes + most_bytes / 8) {
    std::uint64_t high = written.last + 1;  // the first letter that fits lies in [low, high]
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      const auto before = bytes_before(written, middle);
      if (!before) return kept;
      if (kept.end_bytes - *before <= most_bytes) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
  }
  if (low == kept.oldest) return kept;
  const auto before = bytes_before(written, low);
  if (!before) return kept;
  kept.begin_bytes = *before;
  kept.oldest = low;
  return kept;
}

letter_span rocksdb_letters::kept() const {
  const std::lock_guard lock{mutex_};
  return kept_;
}

rocksdb_letters::staged::staged(rocksdb_letters& owner, const std::vector<dead_letter>& letters,
                                rocksdb::WriteBatch& batch)
    : owner_{owner} {
  if (letters.empty()) return;
  writing_ = std::unique_lock{owner.writing_};
  const auto& options = owner.database_.options();
  auto* handle = owner.database_.at(family::letters);
  {
    const std::lock_guard lock{owner.mutex_};
    kept_ = owner.kept_;
    for (const auto& l : letters) totals_[l.reason] = owner.by_reason_[l.reason];
  }
  const letter_span before = kept_;
  for (const auto& l : letters) {
    ++totals_[l.reason];
    const auto row = rows::letter(l, options.dead_letter_bytes, kept_.end_bytes);
    kept_.end_bytes += size_of(row);
    batch.Put(handle, keys::sequence(++kept_.last), row);
  }
  for (const auto& [reason, total] : totals_) {
    batch.Put(owner.database_.at(family::meta), keys::letters_by_reason(reason),
              rows::number(total));
  }
  kept_ = owner.trimmed(kept_, before);
  if (kept_.oldest > before.oldest) {
    batch.DeleteRange(handle, keys::sequence(before.oldest), keys::sequence(kept_.oldest));
  }
}

void rocksdb_letters::staged::written() {
  if (!writing_.owns_lock()) return;
  {
    const std::lock_guard lock{owner_.mutex_};
    for (const auto& [reason, total] : totals_) owner_.by_reason_[reason] = total;
    owner_.kept_ = kept_;
  }
  writing_.unlock();
}

outcome<void> rocksdb_letters::append(const std::vector<dead_letter>& letters) {
  if (auto may = database_.may_write(write_kind::intake); !may) return may;
  if (letters.empty()) return {};
  rocksdb::WriteBatch batch;
  staged now{*this, letters, batch};
  if (auto done = database_.write(batch, true, write_kind::intake); !done) return done;
  now.written();
  return {};
}

outcome<rocksdb_letters::page> rocksdb_letters::read(const letter_filter& filter) {
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  page out;
  const bool all = filter.below == ~std::uint64_t{0};
  scan letters{database_, family::letters, keys::sequence(oldest()),
               all ? std::string{} : keys::sequence(filter.below)};
  std::size_t seen = 0;
  std::size_t bytes = 0;
  for (letters.to_last(); letters.valid(); letters.previous()) {
    if (out.letters.size() >= filter.limit || bytes >= filter.max_bytes || seen >= read_span)
      return out;
    ++seen;
    auto row = rows::read_letter(letters.value());
    if (!row) return row.error();
    out.next = id_of(letters);
    if (!filter.reason.empty() && row->letter.reason != filter.reason) continue;
    row->letter.id = out.next;
    bytes += row->letter.payload.size();
    out.letters.push_back(std::move(row->letter));
  }
  if (auto end = letters.end(); !end) return end.error();
  out.next = 0;
  return out;
}

outcome<std::optional<dead_letter>> rocksdb_letters::find(std::uint64_t id) {
  auto found = row(id);
  if (found) return std::optional<dead_letter>{std::move(found->letter)};
  if (found.error().code == ec::not_found) return std::optional<dead_letter>{};
  return found.error();
}

std::uint64_t rocksdb_letters::total() const { return kept().last; }
std::uint64_t rocksdb_letters::oldest() const { return kept().oldest; }

std::uint64_t rocksdb_letters::bytes() const {
  const auto span = kept();
  return span.end_bytes - span.begin_bytes;
}

std::map<std::string, std::uint64_t> rocksdb_letters::by_reason() const {
  const std::lock_guard lock{mutex_};
  auto out = by_reason_;
  for (auto it = out.begin(); it != out.end();) it = it->second == 0 ? out.erase(it) : ++it;
  return out;
}

outcome<void> rocksdb_letters::skip(const record_address& where, const dead_letter& why) {
  auto known = database_.get(family::meta, keys::poison(where));
  if (!known) return known.error();
  if (known->has_value()) return {};  // named once, however often it killed
  rocksdb::WriteBatch batch;
  batch.Put(database_.at(family::meta), keys::poison(where), rows::text(why.reason));
  staged now{*this, {why}, batch};
  if (auto done = database_.write(batch, true, write_kind::work); !done) return done;
  now.written();
  return {};
}

outcome<std::vector<record_address>> rocksdb_letters::load(partition_id partition) {
  std::vector<record_address> out;
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  const std::string prefix = keys::poison_of(partition);
  scan skipped{database_, family::meta, prefix, keys::after_prefix(prefix)};
  for (; skipped.valid(); skipped.next()) {
    record_address where;
    where.partition = partition;
    where.position = keys::number_at(skipped.key(), prefix.size(), 8);
    where.index = static_cast<std::uint32_t>(keys::number_at(skipped.key(), prefix.size() + 8, 4));
    out.push_back(where);
  }
  if (auto end = skipped.end(); !end) return end.error();
  return out;
}

outcome<void> rocksdb_letters::drop_before(arrival_time oldest) {
  const std::lock_guard writing{writing_};
  const letter_span before = kept();
  letter_span after = before;
  scan letters{database_, family::letters, keys::sequence(before.oldest), ""};
  for (std::size_t n = 0; letters.valid() && n < sweep_letters; letters.next(), ++n) {
    const auto row = rows::read_letter(letters.value());
    if (!row) return row.error();
    after.begin_bytes = row->bytes_before;
    if (row->letter.arrived >= oldest) break;
    after.oldest = id_of(letters) + 1;
    after.begin_bytes = row->bytes_before + size_of(letters.value());
  }
  if (auto end = letters.end(); !end) return end;
  if (after.oldest == before.oldest) return {};
  rocksdb::WriteBatch batch;
  batch.DeleteRange(database_.at(family::letters), keys::sequence(before.oldest),
                    keys::sequence(after.oldest));
  if (auto done = database_.write(batch, false, write_kind::work); !done) return done;
  const std::lock_guard lock{mutex_};
  kept_ = after;
  return {};
}

}  // namespace faultline
