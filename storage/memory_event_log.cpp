// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "storage/internal/memory_parts.hpp"

namespace faultline {

outcome<std::vector<log_position>> memory_event_log::append(const append_group& group, sync_when) {
  const std::lock_guard lock{mutex_};
  for (const auto& entry : group.log) {
    if (entry.partition >= logs_.size()) {
      return failure{ec::invalid, "there is no partition " + std::to_string(entry.partition)};
    }
  }
  std::vector<log_position> positions;
  for (const auto& entry : group.log) {
    auto& log = logs_[entry.partition];
    log.blobs.push_back({entry.partition, ++log.last, entry.blob, entry.records});
    bytes_ += entry.blob.size();
    positions.push_back(log.last);
  }
  if (!group.publishers.empty()) {
    const std::uint64_t number = open_.last() + 1;
    deltas_[number] = group.publishers;
    for (const auto& d : group.publishers) open_.appended(d.key, number);
  }
  for (const auto& key : group.forgotten) {
    rows_[key] = publisher_row{key, "", open_.last()};
    open_.folded(key, open_.last());
  }
  for (const auto& [name, count] : group.counters) counters_[name] += count;
  control_sequence_ = std::max(control_sequence_, group.control_sequence);
  if (auto kept = letters_.append(group.dead_letters); !kept) return kept.error();
  return positions;
}

outcome<std::vector<log_blob>> memory_event_log::read(partition_id partition, log_position from,
                                                      std::size_t max_blobs,
                                                      std::size_t max_bytes) {
  const std::lock_guard lock{mutex_};
  if (partition >= logs_.size()) return failure{ec::invalid, "there is no such partition"};
  const auto& log = logs_[partition];
  std::vector<log_blob> out;
  std::size_t bytes = 0;
  const log_position first = log.last + 1 - log.blobs.size();
  for (log_position at = std::max(from, first); at <= log.last; ++at) {
    if (out.size() >= max_blobs || (!out.empty() && bytes >= max_bytes)) break;
    out.push_back(log.blobs[at - first]);
    bytes += out.back().bytes.size();
  }
  return out;
}

std::uint64_t memory_event_log::control_sequence() const {
  const std::lock_guard lock{mutex_};
  return control_sequence_;
}

log_position memory_event_log::last(partition_id partition) const {
  const std::lock_guard lock{mutex_};
  return partition < logs_.size() ? logs_[partition].last : 0;
}

log_position memory_event_log::first(partition_id partition) const {
  const std::lock_guard lock{mutex_};
  if (partition >= logs_.size()) return 1;
  return logs_[partition].last + 1 - logs_[partition].blobs.size();
}

void memory_event_log::drop_front(partition_log& log) {
  bytes_ -= log.blobs.front().bytes.size();
  log.blobs.pop_front();
}

outcome<void> memory_event_log::trim(partition_id partition, log_position below) {
  const std::lock_guard lock{mutex_};
  if (partition >= logs_.size()) return failure{ec::invalid, "there is no such partition"};
  auto& log = logs_[partition];
  while (!log.blobs.empty() && log.blobs.front().position < below) drop_front(log);
  letters_.forget_skipped(partition, log.last + 1 - log.blobs.size());
  return {};
}

outcome<void> memory_event_log::load_publishers(
    const std::function<void(const publisher_row&)>& row,
    const std::function<void(const publisher_delta&)>& delta) {
  std::vector<publisher_delta> later;
  std::map<std::string, publisher_row> rows;
  {
    const std::lock_guard lock{mutex_};
    rows = rows_;
    for (const auto& [number, list] : deltas_) {
      for (const auto& d : list) {
        const auto it = rows.find(d.key);
        if (it == rows.end() || it->second.through < number) later.push_back(d);
      }
    }
  }
  for (const auto& [key, r] : rows) {
    if (!r.bytes.empty()) row(r);
  }
  for (const auto& d : later) delta(d);
  return {};
}

outcome<void> memory_event_log::write_publishers(const std::vector<publisher_row>& rows) {
  const std::lock_guard lock{mutex_};
  for (const auto& row : rows) {
    auto& kept = rows_[row.key] = row;
    kept.through = std::min(row.through, open_.last());
    open_.folded(row.key, kept.through);
  }
  deltas_.erase(deltas_.begin(), deltas_.lower_bound(open_.needed_from()));
  const auto needed_from = open_.needed_from();
  for (auto it = rows_.begin(); it != rows_.end();) {
    const bool over = it->second.bytes.empty() && it->second.through < needed_from;
    it = over ? rows_.erase(it) : std::next(it);
  }
  return {};
}

std::uint64_t memory_event_log::last_publisher_delta() const {
  const std::lock_guard lock{mutex_};
  return open_.last();
}

std::map<std::string, std::uint64_t> memory_event_log::counters() const {
  const std::lock_guard lock{mutex_};
  return counters_;
}

std::uint64_t memory_event_log::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

std::vector<log_position> memory_event_log::positions() const {
  const std::lock_guard lock{mutex_};
  std::vector<log_position> out;
  for (const auto& log : logs_) out.push_back(log.last);
  return out;
}

void memory_event_log::sweep(partition_id partition, log_position old, log_position covered,
                             std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  auto& log = logs_[partition];
  while (!log.blobs.empty() && log.blobs.front().position <= covered &&
         (log.blobs.front().position <= old || bytes_ > bytes)) {
    drop_front(log);
  }
  letters_.forget_skipped(partition, log.last + 1 - log.blobs.size());
}

}  // namespace faultline
