// SPDX-License-Identifier: Apache-2.0
// The publishers' side of the event log: window rows and the deltas written since.
#include <algorithm>
#include <utility>

#include "storage/internal/keys.hpp"
#include "storage/internal/rocksdb_event_log.hpp"
#include "storage/internal/rows.hpp"

namespace faultline {
namespace {

using row_visitor = std::function<void(const publisher_row&)>;  ///< of forgotten ones as well
using delta_visitor = std::function<void(std::uint64_t number, const publisher_delta&)>;

/// Rows, then the deltas that no row includes, in order of writing. @returns the highest number
/// seen.
outcome<std::uint64_t> visit(rocksdb_database& database, const row_visitor& row,
                             const delta_visitor& delta) {
  std::uint64_t highest = 0;
  std::map<std::string, std::uint64_t> through;
  scan rows_found{database, family::publishers, "r", "s"};
  for (; rows_found.valid(); rows_found.next()) {
    auto found =
        rows::read_publisher(rows_found.key().substr(keys::publisher_offset), rows_found.value());
    if (!found) return found.error();
    through[found->key] = found->through;
    highest = std::max(highest, found->through);
    row(*found);
  }
  if (auto end = rows_found.end(); !end) return end.error();
  scan deltas{database, family::publishers, "d", "e"};
  for (; deltas.valid(); deltas.next()) {
    const std::uint64_t number = keys::number_at(deltas.key(), keys::publisher_offset, 8);
    highest = std::max(highest, number);
    const auto list = rows::read_deltas(deltas.value());
    if (!list) return list.error();
    for (const auto& d : *list) {
      const auto included = through.find(d.key);
      if (included == through.end() || included->second < number) delta(number, d);
    }
  }
  if (auto end = deltas.end(); !end) return end.error();
  return highest;
}

}  // namespace

outcome<void> rocksdb_event_log::load_deltas() {
  const auto highest = visit(
      database_,
      [this](const publisher_row& r) {
        if (r.bytes.empty()) forgotten_[r.key] = r.through;
      },
      [this](std::uint64_t n, const publisher_delta& d) { deltas_.appended(d.key, n); });
  if (!highest) return highest.error();
  deltas_.set_last(*highest);
  return {};
}

outcome<void> rocksdb_event_log::load_publishers(
    const std::function<void(const publisher_row&)>& row,
    const std::function<void(const publisher_delta&)>& delta) {
  if (auto healthy = database_.check(); !healthy) return healthy;
  const auto done = visit(
      database_,
      [&row](const publisher_row& r) {
        if (!r.bytes.empty()) row(r);
      },
      [&delta](std::uint64_t, const publisher_delta& d) { delta(d); });
  if (!done) return done.error();
  return {};
}

outcome<void> rocksdb_event_log::write_publishers(const std::vector<publisher_row>& list) {
  const std::lock_guard writing{publishers_writing_};
  std::map<std::string, std::uint64_t> through;
  std::uint64_t needed_from = 0;
  std::vector<std::string> over;  // forgotten, and nothing left that a row must say so of
  {
    const std::lock_guard lock{publishers_mutex_};
    for (const auto& row : list) through[row.key] = std::min(row.through, deltas_.last());
    needed_from = deltas_.needed_from(through);
    for (const auto& [key, included] : forgotten_) {
      if (included < needed_from && through.count(key) == 0) over.push_back(key);
    }
  }
  rocksdb::WriteBatch batch;
  auto* handle = database_.at(family::publishers);
  for (const auto& row : list) {
    const std::uint64_t included = through[row.key];
    if (row.bytes.empty() && included < needed_from) {
      batch.Delete(handle, keys::publisher_row(row.key));
    } else {
      batch.Put(handle, keys::publisher_row(row.key), rows::publisher(included, row.bytes));
    }
  }
  for (const auto& key : over) batch.Delete(handle, keys::publisher_row(key));
  batch.DeleteRange(handle, keys::publisher_deltas(0), keys::publisher_deltas(needed_from));
  if (auto done = database_.write(batch, false, write_kind::work); !done) return done;
  const std::lock_guard lock{publishers_mutex_};
  for (const auto& key : over) forgotten_.erase(key);
  for (const auto& row : list) {
    const std::uint64_t included = through[row.key];
    deltas_.folded(row.key, included);
    if (row.bytes.empty() && included >= needed_from)
      forgotten_[row.key] = included;
    else
      forgotten_.erase(row.key);
  }
  return {};
}

std::uint64_t rocksdb_event_log::last_publisher_delta() const {
  const std::lock_guard lock{publishers_mutex_};
  return deltas_.last();
}

}  // namespace faultline
