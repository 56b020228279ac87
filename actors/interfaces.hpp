// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "judgement/correlator_core.hpp"
#include "judgement/entity_core.hpp"
#include "messages/record.hpp"
#include "storage/store.hpp"

// Who may say what to whom, in the order in which an event flows. Every message is a plain struct
// of this header; none is ever serialised, for actors of two processes never talk (nodes of a
// cluster talk over its log).

namespace faultline {

// ---- messages
// -----------------------------------------------------------------------------------------

using shared_blob = std::shared_ptr<const log_blob>;

/// A blob is durable and stands at its position.
struct blob_appended {
  shared_blob blob;
};

/// One record for one entity, still in its blob, with the partition's clock as of it.
struct observation {
  shared_blob blob;
  std::uint32_t offset = 0;
  std::uint32_t index = 0;
  partition_time clock;
  bool degraded = false;
  bool counted = true;  ///< false: replayed; it was counted when it first came
};

/// The partition's clock passed and the entity had no event since the last time it did.
struct clock_passed {
  partition_time clock;
  record_address where;
};

/// From here on the entity is judged by these rules.
struct rules_changed {
  std::shared_ptr<const judgement_rules> rules;
};

/// The lane has written a result that should be looked at now.
struct result_ready {};

/// Decisions of one entity, in order.
struct entity_decided {
  std::string entity;
  std::vector<entity_decision> decisions;
};

/// An entity's cells have released enough credit for the partition to go on.
struct credit_back {};

/// Nothing has come for so long, and nothing is waited for, that its actor may end.
struct entity_idle {
  std::string entity;
};

/// Answered by entity_saved once nothing is in flight. No request: its deadline would cost as much
/// as the rest, and it answers or ends, and we hear of both.
struct take_snapshot {};
struct entity_saved {
  std::string entity;
  std::string bytes;
  entity_outline outline;
  log_position position = 0;
  std::uint32_t index = 0;
  std::vector<closed_block> blocks;
};

/// The closed blocks of an entity up to number @p through are on disk.
struct blocks_stored {
  std::uint32_t through = 0;
};

struct sweep_due {};
/// An entity that died may be started again. Of an older death: ignored.
struct rest_over {
  std::string entity;
  std::uint64_t turn = 0;
};
struct drain_request {};  ///< finish everything, snapshot everything, checkpoint
struct drained {
  bool complete = true;
};

struct window_question {
  std::string entity;
  event_time as_of{};
  window_detail detail = window_detail::bands;
};
struct window_answer {
  bool known = false;
  entity_window tail;
  std::vector<closed_block> fresh;  ///< blocks that may not be on disk yet, oldest first
};
/// Blocks from disk and those that were on their way there, each once, oldest first.
inline std::vector<closed_block> with_fresh(std::vector<closed_block> stored,
                                            std::vector<closed_block> fresh) {
  for (auto& block : fresh) {
    const auto same = std::find_if(stored.begin(), stored.end(),
                                   [&](const closed_block& b) { return b.number == block.number; });
    if (same == stored.end()) stored.push_back(std::move(block));
  }
  std::sort(stored.begin(), stored.end(),
            [](const closed_block& a, const closed_block& b) { return a.number < b.number; });
  return stored;
}

struct entity_question {
  std::string entity;
  bool brief = false;  ///< state, counts and times are enough: no disk is read for it
};
struct entity_answer {
  bool known = false;
  bool quarantined = false;
  entity_status status;
};
struct list_question {
  std::string prefix;
  std::string after;
  std::size_t limit = 100;
};
struct list_answer {
  std::vector<std::string> entities;
};

// librarian
struct read_log {
  partition_id partition = 0;
  log_position from = 0;
};
struct log_page {
  std::vector<shared_blob> blobs;
};
struct load_partition {
  partition_id partition = 0;
  std::shared_ptr<const judgement_rules> rules;  ///< to read a store that has no summaries yet
};
/// An entity as its partition knows it without its snapshot.
struct known_entity {
  std::string id;
  log_position position = 0;
  std::uint32_t index = 0;
  entity_outline outline;
};
/// What a partition needs to begin again.
struct partition_image {
  partition_checkpoint checkpoint;
  std::vector<known_entity> entities;
  std::vector<quarantine_row> quarantine;
  std::map<std::string, std::vector<entity_decision>> recorded;
  std::vector<record_address> poison;
  log_position last = 0;
  partition_rules rules;
};
struct load_entity {
  std::string entity;
  partition_id partition = 0;
  log_position from = 1;     ///< blobs from here on,
  log_position through = 0;  ///< up to and including this position
};
struct entity_image {
  std::optional<entity_snapshot> snapshot;
  std::vector<entity_decision> recorded;
  std::vector<shared_blob> blobs;  ///< in order
};
struct load_snapshots {
  std::vector<std::string> entities;
};
struct snapshots_answer {
  std::vector<std::optional<entity_snapshot>> snapshots;  ///< in the order asked
};
/// Questions about an entity without an actor: answered from its snapshot.
struct read_entity {
  std::string entity;
  std::shared_ptr<const judgement_rules> rules;
};
struct read_window {
  std::string entity;
  event_time as_of{};
  event_time clock{};  ///< of its partition: the window is known through it
  std::shared_ptr<const judgement_rules> rules;
};
struct load_blocks {
  std::string entity;
};
struct blocks_answer {
  std::vector<closed_block> blocks;
};
struct read_decisions {
  std::uint64_t from = 1;
  std::size_t limit = 256;
};
struct decision_page {
  std::vector<decision> decisions;
};
struct load_correlator {};
struct correlator_image {
  correlator_checkpoint checkpoint;
  /// Decisions that are never folded (index 0), and of these whose alerts do not end either (1).
  std::vector<record_address> skipped;
  std::uint64_t decisions_last = 0;
  std::uint64_t feed_last = 0;
};

// keeper
struct write_checkpoint {
  std::shared_ptr<const checkpoint_batch> batch;
};
struct checkpoint_written {
  std::size_t appended = 0;
};
struct append_decisions {
  std::vector<decision> decisions;
};
struct decisions_appended {
  std::uint64_t first = 0;
};
struct write_feed {
  std::vector<feed_event> events;
  std::uint64_t through = 0;
  std::string state;
};
struct feed_written {
  std::uint64_t last_seq = 0;
};
struct skip_record {
  record_address where;
  dead_letter why;
};
struct record_skipped {};
/// To itself, behind what stands in the mailbox: now wait for the disk, once for all of it.
struct group_due {};
struct wait_for_disk {};
struct disk_waited {};

// correlator and root cause
struct decisions_available {
  std::uint64_t last = 0;
};
struct event_clock_at {
  event_time at{};
};
/// What is wanted of the view; all of it is copied.
struct correlator_question {
  bool alerts = true;
  bool incidents = true;
  bool topology = true;
  bool silences = false;
  std::uint64_t from = 0;  ///< answered once this decision is folded
};
struct correlator_view {
  std::vector<alert> firing;
  std::vector<incident> open;
  std::vector<topology_node> nodes;
  std::vector<topology_edge> edges;
  std::vector<configured_edge> taken_away;
  std::vector<told_silence> silences;
  std::uint64_t feed_seq = 0;
  std::uint64_t through = 0;
};
struct find_cause {
  rca_request request;
};
struct rca_case;
struct ask_again_for {
  std::shared_ptr<rca_case> what;
  std::string entity;
};
struct cause_question {
  std::shared_ptr<const rca_question> question;
};
struct cause_found {
  root_cause_result result;
};

// supervision
/// Are you there? Answered at once by whoever is not stuck.
struct pulse_question {
  std::chrono::milliseconds patience{0};  ///< what the supervisor gives each of the others
  bool keeper = true;  ///< false: it is not asked, for it waits for room on the disk
};
struct pulse {
  std::vector<std::string> late;  ///< who did not answer the supervisor in time
};

// ---- interfaces
// ---------------------------------------------------------------------------------------

/// Keeps one entity: its core, its slot in the lane.
using entity_actor = caf::typed_actor<
    caf::reacts_to<observation>, caf::reacts_to<clock_passed>, caf::reacts_to<rules_changed>,
    // From the lane: look at your slot.
    caf::reacts_to<result_ready>, caf::reacts_to<take_snapshot>, caf::reacts_to<blocks_stored>,
    caf::replies_to<window_question>::with<window_answer>,
    caf::replies_to<entity_question>::with<entity_answer>>;

/// Owns one partition's log position, supervises its entities, sweeps their snapshots.
using partition_actor = caf::typed_actor<
    // From the group commit, in order of position.
    caf::reacts_to<blob_appended>,
    // From entities.
    caf::reacts_to<entity_decided>, caf::reacts_to<entity_saved>, caf::reacts_to<credit_back>,
    caf::reacts_to<entity_idle>,
    // To itself.
    caf::reacts_to<sweep_due>, caf::reacts_to<rest_over>,
    // Answers when every entity is applied, snapshotted and checkpointed. Errors:
    // ec::store_unavailable.
    caf::replies_to<drain_request>::with<drained>,
    caf::replies_to<window_question>::with<window_answer>,
    caf::replies_to<entity_question>::with<entity_answer>,
    caf::replies_to<list_question>::with<list_answer>,
    caf::replies_to<pulse_question>::with<pulse>>;

/// Reads the store for those who must not block. Detached. Errors: ec::store_unavailable,
/// ec::store_corrupt.
using librarian_actor = caf::typed_actor<caf::replies_to<read_log>::with<log_page>,
                                         caf::replies_to<load_partition>::with<partition_image>,
                                         caf::replies_to<load_entity>::with<entity_image>,
                                         caf::replies_to<load_snapshots>::with<snapshots_answer>,
                                         caf::replies_to<read_entity>::with<entity_answer>,
                                         caf::replies_to<read_window>::with<window_answer>,
                                         caf::replies_to<load_blocks>::with<blocks_answer>,
                                         caf::replies_to<read_decisions>::with<decision_page>,
                                         caf::replies_to<load_correlator>::with<correlator_image>>;

/// How long the keeper may take: while the disk is full it waits for room, and the watch of the
/// pulses ends a server in which it is stuck for another reason. Should it die, whoever asked hears
/// of that at once. No long deadline instead: the clock of CAF 0.17 keeps each until it is due,
/// answered or not, which is 200 bytes a request.
inline constexpr auto keeper_deadline = caf::infinite;

/// Waits until what was written before the question is on the disk. Detached: it blocks. Errors:
/// ec::store_unavailable.
using disk_actor = caf::typed_actor<caf::replies_to<wait_for_disk>::with<disk_waited>>;

/// Writes the store for those who must not block: outbox and snapshots, the decision log, the feed.
/// Detached. The order of its mailbox is the order of the decision log. Errors:
/// ec::store_unavailable.
using keeper_actor =
    caf::typed_actor<caf::replies_to<write_checkpoint>::with<checkpoint_written>,
                     caf::replies_to<append_decisions>::with<decisions_appended>,
                     caf::replies_to<write_feed>::with<feed_written>,
                     caf::replies_to<skip_record>::with<record_skipped>, caf::reacts_to<group_due>,
                     caf::replies_to<pulse_question>::with<pulse>>;

/// Folds the decision log into alerts and incidents; writes the feed through the keeper.
using correlator_actor = caf::typed_actor<
    // From the keeper: the log has grown. Coalesces.
    caf::reacts_to<decisions_available>,
    // From partitions: event time has passed.
    caf::reacts_to<event_clock_at>, caf::replies_to<correlator_question>::with<correlator_view>,
    caf::replies_to<pulse_question>::with<pulse>>;

/// Asks the neighbourhood of an incident and has the worker rank it; the answer becomes a decision.
using rca_actor =
    caf::typed_actor<caf::reacts_to<find_cause>,
                     // To itself: this node's watermark had not passed as_of, look again.
                     caf::reacts_to<ask_again_for>>;

/// Runs the posterior and the ranker. Detached: LibTorch blocks.
using rca_worker_actor = caf::typed_actor<caf::replies_to<cause_question>::with<cause_found>>;

struct partition_recovered {
  partition_id partition = 0;
};
/// Starts the partitions' owners and restarts the one that died.
using supervisor_actor =
    caf::typed_actor<caf::reacts_to<partition_recovered>,
                     caf::replies_to<drain_request>::with<drained>,
                     // Asks partitions, correlator and keeper, and waits for their answers.
                     caf::replies_to<pulse_question>::with<pulse>>;

}  // namespace faultline

#define FAULTLINE_LOCAL_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(faultline::type)
FAULTLINE_LOCAL_MESSAGE(blob_appended)
FAULTLINE_LOCAL_MESSAGE(observation)
FAULTLINE_LOCAL_MESSAGE(clock_passed)
FAULTLINE_LOCAL_MESSAGE(rules_changed)
FAULTLINE_LOCAL_MESSAGE(result_ready)
FAULTLINE_LOCAL_MESSAGE(entity_decided)
FAULTLINE_LOCAL_MESSAGE(credit_back)
FAULTLINE_LOCAL_MESSAGE(entity_idle)
FAULTLINE_LOCAL_MESSAGE(take_snapshot)
FAULTLINE_LOCAL_MESSAGE(entity_saved)
FAULTLINE_LOCAL_MESSAGE(blocks_stored)
FAULTLINE_LOCAL_MESSAGE(sweep_due)
FAULTLINE_LOCAL_MESSAGE(rest_over)
FAULTLINE_LOCAL_MESSAGE(drain_request)
FAULTLINE_LOCAL_MESSAGE(drained)
FAULTLINE_LOCAL_MESSAGE(window_question)
FAULTLINE_LOCAL_MESSAGE(window_answer)
FAULTLINE_LOCAL_MESSAGE(entity_question)
FAULTLINE_LOCAL_MESSAGE(entity_answer)
FAULTLINE_LOCAL_MESSAGE(list_question)
FAULTLINE_LOCAL_MESSAGE(list_answer)
FAULTLINE_LOCAL_MESSAGE(read_log)
FAULTLINE_LOCAL_MESSAGE(log_page)
FAULTLINE_LOCAL_MESSAGE(load_partition)
FAULTLINE_LOCAL_MESSAGE(partition_image)
FAULTLINE_LOCAL_MESSAGE(load_entity)
FAULTLINE_LOCAL_MESSAGE(entity_image)
FAULTLINE_LOCAL_MESSAGE(load_snapshots)
FAULTLINE_LOCAL_MESSAGE(snapshots_answer)
FAULTLINE_LOCAL_MESSAGE(read_entity)
FAULTLINE_LOCAL_MESSAGE(read_window)
FAULTLINE_LOCAL_MESSAGE(load_blocks)
FAULTLINE_LOCAL_MESSAGE(blocks_answer)
FAULTLINE_LOCAL_MESSAGE(read_decisions)
FAULTLINE_LOCAL_MESSAGE(decision_page)
FAULTLINE_LOCAL_MESSAGE(load_correlator)
FAULTLINE_LOCAL_MESSAGE(correlator_image)
FAULTLINE_LOCAL_MESSAGE(write_checkpoint)
FAULTLINE_LOCAL_MESSAGE(checkpoint_written)
FAULTLINE_LOCAL_MESSAGE(append_decisions)
FAULTLINE_LOCAL_MESSAGE(decisions_appended)
FAULTLINE_LOCAL_MESSAGE(write_feed)
FAULTLINE_LOCAL_MESSAGE(feed_written)
FAULTLINE_LOCAL_MESSAGE(skip_record)
FAULTLINE_LOCAL_MESSAGE(record_skipped)
FAULTLINE_LOCAL_MESSAGE(group_due)
FAULTLINE_LOCAL_MESSAGE(wait_for_disk)
FAULTLINE_LOCAL_MESSAGE(disk_waited)
FAULTLINE_LOCAL_MESSAGE(decisions_available)
FAULTLINE_LOCAL_MESSAGE(event_clock_at)
FAULTLINE_LOCAL_MESSAGE(correlator_question)
FAULTLINE_LOCAL_MESSAGE(correlator_view)
FAULTLINE_LOCAL_MESSAGE(find_cause)
FAULTLINE_LOCAL_MESSAGE(ask_again_for)
FAULTLINE_LOCAL_MESSAGE(cause_question)
FAULTLINE_LOCAL_MESSAGE(cause_found)
FAULTLINE_LOCAL_MESSAGE(partition_recovered)
FAULTLINE_LOCAL_MESSAGE(pulse_question)
FAULTLINE_LOCAL_MESSAGE(pulse)
#undef FAULTLINE_LOCAL_MESSAGE
