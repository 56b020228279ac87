// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rocksdb_checkpoints.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "storage/internal/keys.hpp"
#include "storage/internal/rows.hpp"

namespace faultline {
namespace {

/// Outbox entries looked at in one sweep of a partition.
constexpr std::size_t sweep_entries = 4096;

failure no_partition(partition_id partition) {
  return {ec::invalid, "there is no partition " + std::to_string(partition)};
}

}  // namespace

rocksdb_checkpoints::rocksdb_checkpoints(rocksdb_database& database, std::uint16_t partitions)
    : database_{database},
      partitions_{partitions},
      outboxes_{std::make_unique<outbox_state[]>(partitions)} {}

outcome<void> rocksdb_checkpoints::load() {
  for (partition_id p = 0; p < partitions_; ++p) {
    scan entries{database_, family::outbox, keys::outbox_entry(p, 0),
                 keys::outbox_entry(p, ~std::uint64_t{0})};
    entries.to_last();
    if (entries.valid()) {
      outboxes_[p].last = keys::number_at(entries.key(), keys::outbox_seq_offset, 8);
    }
    if (auto end = entries.end(); !end) return end;
  }
  return {};
}

outcome<void> rocksdb_checkpoints::check(const checkpoint_batch& batch) const {
  if (batch.partition >= partitions_) return no_partition(batch.partition);
  const auto belongs = [&](const std::string& entity) {
    return entity.size() < 65'536 && partition_of(entity, partitions_) == batch.partition;
  };
  const auto foreign = [&](const std::string& entity) {
    return failure{ec::invalid,
                   "'" + entity + "' is not of partition " + std::to_string(batch.partition)};
  };
  for (const auto& s : batch.snapshots) {
    if (!belongs(s.entity)) return foreign(s.entity);
  }
  for (const auto& b : batch.blocks) {
    if (!belongs(b.entity)) return foreign(b.entity);
  }
  for (const auto& entity : batch.retired) {
    if (!belongs(entity)) return foreign(entity);
  }
  for (const auto& q : batch.quarantine) {
    if (!belongs(q.entity)) return foreign(q.entity);
  }
  return {};
}

outcome<std::vector<outbox_entry>> rocksdb_checkpoints::write(const checkpoint_batch& batch,
                                                              sync_when when) {
  if (auto valid = check(batch); !valid) return valid.error();
  if (auto may = database_.may_write(write_kind::work); !may) return may.error();
  auto& outbox = outboxes_[batch.partition];
  const std::lock_guard writing{outbox.writing};
  rocksdb::WriteBatch out;
  auto appended = stage_outbox(batch, outbox.last, out);
  if (!appended) return appended;
  if (auto done = stage_retired(batch, out); !done) return done.error();
  stage_state(batch, out);
  if (out.Count() == 0) return appended;
  const bool sync = when == sync_when::now && (batch.sync || !appended->empty());
  if (auto done = database_.write(out, sync, write_kind::work); !done) return done.error();
  if (!appended->empty()) outbox.last = appended->back().seq;
  return appended;
}

/// Entries whose (entity, key) stands neither in the outbox nor earlier in the batch, with their
/// seq.
outcome<std::vector<outbox_entry>> rocksdb_checkpoints::stage_outbox(const checkpoint_batch& batch,
                                                                     std::uint64_t last,
                                                                     rocksdb::WriteBatch& out) {
  std::vector<outbox_entry> appended;
  std::set<std::string> staged;
  auto* handle = database_.at(family::outbox);
  for (const auto& entry : batch.outbox) {
    std::string index = keys::outbox_index(batch.partition, entry.entity, entry.key);
    if (staged.count(index) != 0) continue;
    const auto known = database_.get(family::outbox, index);
    if (!known) return known.error();
    if (known->has_value()) continue;
    appended.push_back(entry);
    appended.back().seq = ++last;
    out.Put(handle, keys::outbox_entry(batch.partition, last), rows::outbox(entry));
    out.Put(handle, index, rows::number(last));
    staged.insert(std::move(index));
  }
  return appended;
}

outcome<void> rocksdb_checkpoints::stage_retired(const checkpoint_batch& batch,
                                                 rocksdb::WriteBatch& out) {
  for (const auto& entity : batch.retired) {
    out.Delete(database_.at(family::entities), keys::entity(batch.partition, entity));
    out.Delete(database_.at(family::meta), keys::summary(batch.partition, entity));
    out.Delete(database_.at(family::meta), keys::quarantine(batch.partition, entity));
    const std::string prefix = keys::blocks_of(entity);
    scan blocks{database_, family::blocks, prefix, keys::after_prefix(prefix)};
    for (; blocks.valid(); blocks.next()) {
      out.Delete(database_.at(family::blocks), slice(blocks.key()));
    }
    if (auto end = blocks.end(); !end) return end;
  }
  return {};
}

void rocksdb_checkpoints::stage_state(const checkpoint_batch& batch,
                                      rocksdb::WriteBatch& out) const {
  for (const auto& s : batch.snapshots) {
    out.Put(database_.at(family::entities), keys::entity(batch.partition, s.entity),
            rows::snapshot(s));
    out.Put(database_.at(family::meta), keys::summary(batch.partition, s.entity),
            rows::summary(s.position, s.index, s.summary));
  }
  for (const auto& q : batch.quarantine) {
    const auto key = keys::quarantine(batch.partition, q.entity);
    if (q.forget)
      out.Delete(database_.at(family::meta), key);
    else
      out.Put(database_.at(family::meta), key, rows::quarantine(q));
  }
  const std::uint32_t ring = std::max<std::uint32_t>(1, database_.options().blocks_per_entity);
  for (const auto& b : batch.blocks) {
    out.Put(database_.at(family::blocks), keys::block(b.entity, b.number % ring), rows::block(b));
  }
  if (batch.checkpoint) {
    out.Put(database_.at(family::meta), keys::checkpoint(batch.partition),
            rows::numbers({batch.checkpoint->position, batch.checkpoint->decided_through}));
    out.Put(database_.at(family::meta), keys::partition_state(batch.partition),
            rows::text(batch.checkpoint->state));
  }
  if (batch.rules) {
    out.Put(database_.at(family::meta), keys::partition_rules(batch.partition),
            rows::rules(*batch.rules));
  }
}

outcome<partition_checkpoint> rocksdb_checkpoints::load_checkpoint(partition_id partition) {
  if (partition >= partitions_) return no_partition(partition);
  const auto row = database_.get(family::meta, keys::checkpoint(partition));
  if (!row) return row.error();
  if (!row->has_value()) return partition_checkpoint{};
  const auto numbers = rows::read_numbers(**row);
  if (!numbers) return numbers.error();
  if (numbers->size() != 2) return failure{ec::store_corrupt, "a checkpoint row is damaged"};
  partition_checkpoint checkpoint{(*numbers)[0], (*numbers)[1]};
  const auto state = database_.get(family::meta, keys::partition_state(partition));
  if (!state) return state.error();
  if (state->has_value()) {  // a store of an older build has none
    auto text = rows::read_text(**state);
    if (!text) return text.error();
    checkpoint.state = std::move(*text);
  }
  return checkpoint;
}

outcome<partition_rules> rocksdb_checkpoints::load_rules(partition_id partition) {
  if (partition >= partitions_) return no_partition(partition);
  const auto row = database_.get(family::meta, keys::partition_rules(partition));
  if (!row) return row.error();
  if (!row->has_value()) return partition_rules{};
  return rows::read_rules(**row);
}

outcome<void> rocksdb_checkpoints::load_snapshots(
    partition_id partition, const std::function<void(entity_snapshot)>& each) {
  if (partition >= partitions_) return no_partition(partition);
  if (auto healthy = database_.check(); !healthy) return healthy;
  const std::string prefix = keys::entity(partition, "");
  scan snapshots{database_, family::entities, prefix, keys::after_prefix(prefix), scan::use::bulk};
  for (; snapshots.valid(); snapshots.next()) {
    auto snapshot =
        rows::read_snapshot(snapshots.key().substr(keys::entity_name_offset), snapshots.value());
    if (!snapshot) return snapshot.error();
    each(std::move(*snapshot));
  }
  return snapshots.end();
}

outcome<std::optional<entity_snapshot>> rocksdb_checkpoints::load_snapshot(
    std::string_view entity) {
  const auto row =
      database_.get(family::entities, keys::entity(partition_of(entity, partitions_), entity));
  if (!row) return row.error();
  if (!row->has_value()) return std::optional<entity_snapshot>{};
  auto snapshot = rows::read_snapshot(entity, **row);
  if (!snapshot) return snapshot.error();
  return std::optional<entity_snapshot>{std::move(*snapshot)};
}

outcome<bool> rocksdb_checkpoints::load_summaries(partition_id partition,
                                                  const std::function<void(entity_summary)>& each) {
  if (partition >= partitions_) return no_partition(partition);
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  const auto whole = database_.get(family::meta, keys::summaries_whole(partition));
  if (!whole) return whole.error();
  if (!whole->has_value()) return false;
  const std::string prefix = keys::summary(partition, "");
  scan found{database_, family::meta, prefix, keys::after_prefix(prefix), scan::use::bulk};
  for (; found.valid(); found.next()) {
    auto summary = rows::read_summary(found.key().substr(keys::named_offset), found.value());
    if (!summary) return summary.error();
    each(std::move(*summary));
  }
  if (auto end = found.end(); !end) return end.error();
  return true;
}

outcome<void> rocksdb_checkpoints::write_summaries(partition_id partition,
                                                   const std::vector<entity_summary>& all) {
  if (partition >= partitions_) return no_partition(partition);
  rocksdb::WriteBatch out;
  auto* meta = database_.at(family::meta);
  for (const auto& s : all)
    out.Put(meta, keys::summary(partition, s.entity), rows::summary(s.position, s.index, s.bytes));
  out.Put(meta, keys::summaries_whole(partition), rows::number(1));
  return database_.write(out, false, write_kind::work);
}

outcome<std::vector<quarantine_row>> rocksdb_checkpoints::load_quarantine(partition_id partition) {
  if (partition >= partitions_) return no_partition(partition);
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  std::vector<quarantine_row> out;
  const std::string prefix = keys::quarantine(partition, "");
  scan found{database_, family::meta, prefix, keys::after_prefix(prefix)};
  for (; found.valid(); found.next()) {
    auto row = rows::read_quarantine(found.key().substr(keys::named_offset), found.value());
    if (!row) return row.error();
    out.push_back(std::move(*row));
  }
  if (auto end = found.end(); !end) return end.error();
  return out;
}

outcome<std::vector<window_block>> rocksdb_checkpoints::load_blocks(std::string_view entity) {
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  std::vector<window_block> out;
  std::uint32_t newest = 0;
  const std::string prefix = keys::blocks_of(entity);
  scan blocks{database_, family::blocks, prefix, keys::after_prefix(prefix)};
  for (; blocks.valid(); blocks.next()) {
    auto block = rows::read_block(entity, blocks.value());
    if (!block) return block.error();
    newest = std::max(newest, block->number);
    out.push_back(std::move(*block));
  }
  if (auto end = blocks.end(); !end) return end.error();
  // Slots of a ring that was longer once may hold blocks that have fallen out since.
  const std::uint64_t ring = std::max<std::uint32_t>(1, database_.options().blocks_per_entity);
  const auto fallen_out = [&](const window_block& b) { return b.number + ring <= newest; };
  out.erase(std::remove_if(out.begin(), out.end(), fallen_out), out.end());
  std::sort(out.begin(), out.end(),
            [](const window_block& a, const window_block& b) { return a.number < b.number; });
  return out;
}

outcome<std::vector<outbox_entry>> rocksdb_checkpoints::read_outbox(partition_id partition,
                                                                    std::uint64_t from,
                                                                    std::size_t limit) {
  if (partition >= partitions_) return no_partition(partition);
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  std::vector<outbox_entry> out;
  scan entries{database_, family::outbox, keys::outbox_entry(partition, from),
               keys::after_prefix(keys::outbox_entry(partition, 0).substr(0, 3))};
  for (; entries.valid() && out.size() < limit; entries.next()) {
    auto entry = rows::read_outbox(keys::number_at(entries.key(), keys::outbox_seq_offset, 8),
                                   entries.value());
    if (!entry) return entry.error();
    out.push_back(std::move(*entry));
  }
  if (auto end = entries.end(); !end) return end.error();
  return out;
}

outcome<void> rocksdb_checkpoints::sweep_outbox(partition_id partition, std::uint64_t consumed,
                                                log_position first_position) {
  auto& outbox = outboxes_[partition];
  const std::lock_guard writing{outbox.writing};
  rocksdb::WriteBatch out;
  std::uint64_t first = outbox.first;
  // From where the last one ended: what was removed before it is still read until it is merged.
  scan entries{database_, family::outbox, keys::outbox_entry(partition, first),
               keys::after_prefix(keys::outbox_entry(partition, 0).substr(0, 3))};
  for (std::size_t n = 0; entries.valid() && n < sweep_entries; entries.next(), ++n) {
    const std::uint64_t seq = keys::number_at(entries.key(), keys::outbox_seq_offset, 8);
    if (seq > consumed || seq >= outbox.last) break;
    const auto entry = rows::read_outbox(seq, entries.value());
    if (!entry) return entry.error();
    if (entry->cause.first >= first_position) break;
    first = seq + 1;
    out.Delete(database_.at(family::outbox), slice(entries.key()));
    out.Delete(database_.at(family::outbox),
               keys::outbox_index(partition, entry->entity, entry->key));
  }
  if (auto end = entries.end(); !end) return end;
  if (out.Count() == 0) return {};
  if (auto done = database_.write(out, false, write_kind::work); !done) return done;
  outbox.first = first;
  return {};
}

}  // namespace faultline
