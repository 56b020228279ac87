// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rocksdb_decisions.hpp"

#include <utility>

#include "storage/internal/keys.hpp"
#include "storage/internal/rows.hpp"

namespace faultline {

outcome<void> rocksdb_decisions::load() {
  scan decisions{database_, family::decisions, "", ""};
  decisions.to_last();
  if (decisions.valid()) last_.store(keys::number_at(decisions.key(), 0, 8));
  return decisions.end();
}

outcome<std::uint64_t> rocksdb_decisions::append(const decision_append& batch, sync_when when) {
  const std::lock_guard appending{appending_};
  const std::uint64_t first = last() + 1;
  std::uint64_t seq = first;
  rocksdb::WriteBatch out;
  for (const auto& decision : batch.decisions) {
    out.Put(database_.at(family::decisions), keys::sequence(seq++), rows::text(decision));
  }
  for (const auto& [partition, consumed] : batch.outbox_consumed) {
    out.Put(database_.at(family::meta), keys::outbox_consumed(partition), rows::number(consumed));
  }
  if (batch.control != 0) {
    auto mark = controls();
    if (!mark) return mark.error();
    note_controls(batch, first, *mark);
    out.Put(database_.at(family::meta), keys::controls(), rows::controls(*mark));
  }
  if (auto done = database_.write(out, when == sync_when::now, write_kind::work); !done)
    return done.error();
  last_.store(seq - 1, std::memory_order_release);
  return first;
}

outcome<std::vector<decision>> rocksdb_decisions::read(std::uint64_t from, std::size_t limit) {
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  std::vector<decision> out;
  scan decisions{database_, family::decisions, keys::sequence(from), ""};
  for (; decisions.valid() && out.size() < limit; decisions.next()) {
    const auto bytes = rows::read_text(decisions.value());
    if (!bytes) return bytes.error();
    auto decoded = decode_decision(*bytes);
    if (!decoded) return decoded.error();
    decoded->seq = keys::number_at(decisions.key(), 0, 8);
    out.push_back(std::move(*decoded));
  }
  if (auto end = decisions.end(); !end) return end.error();
  return out;
}

outcome<std::map<partition_id, std::uint64_t>> rocksdb_decisions::outbox_consumed() {
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  std::map<partition_id, std::uint64_t> out;
  scan consumed{database_, family::meta, "O", "P"};
  for (; consumed.valid(); consumed.next()) {
    const auto seq = rows::read_number(consumed.value());
    if (!seq) return seq.error();
    out[static_cast<partition_id>(keys::number_at(consumed.key(), keys::meta_offset, 2))] = *seq;
  }
  if (auto end = consumed.end(); !end) return end.error();
  return out;
}

outcome<control_mark> rocksdb_decisions::controls() {
  const auto row = database_.get(family::meta, keys::controls());
  if (!row) return row.error();
  if (!row->has_value()) return control_mark{};
  return rows::read_controls(**row);
}

}  // namespace faultline
