// SPDX-License-Identifier: Apache-2.0
#include "actors/librarian.hpp"

#include <memory>
#include <set>
#include <utility>

#include "actors/caf_bridge.hpp"
#include "actors/retirement.hpp"

namespace faultline {

namespace {

constexpr std::size_t page_blobs = 512;
constexpr std::size_t page_bytes = 4 * 1024 * 1024;
constexpr std::size_t outbox_page = 1024;

outcome<entity_decision> recorded_decision(const outbox_entry& entry) {
  auto what = decode_decision(entry.decision);
  if (!what) return what.error();
  entity_decision d;
  d.key = entry.key.substr(0, entry.key.find('@'));
  d.cause = entry.cause;
  d.tick = entry.tick;
  d.what = std::move(*what);
  return d;
}

/// Does a snapshot that covers the records up to @p covered hold it? Of an entry that knows its
/// blob alone: whatever stood in there. What is not held and was decided is decided again, to the
/// same.
bool is_held(const outbox_entry& entry, const record_mark& covered) {
  if (entry.cause.second == whole_blob) return entry.cause.first <= covered.first;
  return entry.cause <= covered;
}

/// Calls @p each with every outbox entry of @p partition, in order.
template <class Each>
outcome<void> for_outbox(store& from, partition_id partition, Each each) {
  std::uint64_t next = 1;
  for (;;) {
    auto page = from.checkpoints().read_outbox(partition, next, outbox_page);
    if (!page) return page.error();
    if (page->empty()) return {};
    for (const auto& entry : *page) {
      auto kept = each(entry);
      if (!kept) return kept;
    }
    next = page->back().seq + 1;
  }
}

/// What stands recorded of the entities of a partition, as far as their snapshots do not hold it.
class recorded_reader {
public:
  using known_marks = std::map<std::string_view, record_mark>;
  /// @param covered what the snapshots cover of those who have one
  explicit recorded_reader(const known_marks& covered) : covered_{covered} {}

  outcome<void> take(const outbox_entry& entry) {
    const auto known = covered_.find(entry.entity);
    const bool is_known = known != covered_.end();
    if (is_retirement(entry.key)) {
      // Told and not yet carried out: the log is read from before it, and it comes again.
      if (is_known && known->second < entry.cause) {
        ending_.insert(entry.entity);
        return {};
      }
      all_.erase(entry.entity);  // of a predecessor
    }
    if (is_known && is_held(entry, known->second)) return {};
    if (ending_.count(entry.entity) != 0) return {};
    auto d = recorded_decision(entry);
    if (!d) return d.error();
    all_[entry.entity].push_back(std::move(*d));
    return {};
  }

  std::map<std::string, std::vector<entity_decision>> all() { return std::move(all_); }

private:
  const known_marks& covered_;
  std::set<std::string, std::less<>> ending_;  ///< what stands behind is of a namesake
  std::map<std::string, std::vector<entity_decision>> all_;
};

outcome<log_page> read_page(store& from, partition_id partition, log_position first) {
  auto blobs = from.events().read(partition, first, page_blobs, page_bytes);
  if (!blobs) return blobs.error();
  log_page page;
  page.blobs.reserve(blobs->size());
  for (auto& blob : *blobs) page.blobs.push_back(std::make_shared<const log_blob>(std::move(blob)));
  return page;
}

/// The core of an entity as its snapshot has it; empty when there is none.
outcome<std::optional<entity_core>> core_of(store& from, const std::string& entity,
                                            std::shared_ptr<const judgement_rules> rules) {
  auto snapshot = from.checkpoints().load_snapshot(entity);
  if (!snapshot) return snapshot.error();
  if (!*snapshot) return std::optional<entity_core>{};
  entity_core core{entity, std::move(rules)};
  if (auto restored = core.restore((*snapshot)->bytes); !restored) return restored.error();
  return std::optional<entity_core>{std::move(core)};
}

/// A store of a build that wrote no summaries: every snapshot is read, once.
outcome<void> summarise(store& from, const load_partition& what, std::vector<known_entity>& into) {
  std::vector<entity_summary> rows;
  const auto read = from.checkpoints().load_snapshots(what.partition, [&](entity_snapshot s) {
    known_entity known{s.entity, s.position, s.index, {}};
    entity_core core{s.entity, what.rules};
    // One that cannot be read is found out by its supervisor, when it is needed.
    if (what.rules && core.restore(s.bytes)) known.outline = core.outline();
    known.outline.heard_event = known.outline.last_ts;
    known.outline.heard_arrived = known.outline.last_arrived;
    rows.push_back({s.entity, s.position, s.index, encode_outline(known.outline)});
    into.push_back(std::move(known));
  });
  if (!read) return read;
  auto written = from.checkpoints().write_summaries(what.partition, rows);
  if (!written && written.error().code == ec::no_space) return {};  // the next start does it
  return written;
}

outcome<void> read_known(store& from, const load_partition& what, std::vector<known_entity>& into) {
  outcome<void> readable;
  const auto whole = from.checkpoints().load_summaries(what.partition, [&](entity_summary s) {
    auto outline = decode_outline(s.bytes);
    if (!outline) {
      readable = failure{outline.error().code, s.entity + ": " + outline.error().what};
      return;
    }
    into.push_back({std::move(s.entity), s.position, s.index, *outline});
  });
  if (!whole) return whole.error();
  if (!readable) return readable;
  return *whole ? outcome<void>{} : summarise(from, what, into);
}

outcome<entity_answer> answer_for(store& from, const read_entity& q) {
  auto core = core_of(from, q.entity, q.rules);
  if (!core) return core.error();
  if (!*core) return entity_answer{};
  return entity_answer{true, false, (*core)->status()};
}

outcome<window_answer> answer_for(store& from, const read_window& q) {
  auto core = core_of(from, q.entity, q.rules);
  if (!core) return core.error();
  if (!*core) return window_answer{};
  window_answer answer{true, (*core)->window(q.as_of), {}};
  // Nothing has come since: it is known through its partition's clock, as if it had been there.
  if (!(*core)->outline().tick_open)
    answer.tail.watermark = std::max(answer.tail.watermark, q.clock);
  return answer;
}

}  // namespace

outcome<partition_image> read_partition_image(store& from, const load_partition& what) {
  const auto partition = what.partition;
  partition_image image;
  auto checkpoint = from.checkpoints().load_checkpoint(partition);
  if (!checkpoint) return checkpoint.error();
  image.checkpoint = *checkpoint;
  if (auto known = read_known(from, what, image.entities); !known) return known.error();
  auto quarantine = from.checkpoints().load_quarantine(partition);
  if (!quarantine) return quarantine.error();
  image.quarantine = std::move(*quarantine);
  std::map<std::string_view, record_mark> covered;
  for (const auto& e : image.entities) covered[e.id] = {e.position, e.index};
  auto rules = from.checkpoints().load_rules(partition);
  if (!rules) return rules.error();
  image.rules = std::move(*rules);
  recorded_reader recorded{covered};
  auto read = for_outbox(from, partition, [&](const auto& entry) { return recorded.take(entry); });
  if (!read) return read.error();
  image.recorded = recorded.all();
  auto poison = from.poison().load(partition);
  if (!poison) return poison.error();
  image.poison = std::move(*poison);
  image.last = from.events().last(partition);
  return image;
}

outcome<entity_image> read_entity_image(store& from, const load_entity& what) {
  entity_image image;
  auto snapshot = from.checkpoints().load_snapshot(what.entity);
  if (!snapshot) return snapshot.error();
  image.snapshot = std::move(*snapshot);
  std::map<std::string_view, record_mark> covered;
  if (image.snapshot) covered[what.entity] = {image.snapshot->position, image.snapshot->index};
  recorded_reader recorded{covered};
  auto read = for_outbox(from, what.partition, [&](const outbox_entry& entry) -> outcome<void> {
    return entry.entity == what.entity ? recorded.take(entry) : outcome<void>{};
  });
  if (!read) return read.error();
  for (auto& [id, all] : recorded.all()) image.recorded = std::move(all);
  const bool begins_anew = !image.recorded.empty() && is_retirement(image.recorded.front().key);
  if (begins_anew) image.recorded.erase(image.recorded.begin());
  auto next = std::max<log_position>(what.from, 1);
  while (next <= what.through) {
    auto page = read_page(from, what.partition, next);
    if (!page) return page.error();
    if (page->blobs.empty()) break;
    for (auto& blob : page->blobs) {
      next = blob->position + 1;
      if (blob->position <= what.through) image.blobs.push_back(std::move(blob));
    }
  }
  return image;
}

librarian_actor::behavior_type librarian(librarian_actor::pointer, store* from) {
  return {
      [from](const read_log& q) { return to_reply(read_page(*from, q.partition, q.from)); },
      [from](const load_partition& q) { return to_reply(read_partition_image(*from, q)); },
      [from](const load_entity& q) { return to_reply(read_entity_image(*from, q)); },
      [from](const load_snapshots& q) -> caf::result<snapshots_answer> {
        snapshots_answer answer;
        for (const auto& entity : q.entities) {
          auto snapshot = from->checkpoints().load_snapshot(entity);
          if (!snapshot) return to_caf_error(snapshot.error());
          answer.snapshots.push_back(std::move(*snapshot));
        }
        return answer;
      },
      [from](const read_entity& q) { return to_reply(answer_for(*from, q)); },
      [from](const read_window& q) { return to_reply(answer_for(*from, q)); },
      [from](const load_blocks& q) -> caf::result<blocks_answer> {
        auto blocks = from->checkpoints().load_blocks(q.entity);
        if (!blocks) return to_caf_error(blocks.error());
        blocks_answer answer;
        for (auto& b : *blocks) answer.blocks.push_back(closed_block{b.number, std::move(b.bytes)});
        return answer;
      },
      [from](const read_decisions& q) -> caf::result<decision_page> {
        auto decisions = from->decisions().read(q.from, q.limit);
        if (!decisions) return to_caf_error(decisions.error());
        return decision_page{std::move(*decisions)};
      },
      [from](const load_correlator&) -> caf::result<correlator_image> {
        auto checkpoint = from->feed().load_correlator();
        if (!checkpoint) return to_caf_error(checkpoint.error());
        auto poison = from->poison().load(decision_space);
        if (!poison) return to_caf_error(poison.error());
        return correlator_image{std::move(*checkpoint), std::move(*poison),
                                from->decisions().last(), from->feed().last()};
      },
  };
}

}  // namespace faultline
