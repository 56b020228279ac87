// SPDX-License-Identifier: Apache-2.0
#include "actors/partition_ledger.hpp"

#include <algorithm>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include "actors/partition.hpp"

// The end of a partition's owner: what it had under way is counted, so that nothing waits for it
// for ever. The next owner reads it again from the log ("restart").

namespace faultline {

partition_state::~partition_state() {
  for (const auto* e : active_)
    if (e->handle) caf::anon_send_exit(e->handle, caf::exit_reason::user_shutdown);
  if (peers_.counters == nullptr) return;
  settle();
  // Whoever owns the partition next counts its entities anew.
  auto& n = *peers_.counters;
  n.entities.fetch_sub(entities_.size(), std::memory_order_relaxed);
  n.entities_active.fetch_sub(active_.size(), std::memory_order_relaxed);
  if (loaded_) n.partitions_loaded.fetch_sub(1, std::memory_order_relaxed);
  for (const auto& [id, q] : quarantines_)
    if (q.until == 0) n.entities_quarantined.fetch_sub(1, std::memory_order_relaxed);
}

void partition_state::settle() {
  count_read();
  auto& n = *peers_.counters;
  for (auto& [id, e] : entities_) settle(*e, n.events_resent);
  for (auto& [id, e] : retiring_) settle(*e, n.events_retired);
  if (!loaded_) return;
  auto& ledger = *options_.ledger;
  // A control or a clock is counted before it acts.
  if (ledger.torn && ledger.torn->kind == record_kind::event)
    drop_record(n.events_resent, ledger.torn->where);
  ledger.clock = clock_.clock();
  ledger.through = std::max(counted_after_, now_at());
}

/// Its actor may be alive yet: from here on it takes nothing and gives nothing back. What was sent
/// to it and not taken is counted as @p undone.
void partition_state::settle(entity_entry& e, std::atomic<std::uint64_t>& undone) {
  auto& n = *peers_.counters;
  if (e.cell) {
    const auto given = e.cell->close();
    const auto unread = e.dispatched - e.cell->begun();
    undone.fetch_add(unread, std::memory_order_relaxed);
    n.in_flight.fetch_sub(unread, std::memory_order_relaxed);
    n.finished.fetch_add(e.dispatched_counted - given.finished, std::memory_order_relaxed);
  }
  if (!e.aside) return;
  n.finished.fetch_add(e.aside->waiting, std::memory_order_relaxed);
  for (const auto& held : e.aside->held) {
    const auto* o = std::get_if<observation>(&held);
    if (o == nullptr) continue;
    undone.fetch_add(1, std::memory_order_relaxed);
    n.in_flight.fetch_sub(1, std::memory_order_relaxed);
    if (o->counted) n.finished.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace faultline
