// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rocksdb_event_log.hpp"

#include <rocksdb/convenience.h>

#include <algorithm>
#include <utility>

#include "storage/internal/keys.hpp"
#include "storage/internal/rows.hpp"

namespace faultline {
namespace {

failure missing(partition_id partition, log_position position) {
  return {ec::store_corrupt, "the log of partition " + std::to_string(partition) +
                                 " lacks position " + std::to_string(position)};
}

}  // namespace

rocksdb_event_log::rocksdb_event_log(rocksdb_database& database, rocksdb_letters& letters,
                                     std::uint16_t partitions)
    : database_{database},
      letters_{letters},
      partitions_{partitions},
      segment_bytes_{database.log_segment_bytes()},
      last_(partitions),
      first_(partitions) {}

outcome<void> rocksdb_event_log::check(const append_group& group) const {
  for (const auto& entry : group.log) {
    if (entry.partition >= partitions_) {
      return failure{ec::invalid, "there is no partition " + std::to_string(entry.partition)};
    }
  }
  return {};
}

outcome<std::vector<log_position>> rocksdb_event_log::append(const append_group& group,
                                                             sync_when when) {
  if (auto valid = check(group); !valid) return valid.error();
  std::size_t bytes = 4096;
  for (const auto& entry : group.log) bytes += entry.blob.size() + 64;

  const std::lock_guard appending{appending_};
  // What was decided is to be carried out; what comes with it was let in while there was room.
  const bool decided = group.control_sequence > control_sequence();
  const auto kind = decided ? write_kind::work : write_kind::intake;
  if (auto may = database_.may_write(kind); !may) return may.error();
  rocksdb::WriteBatch batch{bytes};
  staged_group staged;
  const auto segment = choose_segment(batch, staged.begun);
  if (!segment) return segment.error();
  if (auto put = put_blobs(group, *segment, batch, staged.positions); !put) return put.error();
  stage_publishers(group, batch, staged);
  stage_sums(group, batch, staged);
  rocksdb_letters::staged letters{letters_, group.dead_letters, batch};
  if (batch.Count() == 0) return staged.positions;
  if (auto done = database_.write(batch, when == sync_when::now, kind); !done) return done.error();
  letters.written();
  written(group, staged);
  return std::move(staged.positions);
}

void rocksdb_event_log::stage_publishers(const append_group& group, rocksdb::WriteBatch& batch,
                                         staged_group& staged) const {
  staged.delta_number = last_publisher_delta() + 1;
  if (!group.publishers.empty()) {
    batch.Put(database_.at(family::publishers), keys::publisher_deltas(staged.delta_number),
              rows::deltas(group.publishers));
  }
  staged.forgotten_through = staged.delta_number - (group.publishers.empty() ? 1 : 0);
  for (const auto& key : group.forgotten) {
    batch.Put(database_.at(family::publishers), keys::publisher_row(key),
              rows::publisher(staged.forgotten_through, ""));
  }
}

void rocksdb_event_log::stage_sums(const append_group& group, rocksdb::WriteBatch& batch,
                                   staged_group& staged) const {
  staged.totals = counters();
  for (const auto& [name, count] : group.counters) {
    auto& total = staged.totals[name];
    total += count;
    batch.Put(database_.at(family::meta), keys::counter(name), rows::number(total));
  }
  staged.controls = group.control_sequence > control_sequence();
  if (staged.controls) {
    batch.Put(database_.at(family::meta), keys::controls_copied(),
              rows::number(group.control_sequence));
  }
}

/// What is known in memory follows what is on its way to the disk.
void rocksdb_event_log::written(const append_group& group, staged_group& staged) {
  for (const auto& entry : group.log) bytes_written_ += entry.blob.size();
  segment_is_ours_ = true;
  if (staged.begun.number != 0) {
    const std::lock_guard lock{directory_mutex_};
    directory_.add(std::move(staged.begun));
  }
  for (std::size_t i = 0; i < staged.positions.size(); ++i) {
    last_[group.log[i].partition].store(staged.positions[i], std::memory_order_release);
  }
  if (staged.controls) control_sequence_.store(group.control_sequence);
  if (!group.publishers.empty() || !group.forgotten.empty()) {
    const std::lock_guard lock{publishers_mutex_};
    for (const auto& d : group.publishers) deltas_.appended(d.key, staged.delta_number);
    for (const auto& key : group.forgotten) {
      deltas_.folded(key, staged.forgotten_through);
      forgotten_[key] = staged.forgotten_through;
    }
  }
  if (!group.counters.empty()) {
    const std::lock_guard lock{counters_mutex_};
    counters_ = std::move(staged.totals);
  }
}

/// The segment to write to. When the newest is full, or of an earlier run, @p next becomes a new
/// one, its row in @p batch, and the memtable goes to disk. So a file holds one segment, files do
/// not overlap, and RocksDB moves them down its levels without rewriting them.
outcome<std::uint64_t> rocksdb_event_log::choose_segment(rocksdb::WriteBatch& batch,
                                                         log_segment& next) {
  {
    const std::lock_guard lock{directory_mutex_};
    if (directory_.empty()) {
      next.number = 1;
    } else {
      const log_segment& newest = directory_.newest();
      const std::uint64_t bytes = bytes_written_ - newest.bytes_before;
      if (bytes < (segment_is_ours_ ? segment_bytes_ : 1)) return newest.number;
      next.number = newest.number + 1;
    }
  }
  if (auto done = database_.begin_flush(family::log); !done) return done.error();
  next.bytes_before = bytes_written_;
  std::vector<std::uint64_t> row{next.bytes_before};
  for (partition_id p = 0; p < partitions_; ++p) {
    next.starts.push_back(last(p) + 1);
    row.push_back(last(p) + 1);
  }
  batch.Put(database_.at(family::meta), keys::log_segment(next.number), rows::numbers(row));
  return next.number;
}

outcome<void> rocksdb_event_log::put_blobs(const append_group& group, std::uint64_t segment,
                                           rocksdb::WriteBatch& batch,
                                           std::vector<log_position>& positions) const {
  std::map<partition_id, log_position> given;
  positions.reserve(group.log.size());
  for (const auto& entry : group.log) {
    const auto at = given.try_emplace(entry.partition, last(entry.partition)).first;
    positions.push_back(++at->second);
    const std::string key = keys::log_blob(segment, entry.partition, positions.back());
    const std::string head = rows::log_head(entry.records);
    const rocksdb::Slice key_part = slice(key);
    const rocksdb::Slice parts[] = {slice(head), slice(entry.blob)};
    const auto status = batch.Put(database_.at(family::log), rocksdb::SliceParts{&key_part, 1},
                                  rocksdb::SliceParts{parts, 2});
    if (!status.ok()) return failure{ec::too_large, status.ToString()};
  }
  return {};
}

outcome<std::vector<log_blob>> rocksdb_event_log::read(partition_id partition, log_position from,
                                                       std::size_t max_blobs,
                                                       std::size_t max_bytes) {
  if (partition >= partitions_) return failure{ec::invalid, "there is no such partition"};
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  const log_position until = last(partition);
  log_position expected = std::max(from, first(partition));
  std::vector<log_blob> out;
  std::size_t bytes = 0;
  std::vector<std::uint64_t> segments;
  {
    const std::lock_guard lock{directory_mutex_};
    segments = directory_.holding(partition, expected);
  }
  for (const std::uint64_t segment : segments) {
    scan blobs{database_, family::log, keys::log_blob(segment, partition, expected),
               keys::log_blob(segment, partition, ~log_position{0}), scan::use::bulk};
    for (; blobs.valid(); blobs.next()) {
      if (out.size() >= max_blobs || (!out.empty() && bytes >= max_bytes)) return out;
      const auto row = rows::read_log(blobs.value());
      if (!row) return row.error();
      const log_position found = keys::number_at(blobs.key(), keys::log_position_offset, 8);
      if (found != expected) {
        // Trimmed while we read, or gone although nobody took it.
        if (!out.empty() && expected < first(partition)) return out;
        if (found > first(partition)) return missing(partition, expected);
      }
      out.push_back({partition, found, std::string{row->blob}, row->records});
      bytes += row->blob.size();
      expected = found + 1;
    }
    if (auto end = blobs.end(); !end) return end.error();
  }
  if (expected <= until && expected >= first(partition)) return missing(partition, expected);
  return out;
}

log_position rocksdb_event_log::last(partition_id partition) const {
  return partition < partitions_ ? last_[partition].load(std::memory_order_acquire) : 0;
}

log_position rocksdb_event_log::first(partition_id partition) const {
  return partition < partitions_ ? first_[partition].load(std::memory_order_acquire) : 1;
}

std::map<std::string, std::uint64_t> rocksdb_event_log::counters() const {
  const std::lock_guard lock{counters_mutex_};
  return counters_;
}

// ---- trimming ---------------------------------------------------------------------------------

outcome<void> rocksdb_event_log::trim(partition_id partition, log_position below) {
  if (partition >= partitions_) return failure{ec::invalid, "there is no such partition"};
  const std::lock_guard trimming{trimming_};
  const log_position target = std::min(below, last(partition) + 1);
  if (target <= first(partition)) return {};
  rocksdb::WriteBatch batch;
  batch.Put(database_.at(family::meta), keys::log_first(partition), rows::number(target));
  // Nobody reads what they have skipped any more.
  scan skipped{database_, family::meta, keys::poison({partition, 0, 0}),
               keys::poison({partition, target, 0})};
  for (; skipped.valid(); skipped.next())
    batch.Delete(database_.at(family::meta), slice(skipped.key()));
  if (auto end = skipped.end(); !end) return end;
  if (auto done = database_.write(batch, false, write_kind::work); !done) return done;
  first_[partition].store(target, std::memory_order_release);
  return drop_segments();
}

/// Takes the segments off the disk that no partition reads any more, as whole files: first they are
/// durably forgotten, with the trims before it, then removed. A file that is not yet low enough in
/// RocksDB's levels goes with a later sweep.
outcome<void> rocksdb_event_log::drop_segments() {
  std::vector<log_position> firsts;
  for (partition_id p = 0; p < partitions_; ++p) firsts.push_back(first(p));
  std::uint64_t oldest = 0;
  std::uint64_t below = 0;
  {
    const std::lock_guard lock{directory_mutex_};
    if (directory_.empty()) return {};
    oldest = directory_.oldest().number;
    below = directory_.droppable_below(firsts);
  }
  if (below <= oldest) return {};
  rocksdb::WriteBatch batch;
  batch.DeleteRange(database_.at(family::meta), keys::log_segment(oldest),
                    keys::log_segment(below));
  if (auto done = database_.write(batch, true, write_kind::work); !done) return done;
  {
    const std::lock_guard lock{directory_mutex_};
    directory_.drop_below(below);
  }
  return delete_files();
}

/// Removes the files that hold nothing but forgotten segments.
outcome<void> rocksdb_event_log::delete_files() {
  std::uint64_t below = 0;
  {
    const std::lock_guard lock{directory_mutex_};
    if (directory_.empty()) return {};
    below = directory_.oldest().number;
  }
  const std::string begin = keys::log_blob(0, 0, 0);
  const std::string end = keys::log_blob(below, 0, 0);
  const rocksdb::Slice from = slice(begin);
  const rocksdb::Slice to = slice(end);
  const auto status =
      rocksdb::DeleteFilesInRange(&database_.db(), database_.at(family::log), &from, &to, false);
  if (!status.ok()) return database_.read_failed(status, family::log);
  return {};
}

std::uint64_t rocksdb_event_log::current_segment() const {
  const std::lock_guard lock{directory_mutex_};
  return directory_.empty() ? 0 : directory_.newest().number;
}

outcome<void> rocksdb_event_log::sweep(
    std::uint64_t segment, std::uint64_t bytes,
    const std::function<outcome<log_position>(partition_id)>& covered) {
  std::vector<log_position> starts;
  {
    const std::lock_guard appending{appending_};
    const std::lock_guard lock{directory_mutex_};
    if (directory_.empty()) return {};
    const auto* keep =
        directory_.find(std::max(segment, directory_.first_within(bytes, bytes_written_)));
    if (keep == nullptr) return {};
    starts = keep->starts;
  }
  for (partition_id p = 0; p < partitions_; ++p) {
    const auto position = covered(p);
    if (!position) return position.error();
    if (auto done = trim(p, std::min(starts[p], *position + 1)); !done) return done;
  }
  const std::lock_guard trimming{trimming_};
  return delete_files();
}

// ---- opening ----------------------------------------------------------------------------------

outcome<void> rocksdb_event_log::load() {
  if (auto done = load_positions(); !done) return done;
  if (auto done = load_counters(); !done) return done;
  return load_deltas();
}

outcome<void> rocksdb_event_log::load_positions() {
  const std::string prefix = keys::log_segment(0).substr(0, 1);
  scan segments{database_, family::meta, prefix, keys::after_prefix(prefix)};
  for (; segments.valid(); segments.next()) {
    auto row = rows::read_numbers(segments.value());
    if (!row) return row.error();
    if (row->size() != partitions_ + 1U) {
      return failure{ec::store_corrupt, "a segment of the log has the wrong number of partitions"};
    }
    directory_.add({keys::number_at(segments.key(), keys::meta_offset, 8),
                    {row->begin() + 1, row->end()},
                    row->front()});
  }
  if (auto end = segments.end(); !end) return end;
  for (partition_id p = 0; p < partitions_; ++p) {
    const auto trimmed = database_.get(family::meta, keys::log_first(p));
    if (!trimmed) return trimmed.error();
    log_position first_kept = 1;
    if (trimmed->has_value()) {
      const auto number = rows::read_number(**trimmed);
      if (!number) return number.error();
      first_kept = *number;
    }
    first_[p].store(first_kept);
  }
  if (directory_.empty()) return {};
  const log_segment& newest = directory_.newest();
  bytes_written_ = newest.bytes_before;
  for (partition_id p = 0; p < partitions_; ++p) {
    const auto position = newest_in(newest.number, p);
    if (!position) return position.error();
    last_[p].store(std::max(*position, newest.starts[p] - 1));
  }
  return {};
}

/// The newest position of @p partition in the newest segment, 0 when it has none there. Adds what
/// the partition wrote there to the bytes written, by its share of the segment's positions.
outcome<log_position> rocksdb_event_log::newest_in(std::uint64_t segment, partition_id partition) {
  scan blobs{database_, family::log, keys::log_blob(segment, partition, 0),
             keys::log_blob(segment, partition, ~log_position{0}), scan::use::bulk};
  blobs.to_last();
  log_position newest = 0;
  if (blobs.valid()) {
    newest = keys::number_at(blobs.key(), keys::log_position_offset, 8);
    bytes_written_ += (newest + 1 - directory_.newest().starts[partition]) * blobs.value().size();
  }
  if (auto end = blobs.end(); !end) return end.error();
  return newest;
}

outcome<void> rocksdb_event_log::load_counters() {
  const std::string prefix = keys::counter("");
  scan totals{database_, family::meta, prefix, keys::after_prefix(prefix)};
  for (; totals.valid(); totals.next()) {
    const auto total = rows::read_number(totals.value());
    if (!total) return total.error();
    counters_[std::string{totals.key().substr(keys::meta_offset)}] = *total;
  }
  if (auto end = totals.end(); !end) return end;
  const auto copied = database_.get(family::meta, keys::controls_copied());
  if (!copied) return copied.error();
  if (!copied->has_value()) return {};
  const auto number = rows::read_number(**copied);
  if (!number) return number.error();
  control_sequence_.store(*number);
  return {};
}

}  // namespace faultline
