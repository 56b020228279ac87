// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/memory_parts.hpp"

#include <algorithm>

#include "storage/internal/current_records.hpp"
#include "storage/internal/topics.hpp"

namespace faultline {
namespace {

failure no_partition(partition_id partition) {
  return {ec::invalid, "there is no partition " + std::to_string(partition)};
}

}  // namespace

// ---- dead letters, poison ---------------------------------------------------------------------

void memory_letters::keep(const dead_letter& letter) {
  letters_.push_back(letter);
  auto& kept = letters_.back();
  kept.id = ++last_;
  kept.payload_bytes = std::max<std::uint64_t>(letter.payload_bytes, letter.payload.size());
  kept.payload.resize(std::min(letter.payload.size(), options_.dead_letter_bytes));
  bytes_ += size_of(kept);
  ++by_reason_[letter.reason];
  while (letters_.size() > std::max<std::uint64_t>(1, options_.dead_letter_count) ||
         (letters_.size() > 1 && bytes_ > options_.dead_letter_total_bytes)) {
    drop_front();
  }
}

std::uint64_t memory_letters::size_of(const dead_letter& l) {
  return l.reason.size() + l.source.size() + l.text.size() + l.payload.size();
}

void memory_letters::drop_front() {
  bytes_ -= size_of(letters_.front());
  letters_.pop_front();
}

outcome<void> memory_letters::append(const std::vector<dead_letter>& letters) {
  const std::lock_guard lock{mutex_};
  for (const auto& letter : letters) keep(letter);
  return {};
}

outcome<memory_letters::page> memory_letters::read(const letter_filter& filter) {
  const std::lock_guard lock{mutex_};
  page out;
  std::size_t bytes = 0;
  for (auto l = letters_.rbegin(); l != letters_.rend(); ++l) {
    if (l->id >= filter.below) continue;
    if (out.letters.size() >= filter.limit || bytes >= filter.max_bytes) return out;
    out.next = l->id;
    if (!filter.reason.empty() && l->reason != filter.reason) continue;
    bytes += l->payload.size();
    out.letters.push_back(*l);
  }
  out.next = 0;
  return out;
}

outcome<std::optional<dead_letter>> memory_letters::find(std::uint64_t id) {
  const std::lock_guard lock{mutex_};
  for (const auto& l : letters_) {
    if (l.id == id) return std::optional<dead_letter>{l};
  }
  return std::optional<dead_letter>{};
}

std::uint64_t memory_letters::total() const {
  const std::lock_guard lock{mutex_};
  return last_;
}

std::uint64_t memory_letters::oldest() const {
  const std::lock_guard lock{mutex_};
  return letters_.empty() ? last_ + 1 : letters_.front().id;
}

std::uint64_t memory_letters::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

std::map<std::string, std::uint64_t> memory_letters::by_reason() const {
  const std::lock_guard lock{mutex_};
  return by_reason_;
}

outcome<void> memory_letters::skip(const record_address& where, const dead_letter& why) {
  const std::lock_guard lock{mutex_};
  if (skipped_.emplace(where.partition, where.position, where.index).second) keep(why);
  return {};
}

outcome<std::vector<record_address>> memory_letters::load(partition_id partition) {
  const std::lock_guard lock{mutex_};
  std::vector<record_address> out;
  for (const auto& [p, position, index] : skipped_) {
    if (p == partition) out.push_back({p, position, index});
  }
  return out;
}

void memory_letters::forget_skipped(partition_id partition, log_position below) {
  const std::lock_guard lock{mutex_};
  skipped_.erase(skipped_.lower_bound({partition, 0, 0}),
                 skipped_.lower_bound({partition, below, 0}));
}

void memory_letters::drop_before(arrival_time oldest) {
  const std::lock_guard lock{mutex_};
  while (!letters_.empty() && letters_.front().arrived < oldest) drop_front();
}

// ---- checkpoints ------------------------------------------------------------------------------

outcome<void> memory_checkpoints::check(const checkpoint_batch& batch) const {
  if (batch.partition >= partitions_.size()) return no_partition(batch.partition);
  std::vector<std::string_view> entities{batch.retired.begin(), batch.retired.end()};
  for (const auto& s : batch.snapshots) entities.push_back(s.entity);
  for (const auto& b : batch.blocks) entities.push_back(b.entity);
  for (const auto& q : batch.quarantine) entities.push_back(q.entity);
  for (const auto entity : entities) {
    if (partition_of(entity, static_cast<std::uint16_t>(partitions_.size())) != batch.partition) {
      return failure{ec::invalid, "'" + std::string{entity} + "' is not of partition " +
                                      std::to_string(batch.partition)};
    }
  }
  return {};
}

outcome<std::vector<outbox_entry>> memory_checkpoints::write(const checkpoint_batch& batch,
                                                             sync_when) {
  const std::lock_guard lock{mutex_};
  if (auto valid = check(batch); !valid) return valid.error();
  auto& state = partitions_[batch.partition];
  std::vector<outbox_entry> appended;
  for (const auto& entry : batch.outbox) {
    if (!state.index.emplace(entry.entity, entry.key).second) continue;
    state.outbox.push_back(entry);
    state.outbox.back().seq = ++state.last;
    appended.push_back(state.outbox.back());
  }
  for (const auto& entity : batch.retired) {
    state.snapshots.erase(entity);
    state.blocks.erase(entity);
    state.quarantine.erase(entity);
  }
  for (const auto& q : batch.quarantine) {
    if (q.forget)
      state.quarantine.erase(q.entity);
    else
      state.quarantine[q.entity] = q;
  }
  for (const auto& s : batch.snapshots) state.snapshots[s.entity] = s;
  const std::uint32_t ring = std::max<std::uint32_t>(1, options_.blocks_per_entity);
  for (const auto& b : batch.blocks) state.blocks[b.entity][b.number % ring] = b;
  if (batch.checkpoint) state.checkpoint = *batch.checkpoint;
  if (batch.rules) state.rules = *batch.rules;
  return appended;
}

outcome<partition_checkpoint> memory_checkpoints::load_checkpoint(partition_id partition) {
  const std::lock_guard lock{mutex_};
  if (partition >= partitions_.size()) return no_partition(partition);
  return partitions_[partition].checkpoint;
}

outcome<partition_rules> memory_checkpoints::load_rules(partition_id partition) {
  const std::lock_guard lock{mutex_};
  if (partition >= partitions_.size()) return no_partition(partition);
  return partitions_[partition].rules;
}

outcome<void> memory_checkpoints::load_snapshots(partition_id partition,
                                                 const std::function<void(entity_snapshot)>& each) {
  if (partition >= partitions_.size()) return no_partition(partition);
  std::vector<entity_snapshot> found;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& [entity, snapshot] : partitions_[partition].snapshots) {
      found.push_back(snapshot);
    }
  }
  for (auto& snapshot : found) each(std::move(snapshot));
  return {};
}

const memory_checkpoints::partition_state& memory_checkpoints::of(std::string_view entity) const {
  return partitions_[partition_of(entity, static_cast<std::uint16_t>(partitions_.size()))];
}

outcome<std::optional<entity_snapshot>> memory_checkpoints::load_snapshot(std::string_view entity) {
  const std::lock_guard lock{mutex_};
  const auto& snapshots = of(entity).snapshots;
  const auto it = snapshots.find(entity);
  if (it == snapshots.end()) return std::optional<entity_snapshot>{};
  return std::optional<entity_snapshot>{it->second};
}

outcome<bool> memory_checkpoints::load_summaries(partition_id partition,
                                                 const std::function<void(entity_summary)>& each) {
  if (partition >= partitions_.size()) return no_partition(partition);
  std::vector<entity_summary> found;
  {
    const std::lock_guard lock{mutex_};
    if (!partitions_[partition].summaries_whole) return false;
    for (const auto& [entity, s] : partitions_[partition].snapshots)
      found.push_back({entity, s.position, s.index, s.summary});
  }
  for (auto& s : found) each(std::move(s));
  return true;
}

outcome<void> memory_checkpoints::write_summaries(partition_id partition,
                                                  const std::vector<entity_summary>& all) {
  if (partition >= partitions_.size()) return no_partition(partition);
  const std::lock_guard lock{mutex_};
  auto& state = partitions_[partition];
  for (const auto& s : all) {
    if (const auto at = state.snapshots.find(s.entity); at != state.snapshots.end())
      at->second.summary = s.bytes;
  }
  state.summaries_whole = true;
  return {};
}

outcome<std::vector<quarantine_row>> memory_checkpoints::load_quarantine(partition_id partition) {
  if (partition >= partitions_.size()) return no_partition(partition);
  const std::lock_guard lock{mutex_};
  std::vector<quarantine_row> out;
  for (const auto& [entity, row] : partitions_[partition].quarantine) out.push_back(row);
  return out;
}

outcome<std::vector<window_block>> memory_checkpoints::load_blocks(std::string_view entity) {
  const std::lock_guard lock{mutex_};
  std::vector<window_block> out;
  const auto& blocks = of(entity).blocks;
  const auto it = blocks.find(entity);
  if (it == blocks.end()) return out;
  std::uint32_t newest = 0;
  for (const auto& [slot, block] : it->second) newest = std::max(newest, block.number);
  const std::uint64_t ring = std::max<std::uint32_t>(1, options_.blocks_per_entity);
  for (const auto& [slot, block] : it->second) {
    if (block.number + ring > newest) out.push_back(block);
  }
  std::sort(out.begin(), out.end(),
            [](const window_block& a, const window_block& b) { return a.number < b.number; });
  return out;
}

outcome<std::vector<outbox_entry>> memory_checkpoints::read_outbox(partition_id partition,
                                                                   std::uint64_t from,
                                                                   std::size_t limit) {
  const std::lock_guard lock{mutex_};
  if (partition >= partitions_.size()) return no_partition(partition);
  std::vector<outbox_entry> out;
  for (const auto& entry : partitions_[partition].outbox) {
    if (out.size() >= limit) break;
    if (entry.seq >= from) out.push_back(entry);
  }
  return out;
}

void memory_checkpoints::sweep_outbox(partition_id partition, std::uint64_t consumed,
                                      log_position first_position) {
  const std::lock_guard lock{mutex_};
  auto& state = partitions_[partition];
  while (state.outbox.size() > 1 && state.outbox.front().seq <= consumed &&
         state.outbox.front().cause.first < first_position) {
    state.index.erase({state.outbox.front().entity, state.outbox.front().key});
    state.outbox.pop_front();
  }
}

// ---- decisions --------------------------------------------------------------------------------

outcome<std::uint64_t> memory_decisions::append(const decision_append& batch, sync_when) {
  const std::lock_guard lock{mutex_};
  const std::uint64_t first = decisions_.size() + 1;
  decisions_.insert(decisions_.end(), batch.decisions.begin(), batch.decisions.end());
  for (const auto& [partition, seq] : batch.outbox_consumed) consumed_[partition] = seq;
  note_controls(batch, first, controls_);
  return first;
}

outcome<std::vector<decision>> memory_decisions::read(std::uint64_t from, std::size_t limit) {
  const std::lock_guard lock{mutex_};
  std::vector<decision> out;
  for (std::uint64_t seq = std::max<std::uint64_t>(1, from);
       seq <= decisions_.size() && out.size() < limit; ++seq) {
    auto decoded = decode_decision(decisions_[seq - 1]);
    if (!decoded) return decoded.error();
    decoded->seq = seq;
    out.push_back(std::move(*decoded));
  }
  return out;
}

std::uint64_t memory_decisions::last() const {
  const std::lock_guard lock{mutex_};
  return decisions_.size();
}

outcome<std::map<partition_id, std::uint64_t>> memory_decisions::outbox_consumed() {
  const std::lock_guard lock{mutex_};
  return consumed_;
}

outcome<control_mark> memory_decisions::controls() {
  const std::lock_guard lock{mutex_};
  return controls_;
}

// ---- feed -------------------------------------------------------------------------------------

outcome<std::vector<feed_record>> memory_feed::append(const feed_append& batch,
                                                      sync_when /*when*/) {
  const std::lock_guard lock{mutex_};
  std::vector<feed_record> appended;
  for (const auto& item : batch.items) {
    ++last_;
    appended.push_back({last_, item.topic, item.payload(last_)});
    messages_.push_back(appended.back());
    messages_.back().topic = join_topics(item.topic, item.also);
  }
  for (const auto& r : batch.records) {
    const auto told = r.item < appended.size() ? appended[r.item].seq : last_;
    records_[r.key] = {r.bytes, told};
  }
  correlator_.through = std::max(correlator_.through, batch.through);
  if (!batch.state.empty()) {
    correlator_.state = batch.state;
    correlator_.state_through = batch.through;
  }
  return appended;
}

outcome<feed_store::page> memory_feed::read(std::uint64_t from, std::size_t limit,
                                            std::string_view prefix) {
  const std::lock_guard lock{mutex_};
  page out;
  out.next =
      messages_.empty() ? std::max<std::uint64_t>(1, from) : std::max(from, messages_.front().seq);
  const std::uint64_t first = messages_.empty() ? 1 : messages_.front().seq;
  std::size_t bytes = 0;
  for (std::size_t i = out.next - first; i < messages_.size() && out.records.size() < limit; ++i) {
    auto topic = topic_under(messages_[i].topic, prefix);
    if (topic) {
      bytes += topic->size() + messages_[i].payload.size();
      if (bytes > page_bytes && !out.records.empty()) break;
    }
    out.next = messages_[i].seq + 1;
    if (!topic) continue;
    out.records.push_back(messages_[i]);
    out.records.back().topic = std::move(*topic);
  }
  return out;
}

std::uint64_t memory_feed::last() const {
  const std::lock_guard lock{mutex_};
  return last_;
}

std::uint64_t memory_feed::oldest() const {
  const std::lock_guard lock{mutex_};
  return messages_.empty() ? 1 : messages_.front().seq;
}

outcome<correlator_checkpoint> memory_feed::load_correlator() {
  const std::lock_guard lock{mutex_};
  return correlator_;
}

outcome<std::vector<std::pair<std::string, std::string>>> memory_feed::records(
    std::string_view prefix, std::string_view after, std::size_t limit) {
  const std::lock_guard lock{mutex_};
  std::vector<std::pair<std::string, std::string>> out;
  auto it = after < prefix ? records_.lower_bound(prefix) : records_.upper_bound(after);
  if (after.empty()) it = records_.lower_bound(prefix);
  for (; it != records_.end() && out.size() < limit; ++it) {
    if (it->first.compare(0, prefix.size(), prefix) != 0) break;
    out.emplace_back(it->first, it->second.bytes);
  }
  return out;
}

outcome<std::optional<std::string>> memory_feed::record(std::string_view key) {
  const std::lock_guard lock{mutex_};
  const auto it = records_.find(key);
  if (it == records_.end()) return std::optional<std::string>{};
  return std::optional<std::string>{it->second.bytes};
}

outcome<std::uint64_t> memory_feed::record_seq(std::string_view key) {
  const std::lock_guard lock{mutex_};
  const auto it = records_.find(key);
  return it == records_.end() ? 0 : it->second.feed_seq;
}

void memory_feed::drop_below(std::uint64_t below) {
  const std::lock_guard lock{mutex_};
  while (messages_.size() > 1 && messages_.front().seq < below) messages_.pop_front();
  const std::uint64_t oldest = messages_.empty() ? 1 : messages_.front().seq;
  for (auto it = records_.begin(); it != records_.end();) {
    const auto& [key, record] = *it;
    const bool aged = record.feed_seq < oldest && is_resolved(key, record.bytes);
    const auto original = records_.find(copied_from(key));
    const bool copy = !copied_from(key).empty();
    const bool left_over =
        copy && (original == records_.end() || original->second.feed_seq != record.feed_seq);
    it = aged || left_over ? records_.erase(it) : std::next(it);
  }
}

}  // namespace faultline
