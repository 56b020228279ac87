// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <iterator>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/options.hpp"
#include "messages/event_codec.hpp"

namespace faultline {

/// What events come in by: sockets of ZeroMQ, and receivers of other protocols.
enum class event_door : std::uint8_t { router, pull, subscribe, http, syslog, statsd, scrape };
inline constexpr std::size_t event_doors = 7;
inline const char* to_string(event_door d) noexcept {
  constexpr const char* names[event_doors] = {"router", "pull",   "subscribe", "http",
                                              "syslog", "statsd", "scrape"};
  return names[static_cast<std::size_t>(d)];
}

/// What became of a request on 7802.
enum class request_fate : std::uint8_t {
  taken,
  retry,
  duplicate,
  conflict,
  too_old,
  too_large,
  bad_header,
  bad_frames,
  last,         ///< `op: last`, answered
  not_allowed,  ///< by the sender's key
};
inline constexpr std::size_t request_fates = 10;
inline const char* to_string(request_fate f) noexcept {
  constexpr const char* names[request_fates] = {"taken",   "retry",      "duplicate",  "conflict",
                                                "too_old", "too_large",  "bad_header", "bad_frames",
                                                "last",    "not_allowed"};
  return names[static_cast<std::size_t>(f)];
}

/// What became of a message on PULL or SUB.
enum class message_fate : std::uint8_t { taken, shed, bad_frames, not_allowed };
inline constexpr std::size_t message_fates = 4;
inline const char* to_string(message_fate f) noexcept {
  constexpr const char* names[message_fates] = {"taken", "shed", "bad_frames", "not_allowed"};
  return names[static_cast<std::size_t>(f)];
}

/// What the doors counted since start, per payload, on the ingest thread. Every message has one
/// fate; of every payload that was taken or shed, each event is in exactly one of admitted,
/// rejected and shed, or the payload as a whole in undecodable (docs/flow.md, "Sums").
struct door_sums {
  using counter = std::atomic<std::uint64_t>;
  std::array<counter, request_fates> requests{};
  std::array<counter, message_fates> messages{};
  std::array<counter, event_doors> offered{};
  std::array<counter, event_doors> admitted{};
  std::array<counter, event_doors> shed{};
  std::array<counter, reject_reason_slots> rejected{};
  std::array<counter, reject_reason_slots> undecodable{};
  counter values_dropped{0};
  counter derived{0};  ///< records of calls that spans showed, added to the log by the door
  /// See span_joiner::counts.
  counter spans_joined{0}, spans_orphaned{0}, spans_left_early{0}, calls_dropped{0};
  counter join_bytes{0};  ///< what is remembered of spans takes

  template <std::size_t N, class Which>
  static void add(std::array<counter, N>& to, Which which, std::uint64_t n = 1) noexcept {
    to[static_cast<std::size_t>(which)].fetch_add(n, std::memory_order_relaxed);
  }
};

/// What the node counts: one struct, read by /metrics and by the lag limit. `appended` is what the
/// log took, `finished` what entities have applied (or partitions counted otherwise): their
/// difference is the lag.
struct node_counters {
  std::atomic<std::uint64_t> appended{0};
  std::atomic<std::uint64_t> finished{0};
  std::atomic<std::uint64_t> in_flight{0};  ///< observations in entities' mailboxes
  /// Events that partitions came upon: in what this process appended, in what was there when they
  /// began, and again for an entity that was started anew. Each is in one of events_* or in flight.
  std::atomic<std::uint64_t> read_log{0};
  std::atomic<std::uint64_t> read_restart{0};
  std::atomic<std::uint64_t> read_revival{0};
  std::atomic<std::uint64_t> entities{0};         ///< known, with an actor or without
  std::atomic<std::uint64_t> entities_active{0};  ///< with an actor, or about to have one
  std::atomic<std::uint64_t> entities_quarantined{0};
  std::atomic<std::uint64_t> told_bytes{0};        ///< what lines and spans take in them, in steps
  std::atomic<std::uint64_t> clock_leaps{0};       ///< of the wall clock, not followed at once
  std::atomic<std::int64_t> clock_held_off_ms{0};  ///< how far it is ahead of the time held
  std::atomic<std::uint64_t> passivations{0};
  std::atomic<std::uint64_t> wakes{0};        ///< entities brought back from their snapshot
  std::atomic<std::uint64_t> retirements{0};  ///< by silence
  std::atomic<std::uint64_t> events_taken{0};
  std::atomic<std::uint64_t> events_late{0};
  std::atomic<std::uint64_t> events_kept{0};
  std::atomic<std::uint64_t> events_replayed{0};  ///< at or below what a snapshot covers
  std::atomic<std::uint64_t> events_poison{0};
  std::atomic<std::uint64_t> events_quarantined{0};
  /// In the mailbox of an entity that died: it gets them again (read_revival).
  std::atomic<std::uint64_t> events_resent{0};
  std::atomic<std::uint64_t> values_too_many{0};  ///< of metrics beyond those an entity may have
  std::atomic<std::uint64_t> events_retired{0};   ///< in the mailbox of one that was retired
  std::atomic<std::uint64_t> ticks_scored{0};     ///< with the LSTM
  std::atomic<std::uint64_t> ticks_degraded{0};   ///< by the cheap views alone
  std::atomic<std::uint64_t> model_faults{0};
  std::atomic<std::uint64_t> lane_passes{0};
  std::atomic<std::uint64_t> lane_rows{0};
  std::atomic<std::uint64_t> lane_waits{0};    ///< passes that waited for company
  std::atomic<std::uint64_t> lane_dropped{0};  ///< results of another generation or tick
  std::atomic<std::uint64_t> knocks{0};        ///< results that woke their entity
  std::atomic<std::uint64_t> knocks_loud{0};   ///< of these, the ones nobody waited for
  std::atomic<std::uint64_t> entity_restarts{0};
  std::atomic<std::uint64_t> partition_restarts{0};
  std::atomic<std::uint64_t> pulses_answered{0};  ///< everybody answered in time
  std::atomic<std::uint64_t> pulses_late{0};      ///< somebody did not
  std::atomic<std::uint64_t> snapshots{0};
  std::atomic<std::uint64_t> snapshot_bytes{0};
  std::atomic<std::uint64_t> decisions{0};
  std::atomic<std::uint64_t> weak_signs{0};  ///< of entities, folded since the correlator began
  std::atomic<std::uint64_t> sign_questions{0};
  std::atomic<std::uint64_t> sign_incidents{0};  ///< that they opened
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> committed_bytes{0};
  std::atomic<std::uint64_t> partitions{0};         ///< 0: nobody has begun them
  std::atomic<std::uint64_t> partitions_loaded{0};  ///< know who their entities are
  std::atomic<std::uint64_t> partitions_ready{0};   ///< have caught up with their log
  std::atomic<std::uint64_t> replay_rate{0};        ///< records a second, measured; 0: not known
  std::atomic<std::uint64_t> publisher_windows{0};  ///< (publisher, epoch) remembered
  std::atomic<std::uint64_t> publisher_windows_forgotten{0};  ///< that gave way to others
  door_sums doors;

  /// Some partition reads the log of an earlier life.
  bool recovering() const noexcept {
    return partitions_ready.load(std::memory_order_relaxed) <
           partitions.load(std::memory_order_relaxed);
  }
  /// Who is not in the registry is new, and not only not read yet.
  bool entities_known() const noexcept {
    return partitions_loaded.load(std::memory_order_relaxed) >=
           partitions.load(std::memory_order_relaxed);
  }
  /// Entities in memory, as many as would take what they take if each had metrics alone.
  std::uint64_t room_taken() const noexcept {
    return entities_active.load(std::memory_order_relaxed) +
           told_bytes.load(std::memory_order_relaxed) / active_entity_bytes;
  }
  std::uint64_t lag() const noexcept {
    const auto done = finished.load(std::memory_order_relaxed);
    const auto in = appended.load(std::memory_order_relaxed);
    return in > done ? in - done : 0;
  }
};

/// Observations a partition may have on their way to its entities (rule: credit on every edge).
struct partition_credit {
  std::atomic<std::int64_t> outstanding{0};
  std::atomic<std::int64_t> limit{1};  ///< follows the number of entities, see partition_state
  std::atomic<bool> starving{false};

  /// Gives @p n back. @returns true when the partition starves and there is room again: tell it,
  /// once.
  bool give_back(std::int64_t n) noexcept {
    const auto left = outstanding.fetch_sub(n) - n;
    return left <= limit.load(std::memory_order_relaxed) / 2 && starving.load() &&
           starving.exchange(false);
  }
};

/// What a partition and one of its entities share: enough to know, when the entity dies, which
/// record it died of and how much credit it still held.
struct entity_cell {
  /// The entity takes its next observation. @returns false when the cell is closed: its partition
  /// has counted that observation otherwise, and it must be left alone.
  bool begin() noexcept { return begun_.fetch_add(1, std::memory_order_relaxed) < ended; }
  /// Observations it has taken.
  std::uint64_t begun() const noexcept { return begun_.load(std::memory_order_relaxed) & ~ended; }
  /// Notes that the credit of @p n observations is given back, and that @p finished of them are to
  /// be told finished. @returns false when the cell is closed: the partition has given back all
  /// there was, and the caller must not.
  bool release(std::uint64_t n, std::uint64_t finished) noexcept {
    auto seen = given_back_.load(std::memory_order_relaxed);
    do {
      if (seen == closed) return false;
    } while (!given_back_.compare_exchange_weak(seen, seen + n + finished * counted_one,
                                                std::memory_order_relaxed));
    return true;
  }
  struct given_back {
    std::uint64_t released = 0;
    std::uint64_t finished = 0;
  };
  /// From now on nothing is taken and nobody gives credit back. @returns what was before. Once.
  given_back close() noexcept {
    begun_.fetch_or(ended, std::memory_order_relaxed);
    const auto seen = given_back_.exchange(closed, std::memory_order_relaxed);
    return {seen % counted_one, seen / counted_one};
  }

  std::atomic<std::uint64_t> applied{0};  ///< of these, the ones that were counted as applied
  std::atomic<std::uint64_t> position{0};
  std::atomic<std::uint32_t> index{0};
  std::atomic<std::uint64_t> begun_counted{0};  ///< of begun(), those the lag counts
  std::atomic<std::uint64_t> clocks_done{0};    ///< clock records it has followed
  std::atomic<std::uint64_t> decided_sent{0};   ///< messages of decisions it has sent

private:
  static constexpr std::uint64_t closed = ~std::uint64_t{0};
  static constexpr std::uint64_t counted_one = std::uint64_t{1} << 32;
  /// Both numbers in one word, so that they are closed together: released, and above them the ones
  /// told finished. An incarnation lives shorter than 2^32 observations.
  std::atomic<std::uint64_t> given_back_{0};
  static constexpr std::uint64_t ended = std::uint64_t{1} << 63;
  std::atomic<std::uint64_t> begun_{0};
};

/// Numbers by 64-bit hash, side by side: looking one up touches one place in memory. Not for
/// several threads.
class hash_table {
public:
  /// Where the number of @p hash stands, until the next add() or erase(); nullptr: nowhere.
  const std::uint32_t* find(std::uint64_t hash) const noexcept {
    if (places_.empty()) return nullptr;
    const auto& at = places_[place_of(hash)];
    return at.used ? &at.number : nullptr;
  }
  /// @returns false, and changes nothing, when it stands there already.
  bool add(std::uint64_t hash, std::uint32_t number) {
    if (4 * (used_ + 1) > 3 * places_.size()) grow();
    auto& at = places_[place_of(hash)];
    if (at.used) return false;
    at = {hash, number, true};
    ++used_;
    return true;
  }
  void erase(std::uint64_t hash) noexcept {
    if (places_.empty()) return;
    auto hole = place_of(hash);
    if (!places_[hole].used) return;
    --used_;
    // What was pushed on by others comes back, so that nothing is looked for beyond a hole.
    for (auto next = after(hole); places_[next].used; next = after(next)) {
      const auto home = places_[next].hash & mask();
      if (((next - home) & mask()) < ((next - hole) & mask())) continue;
      places_[hole] = places_[next];
      hole = next;
    }
    places_[hole] = {};
  }
  std::size_t size() const noexcept { return used_; }

private:
  struct place {
    std::uint64_t hash = 0;
    std::uint32_t number = 0;
    bool used = false;
  };
  std::size_t mask() const noexcept { return places_.size() - 1; }
  std::size_t after(std::size_t at) const noexcept { return (at + 1) & mask(); }
  /// That of @p hash, or the free one where it belongs.
  std::size_t place_of(std::uint64_t hash) const noexcept {
    auto at = hash & mask();
    while (places_[at].used && places_[at].hash != hash) at = after(at);
    return at;
  }
  void grow() {
    auto old = std::move(places_);
    places_.assign(old.empty() ? 16 : 2 * old.size(), {});
    for (const auto& p : old)
      if (p.used) places_[place_of(p.hash)] = p;
  }
  std::vector<place> places_;  ///< a power of two, at most three quarters used
  std::size_t used_ = 0;
};

/// Which entities exist, so that doors can bound the rate of new ones. A set of 64-bit hashes.
class entity_registry {
public:
  static constexpr std::uint32_t nobody = 0;
  /// @returns true when @p hash was not known. @p publisher introduced it, where that is known.
  bool add(std::uint64_t hash, std::uint32_t publisher = nobody) {
    auto& s = shard(hash);
    const std::lock_guard<std::mutex> lock{s.mutex};
    if (!s.known.add(hash, publisher)) return false;
    size_.fetch_add(1, std::memory_order_relaxed);
    if (publisher != nobody) count(publisher, 1);
    return true;
  }
  bool knows(std::uint64_t hash) {
    auto& s = shard(hash);
    const std::lock_guard<std::mutex> lock{s.mutex};
    return s.known.find(hash) != nullptr;
  }
  void remove(std::uint64_t hash) {
    auto& s = shard(hash);
    const std::lock_guard<std::mutex> lock{s.mutex};
    const auto* by = s.known.find(hash);
    if (by == nullptr) return;
    if (*by != nobody) count(*by, -1);
    s.known.erase(hash);
    size_.fetch_sub(1, std::memory_order_relaxed);
  }
  /// Notes that @p entity was retired: what is kept by its name is to go, though it may be known
  /// again before anybody looks. Of the last 65,536 that nobody has taken.
  void note_retired(std::string entity) {
    const std::lock_guard<std::mutex> lock{retired_mutex_};
    retired_.push_back(std::move(entity));
    if (retired_.size() > most_retired) retired_.pop_front();
  }
  /// The oldest of these, at most @p most.
  std::vector<std::string> take_retired(std::size_t most) {
    const std::lock_guard<std::mutex> lock{retired_mutex_};
    const auto end =
        retired_.begin() + static_cast<std::ptrdiff_t>(std::min(most, retired_.size()));
    std::vector<std::string> taken{std::make_move_iterator(retired_.begin()),
                                   std::make_move_iterator(end)};
    retired_.erase(retired_.begin(), end);
    return taken;
  }
  /// Entities that @p publisher introduced and that are still there.
  std::uint64_t introduced(std::uint32_t publisher) const {
    const std::lock_guard<std::mutex> lock{introduced_mutex_};
    const auto at = introduced_.find(publisher);
    return at == introduced_.end() ? 0 : at->second;
  }
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

private:
  struct shard_type {
    std::mutex mutex;
    hash_table known;  ///< with who introduced it
  };
  void count(std::uint32_t publisher, int change) {
    const std::lock_guard<std::mutex> lock{introduced_mutex_};
    auto& n = introduced_[publisher];
    n += static_cast<std::uint64_t>(change);
    if (n == 0) introduced_.erase(publisher);
  }
  shard_type& shard(std::uint64_t hash) { return shards_[hash >> 60]; }
  shard_type shards_[16];
  std::atomic<std::size_t> size_{0};
  static constexpr std::size_t most_retired = 65'536;
  std::mutex retired_mutex_;
  std::deque<std::string> retired_;
  mutable std::mutex introduced_mutex_;
  std::unordered_map<std::uint32_t, std::uint64_t> introduced_;
};

}  // namespace faultline
