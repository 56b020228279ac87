// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "messages/decision.hpp"
#include "messages/event_codec.hpp"
#include "messages/feed.hpp"
#include "messages/identity.hpp"
#include "messages/outcome.hpp"
#include "messages/time.hpp"
#include "storage/options.hpp"

// The contracts of the memory. RocksDB is their first implementation (open_rocksdb_store); the
// cluster's will be another. All calls block; none is made from an actor's handler.

namespace faultline {

// ---- event log: what came in, per partition, with the publishers' dedupe state
// --------------------

struct log_append {
  partition_id partition = 0;
  std::string blob;  ///< see messages/record.hpp
  std::uint32_t records = 0;
};

/// State of one publisher's sequence window (opaque bytes of processing/publisher_window).
struct publisher_row {
  /// `through` of a row that holds every delta appended before the row is written.
  static constexpr std::uint64_t every_delta = ~std::uint64_t{0};

  std::string key;    ///< user, publisher and epoch, length-prefixed
  std::string bytes;  ///< empty: the publisher is forgotten
  /// Deltas up to this number (event_log::last_publisher_delta()) are in `bytes`. Later ones are
  /// kept and handed out again on load; applying one twice changes nothing.
  std::uint64_t through = every_delta;
};

/// Change of a publisher's window by one batch; appended to the window on load.
struct publisher_delta {
  std::string key;
  std::uint64_t seq = 0;
  std::uint64_t payload_hash = 0;
};

/// What the payload of a dead letter is.
enum class letter_content : std::uint8_t {
  other = 0,  ///< nothing that can be sent again: a header, a part of a batch, nothing at all
  event,      ///< the one event that was refused, as it was sent
  payload,    ///< a whole payload, as it was sent
};
const char* to_string(letter_content content) noexcept;

struct dead_letter {
  std::string reason;  ///< to_string(reject_reason), or poison, quarantined
  arrival_time arrived{};
  std::string source;  ///< socket and publisher
  std::string text;
  std::string payload;  ///< the store cuts it at storage_options::dead_letter_bytes
  letter_content content = letter_content::other;
  // Given by the store.
  std::uint64_t id = 0;             ///< from 1, never given twice
  std::uint64_t payload_bytes = 0;  ///< before it was cut

  bool truncated() const noexcept { return payload.size() < payload_bytes; }
};

/// When what a call writes must be on the disk: before it returns, or once store::sync() has been
/// called or a later call of this store has waited for the disk. The order is kept: what is on the
/// disk is always all that was written up to some moment.
enum class sync_when : std::uint8_t { now, later };

/// One group commit: written in ONE atomic write, synced when storage.sync is on.
struct append_group {
  std::vector<log_append> log;
  std::vector<publisher_delta> publishers;
  /// Keys of publishers that are forgotten: their rows, and deltas up to and with this group's, are
  /// handed out no more.
  std::set<std::string> forgotten;
  std::vector<dead_letter> dead_letters;
  /// Added to durable counters of the same name (accepted events, drops by reason).
  std::map<std::string, std::uint64_t> counters;
  /// Newest decision that `log` carries as a control record; 0 = none.
  std::uint64_t control_sequence = 0;
};

struct log_blob {
  partition_id partition = 0;
  log_position position = 0;
  std::string bytes;
  std::uint32_t records = 0;  ///< as the writer said
};

class event_log {
public:
  virtual ~event_log() = default;
  virtual std::uint16_t partitions() const noexcept = 0;
  /// @returns the position of each entry of @p group.log, in order.
  /// Fails: ec::no_space below min_free (of what was decided below half), ec::store_unavailable.
  virtual outcome<std::vector<log_position>> append(const append_group& group,
                                                    sync_when when = sync_when::now) = 0;
  /// False while append() would fail for want of space. Cheap; up to 200 ms old.
  virtual bool has_space() { return true; }
  /// Blobs from @p from on, at most @p max_blobs and about @p max_bytes.
  virtual outcome<std::vector<log_blob>> read(partition_id partition, log_position from,
                                              std::size_t max_blobs, std::size_t max_bytes) = 0;
  /// Highest position ever written, whatever was trimmed since; 0 when nothing was.
  virtual log_position last(partition_id partition) const = 0;
  /// Lowest position still readable; last()+1 when nothing is.
  virtual log_position first(partition_id partition) const = 0;
  /// Removes positions below @p below.
  virtual outcome<void> trim(partition_id partition, log_position below) = 0;
  /// Every publisher's window row with the deltas written since (deltas in order of writing).
  virtual outcome<void> load_publishers(
      const std::function<void(const publisher_row&)>& row,
      const std::function<void(const publisher_delta&)>& delta) = 0;
  /// Replaces window rows and forgets the deltas they include, atomically. A caller that does not
  /// append from the same thread reads last_publisher_delta() BEFORE it copies its windows, and
  /// writes that number into the rows.
  virtual outcome<void> write_publishers(const std::vector<publisher_row>& rows) = 0;
  /// Number of the newest append that carried deltas (all deltas of one append share a number).
  virtual std::uint64_t last_publisher_delta() const = 0;
  /// Durable counters, as summed over all appends.
  virtual std::map<std::string, std::uint64_t> counters() const = 0;
  /// Decisions up to this one have been copied into the log, as far as they are controls.
  virtual std::uint64_t control_sequence() const = 0;
};

// ---- checkpoints and outbox: what the partitions know and have decided
// -----------------------------

/// State of one entity as of `position` of its partition's log (records up to and including it).
struct entity_snapshot {
  std::string entity;
  log_position position = 0;
  std::uint32_t index = 0;  ///< index of the last record of `position` it covers
  std::string bytes;        ///< opaque, of judgement/entity_core
  std::string summary{};    ///< opaque, small: written as a row of its own beside the snapshot
};

/// What is known of an entity without reading its snapshot.
struct entity_summary {
  std::string entity;
  log_position position = 0;  ///< of the snapshot it was written with
  std::uint32_t index = 0;
  std::string bytes;
};

/// Records of an entity after `from` are not applied, up to `until`, where it was released.
struct quarantine_row {
  std::string entity;
  log_position from = 0;
  std::uint32_t from_index = 0;
  log_position until = 0;  ///< 0: not released yet
  std::uint32_t until_index = 0;
  bool forget = false;  ///< in a batch: the row goes
};

/// A packed block of an entity's live window: written to slot `number` mod blocks_per_entity.
struct window_block {
  std::string entity;
  std::uint32_t number = 0;
  std::string bytes;
};

/// A durable decision of a partition, keyed (entity, key): appended once, whatever replay says.
struct outbox_entry {
  std::uint64_t seq = 0;  ///< given by the outbox, per partition, from 1
  std::string entity;
  std::string key;  ///< "a/<episode>/<transition>", "t/<hash>", "c/<hash>"
  record_mark cause{
      0, 0};          ///< the record that caused it; index whole_blob: not known (row of version 1)
  event_time tick{};  ///< the tick it belongs to
  std::string decision;  ///< encode_decision()
};

struct partition_checkpoint {
  log_position position = 0;         ///< replay starts after it
  log_position decided_through = 0;  ///< transitions caused up to here are all in the outbox
  std::string state{};               ///< opaque: what the partition itself knows as of `position`
};

/// What judges a partition's entities as of its checkpoint, so that a trimmed log still knows it.
struct partition_rules {
  std::uint64_t sequence = 0;  ///< of the newest control record at or before the checkpoint
  std::string payload;         ///< opaque, of judgement/rules; empty: none was ever recorded
};

/// One atomic write of a partition. Outbox entries whose (entity, key) stands already are dropped.
struct checkpoint_batch {
  partition_id partition = 0;
  std::vector<outbox_entry> outbox;
  std::vector<entity_snapshot> snapshots;
  std::vector<window_block> blocks;
  std::vector<std::string> retired;  ///< entities forgotten whole, before the rest
  std::vector<quarantine_row> quarantine;
  std::optional<partition_checkpoint> checkpoint;
  std::optional<partition_rules> rules;  ///< nothing: unchanged
  bool sync = false;                     ///< true whenever `outbox` is not empty
};

class checkpoint_store {
public:
  virtual ~checkpoint_store() = default;
  /// @returns the entries of @p batch.outbox that were really appended, with their seq.
  /// @param when of a batch that is to be synced
  /// Fails with ec::invalid when a snapshot, block or retired entity is of another partition.
  virtual outcome<std::vector<outbox_entry>> write(const checkpoint_batch& batch,
                                                   sync_when when = sync_when::now) = 0;
  virtual outcome<partition_checkpoint> load_checkpoint(partition_id partition) = 0;
  virtual outcome<partition_rules> load_rules(partition_id partition) = 0;
  /// Every entity snapshot of a partition, in order of entity.
  virtual outcome<void> load_snapshots(partition_id partition,
                                       const std::function<void(entity_snapshot)>& each) = 0;
  virtual outcome<std::optional<entity_snapshot>> load_snapshot(std::string_view entity) = 0;
  /// The summary of every entity snapshot of a partition, in order of entity. @returns false, and
  /// calls nobody, when the store's summaries were never written whole (a store of an older build):
  /// read the snapshots and call write_summaries().
  virtual outcome<bool> load_summaries(partition_id partition,
                                       const std::function<void(entity_summary)>& each) = 0;
  /// Writes the summaries of all snapshots of @p partition; load_summaries() finds them from now
  /// on.
  virtual outcome<void> write_summaries(partition_id partition,
                                        const std::vector<entity_summary>& all) = 0;
  virtual outcome<std::vector<quarantine_row>> load_quarantine(partition_id partition) = 0;
  /// Blocks of an entity's live window, oldest first.
  virtual outcome<std::vector<window_block>> load_blocks(std::string_view entity) = 0;
  /// Outbox entries with seq >= @p from, in order.
  virtual outcome<std::vector<outbox_entry>> read_outbox(partition_id partition, std::uint64_t from,
                                                         std::size_t limit) = 0;
};

// ---- decision log and feed
// --------------------------------------------------------------------------

/// The newest decisions that act beyond the correlator: where copying into the logs has to get to.
struct control_mark {
  std::uint64_t last = 0;    ///< newest decision that is a control
  std::uint64_t rules = 0;   ///< newest decision that sets rules
  std::string rules_record;  ///< its payload
};

struct decision_append {
  std::vector<std::string> decisions;  ///< encode_decision()
  /// Outbox positions covered by this append, per partition: consumed and appended are one write.
  std::map<partition_id, std::uint64_t> outbox_consumed;
  /// Which of `decisions` is the newest control, and which sets rules, counted from 1; 0 = none.
  std::size_t control = 0;
  std::size_t rules = 0;
  std::string rules_record{};
};

/// Moves @p mark on by @p batch, whose first decision is number @p first.
inline void note_controls(const decision_append& batch, std::uint64_t first, control_mark& mark) {
  if (batch.control != 0) mark.last = first + batch.control - 1;
  if (batch.rules == 0) return;
  mark.rules = first + batch.rules - 1;
  mark.rules_record = batch.rules_record;
}

class decision_log {
public:
  virtual ~decision_log() = default;
  /// Synced. @returns the seq of the first of @p batch; the others follow.
  virtual outcome<std::uint64_t> append(const decision_append& batch,
                                        sync_when when = sync_when::now) = 0;
  virtual outcome<std::vector<decision>> read(std::uint64_t from, std::size_t limit) = 0;
  virtual std::uint64_t last() const = 0;
  /// Outbox seq per partition up to which everything stands in this log.
  virtual outcome<std::map<partition_id, std::uint64_t>> outbox_consumed() = 0;
  virtual outcome<control_mark> controls() = 0;
};

/// What the correlator wrote: feed records, and its own state after decision `through`.
struct feed_append {
  struct item {
    std::string topic;
    /// Makes the payload for the seq it gets.
    std::function<std::string(std::uint64_t seq)> payload;
    /// Further topics it goes out under (no control characters): a prefix of any of them finds it.
    std::vector<std::string> also{};
  };
  std::vector<item> items;
  std::uint64_t through = 0;  ///< decisions up to this seq are reflected in feed and state; the
                              ///< store keeps the highest it was told
  std::string state;          ///< opaque snapshot of the correlator; empty = unchanged
  /// Current records by id, for queries: key "alert/<id>" or "incident/<id>" -> encoded record.
  struct current {
    std::string key;
    std::string bytes;
    std::size_t item = last_item;  ///< index of the item that tells it
  };
  static constexpr std::size_t last_item = ~std::size_t{0};
  std::vector<current> records;
};

struct correlator_checkpoint {
  std::uint64_t through = 0;
  std::string state;
  std::uint64_t state_through = 0;  ///< decision seq at which `state` was taken (<= through)
};

class feed_store {
public:
  virtual ~feed_store() = default;
  /// Synced when it carries items. @returns the records with their seq. With sync_when::later they
  /// are read by nobody before store::durable() has passed what store::written() is now.
  virtual outcome<std::vector<feed_record>> append(const feed_append& batch,
                                                   sync_when when = sync_when::now) = 0;
  /// Records with seq >= @p from of which a topic begins with @p prefix (the record names the
  /// first that does), at most @p limit and `page_bytes`, one at least. `next` is
  /// where to go on: the end is next > last(), not an empty page (a call looks at no more than
  /// 65,536 records).
  static constexpr std::size_t page_bytes = std::size_t{4} << 20;
  struct page {
    std::vector<feed_record> records;
    std::uint64_t next = 1;
  };
  virtual outcome<page> read(std::uint64_t from, std::size_t limit, std::string_view prefix) = 0;
  virtual std::uint64_t last() const = 0;
  virtual std::uint64_t oldest() const = 0;
  virtual outcome<correlator_checkpoint> load_correlator() = 0;
  /// Encoded records whose key begins with @p prefix, newest id order not implied; @p after = last
  /// key seen.
  virtual outcome<std::vector<std::pair<std::string, std::string>>> records(std::string_view prefix,
                                                                            std::string_view after,
                                                                            std::size_t limit) = 0;
  virtual outcome<std::optional<std::string>> record(std::string_view key) = 0;
  /// Seq of the message that told the record; 0 when there is none.
  virtual outcome<std::uint64_t> record_seq(std::string_view key) = 0;
};

// ---- dead letters, poison, store
// --------------------------------------------------------------------

struct letter_filter {
  std::string reason;                       ///< empty: all
  std::uint64_t below = ~std::uint64_t{0};  ///< only ids smaller than this
  std::size_t limit = 100;
  std::size_t max_bytes = ~std::size_t{0};  ///< of payloads: the page ends once it has so many
};

class dead_letter_store {
public:
  virtual ~dead_letter_store() = default;
  virtual outcome<void> append(const std::vector<dead_letter>& letters) = 0;
  /// Letters, the newest first. `next` is what to pass as `below` to go on: the end is next == 0,
  /// not a short page (a call looks at no more than 16,384 letters).
  struct page {
    std::vector<dead_letter> letters;
    std::uint64_t next = 0;
  };
  virtual outcome<page> read(const letter_filter& filter) = 0;
  virtual outcome<std::optional<dead_letter>> find(std::uint64_t id) = 0;
  /// Letters ever written; also the id of the newest.
  virtual std::uint64_t total() const = 0;
  /// Smallest id still kept; total() + 1 when none is.
  virtual std::uint64_t oldest() const = 0;
  /// Bytes of the letters that are kept.
  virtual std::uint64_t bytes() const = 0;
  virtual std::map<std::string, std::uint64_t> by_reason() const = 0;  ///< ever
  outcome<std::vector<dead_letter>> newest(std::size_t limit) {
    letter_filter all;
    all.limit = limit;
    auto found = read(all);
    if (!found) return found.error();
    return std::move(found->letters);
  }
};

/// Records that are never applied again (rule 10), durable.
class poison_store {
public:
  virtual ~poison_store() = default;
  virtual outcome<void> skip(const record_address& where, const dead_letter& why) = 0;
  virtual outcome<std::vector<record_address>> load(partition_id partition) = 0;
};

/// Rows to write: a name and its bytes; nothing: the row goes.
using note_rows = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// Small rows by name, of parts of the server that keep a state of their own.
class note_store {
public:
  virtual ~note_store() = default;
  /// All of them, or none.
  virtual outcome<void> write(const note_rows& rows, sync_when when) = 0;
  /// Rows whose name begins with @p prefix and comes after @p after, by name, at most @p limit.
  virtual outcome<std::vector<std::pair<std::string, std::string>>> load(std::string_view prefix,
                                                                         std::string_view after,
                                                                         std::size_t limit) = 0;
};

/// Bytes of memory that a store holds.
struct store_memory {
  std::uint64_t write_buffers = 0;  ///< what is not in a table yet, and what is being written
  std::uint64_t cache = 0;          ///< blocks, indexes and filters read from tables
};

/// What the disk has left.
struct space_report {
  std::uint64_t free_bytes = 0;
  std::uint64_t ballast_bytes = 0;  ///< of the ballast that is there
  std::string problem;  ///< why the ballast cannot be there; empty: it is, or need not be
};

/// One store, all contracts. Threads: every method may be called from any thread.
class store {
public:
  virtual ~store() = default;
  virtual event_log& events() = 0;
  virtual checkpoint_store& checkpoints() = 0;
  virtual decision_log& decisions() = 0;
  virtual feed_store& feed() = 0;
  virtual dead_letter_store& dead_letters() = 0;
  virtual poison_store& poison() = 0;
  virtual note_store& notes() = 0;
  /// Bytes on disk (SST and WAL), for /metrics.
  virtual std::uint64_t bytes_on_disk() const = 0;
  /// What the store holds in memory, bounded by storage.write_buffer and storage.cache.
  virtual store_memory memory_held() const { return {}; }
  /// Waits until all that was written before is on the disk. Who calls meanwhile shares the next
  /// wait. At once where storage.sync is off.
  virtual outcome<void> sync() = 0;
  /// Number of the newest write; what is written later has a larger one.
  virtual std::uint64_t written() const { return 0; }
  /// All writes up to this number are on the disk, or need not be.
  virtual std::uint64_t durable() const { return 0; }
  /// Flushes memtables and syncs the WAL, for an orderly end.
  virtual outcome<void> flush() = 0;
  /// Writes what stands in the store now into @p directory, which must not be there yet and lies on
  /// the same disk: files that never change are shared, so it costs little room at first. Others
  /// write on meanwhile. Fails: ec::unsupported, ec::no_space, ec::io_failed.
  virtual outcome<void> copy_to(const std::string& directory) {
    return failure{ec::unsupported, directory + ": a store in memory has no files"};
  }
  /// Removes what is beyond retention, a bounded amount of work per call; call it about once a
  /// minute. Log: positions the partition's checkpoint covers that are older than log_retention or
  /// above log_bytes. Outbox: entries that are in the decision log and whose cause was trimmed.
  /// Feed, dead letters: by age. Records: resolved ones whose last feed message is gone. Age of log
  /// and feed counts from the first sweep after the write, so nothing goes early.
  virtual outcome<void> sweep_retention(arrival_time now) = 0;
  /// Looks after the ballast (storage_options::ballast_bytes): gives it up below half of min_free,
  /// builds it again where there is plenty. Cheap; call it about once a second.
  virtual space_report tend_space() { return {}; }
  /// From the next sweep on the times and bytes of @p options hold for log, feed and dead letters.
  virtual void set_retention(const storage_options& options) = 0;
};

/// Opens or creates the store in the directory `store` of options.path. A store of an earlier
/// format is brought to this build's first, in place; when that is interrupted the next open goes
/// on with it. @p say hears of it, a sentence at a time. Fails: ec::store_corrupt naming the file
/// (a human must look), ec::no_space, ec::io_failed (locked, permissions), ec::unknown_version
/// (written by a newer build), ec::invalid (options.partitions is neither 0 nor the store's
/// number). After a background error of RocksDB (a full disk, damage) every call fails with
/// ec::store_unavailable and the reason: end the process and open again.
outcome<std::unique_ptr<store>> open_rocksdb_store(
    const storage_options& options, const std::function<void(const std::string&)>& say = {});

/// Opens the store at options.path (or in its directory `store`) as it stands now, also while a
/// server has it open. Writes nothing into the directory; every call that would write fails with
/// ec::unsupported. What is written after it was opened is not seen. Memory: what a server's
/// memtables hold, up to options.write_buffer_bytes / 2.
/// Fails: ec::not_found (no store there), ec::store_unavailable (a server changes its files faster
/// than they can be opened: try again), otherwise as open_rocksdb_store().
outcome<std::unique_ptr<store>> open_rocksdb_store_read_only(const storage_options& options);

/// The directory of the store's files for a path that names it or the directory above it.
std::string store_directory(const std::string& path);

}  // namespace faultline
