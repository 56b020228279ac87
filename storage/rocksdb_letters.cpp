// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rocksdb_letters.hpp"

#include <algorithm>
#include <utility>

#include "storage/internal/keys.hpp"
#include "storage/internal/rows.hpp"

namespace faultline {
namespace {

/// Letters removed by age in one sweep.
constexpr std::size_t sweep_letters = 65'536;

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
  scan letters{database_, family::letters, "", ""};
  if (auto end = letters.end(); !end) return end;
  last_ = last;
  oldest_ = letters.valid() ? keys::number_at(letters.key(), 0, 8) : last + 1;
  return {};
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
    last_ = owner.last_;
    oldest_ = owner.oldest_;
    for (const auto& l : letters) totals_[l.reason] = owner.by_reason_[l.reason];
  }
  for (const auto& l : letters) {
    ++totals_[l.reason];
    batch.Put(handle, keys::sequence(++last_), rows::letter(l, options.dead_letter_bytes));
  }
  for (const auto& [reason, total] : totals_) {
    batch.Put(owner.database_.at(family::meta), keys::letters_by_reason(reason),
              rows::number(total));
  }
  // An eighth more than wanted is let in, so that the front is cut off in long pieces.
  const std::uint64_t keep = std::max<std::uint64_t>(1, options.dead_letter_count);
  if (last_ + 1 - oldest_ > keep + keep / 8) {
    const std::uint64_t below = last_ + 1 - keep;
    batch.DeleteRange(handle, keys::sequence(oldest_), keys::sequence(below));
    oldest_ = below;
  }
}

void rocksdb_letters::staged::written() {
  if (!writing_.owns_lock()) return;
  {
    const std::lock_guard lock{owner_.mutex_};
    for (const auto& [reason, total] : totals_) owner_.by_reason_[reason] = total;
    owner_.last_ = last_;
    owner_.oldest_ = oldest_;
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

outcome<std::vector<dead_letter>> rocksdb_letters::newest(std::size_t limit) {
  std::vector<dead_letter> out;
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  scan letters{database_, family::letters, "", ""};
  for (letters.to_last(); letters.valid() && out.size() < limit; letters.previous()) {
    auto letter = rows::read_letter(letters.value());
    if (!letter) return letter.error();
    out.push_back(std::move(*letter));
  }
  if (auto end = letters.end(); !end) return end.error();
  return out;
}

std::uint64_t rocksdb_letters::total() const {
  const std::lock_guard lock{mutex_};
  return last_;
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
  std::uint64_t begin = 0;
  {
    const std::lock_guard lock{mutex_};
    begin = oldest_;
  }
  std::uint64_t below = begin;
  scan letters{database_, family::letters, keys::sequence(begin), ""};
  for (std::size_t n = 0; letters.valid() && n < sweep_letters; letters.next(), ++n) {
    const auto letter = rows::read_letter(letters.value());
    if (!letter) return letter.error();
    if (letter->arrived >= oldest) break;
    below = keys::number_at(letters.key(), 0, 8) + 1;
  }
  if (auto end = letters.end(); !end) return end;
  if (below == begin) return {};
  rocksdb::WriteBatch batch;
  batch.DeleteRange(database_.at(family::letters), keys::sequence(begin), keys::sequence(below));
  if (auto done = database_.write(batch, false, write_kind::work); !done) return done;
  const std::lock_guard lock{mutex_};
  oldest_ = below;
  return {};
}

}  // namespace faultline
