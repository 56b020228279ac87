// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/node_shared.hpp"
#include "actors/options.hpp"
#include "actors/publisher_windows.hpp"
#include "messages/record.hpp"
#include "processing/options.hpp"
#include "storage/store.hpp"
#include "transport/doors.hpp"

namespace faultline {

/// What the group commit does when a group is durable, and how it knows the time. Called on its
/// thread.
struct commit_hooks {
  std::function<void(shared_blob)> deliver;  ///< to the partition's owner
  std::function<void(const reply_address&, std::string)> reply;
  std::function<arrival_time()> now;
  std::function<void(const std::string&)> give_up;  ///< the store failed for good
};

/// Gathers what the doors take and writes it in groups: one blob per partition, with the
/// publishers' deltas and dead letters, in one write. Then blobs are delivered, and once the write
/// is on the disk replies are sent. Who comes alone is not made to wait for company.
///
/// Threads: intake is used under its lock by any thread; one thread of our own writes.
/// Bounds:  max_pending_bytes of records wait; room() says when a door must refuse.
/// Fails:   no space: keeps the group and tries again, doors answer `retry`
///          meanwhile. Any other failure of the store ends the node
///          through give_up: nothing that was not durable is ever acked.
class group_commit {
public:
  group_commit(store& into, intake_options options, processing_options processing,
               node_counters& counters, commit_hooks hooks);
  ~group_commit();

  /// Exclusive access to the group being gathered, for one payload.
  class intake {
  public:
    /// Adds one admitted event; precedes it with a clock record where the past is accepted and the
    /// event begins a new tick of its partition.
    void add(const event_view& event);
    /// Records of one decision, for one partition or several, are added under one intake: they are
    /// written together with its number.
    void add_control(partition_id partition, const control_record& control);
    void add(dead_letter letter);
    /// The reply goes out when everything added so far is durable.
    void reply_when_durable(reply_address to, std::string frame);
    /// The publisher's window; an empty one when it was never heard of, or is forgotten.
    const publisher_window& window(const std::string& key) const;
    void took(const std::string& key, std::uint64_t seq, std::uint64_t payload_hash);
    /// Adds to a durable counter.
    void count(const char* name, std::uint64_t n);
    /// An answer that promises nothing may go out at once.
    void reply_now(const reply_address& to, std::string frame);
    void wake() { owner_.wake_.notify_one(); }

  private:
    friend class group_commit;
    explicit intake(group_commit& owner) : owner_{owner}, lock_{owner.mutex_} {}
    group_commit& owner_;
    std::unique_lock<std::mutex> lock_;
  };
  intake begin() { return intake{*this}; }

  /// How much a door may take.
  enum class room_left : std::uint8_t {
    all,    ///< whatever comes
    fair,   ///< a limit is reached: only from publishers that are below their fair share
    tight,  ///< an eighth beyond: only the first payload of a publisher in an interval
    none,   ///< no space, the end, or a quarter beyond a limit: answer `retry` with reason()
  };
  room_left room() const noexcept;
  bool has_room() const noexcept { return room() == room_left::all; }
  bool has_space() const noexcept;
  const char* reason() const noexcept;
  /// What reason() says while the disk is full.
  static constexpr const char* no_space_reason =
      "no space on disk: less than storage.min_free is free";
  /// From here on ticks are scored without the forecaster, or with it again: a change is a record
  /// in every partition, and so is a process's first word where there are records. Not before the
  /// partitions have caught up.
  void set_degraded(bool on);
  /// Live data: appends one clock record per partition when @p now has entered a new tick.
  void tick(arrival_time now);
  /// Reads the publishers' windows. Call before the doors open.
  outcome<void> load_publishers();
  void start();
  /// One round of the thread's work, on the caller's, for who has no threads: false when the store
  /// has failed. @pre start() was never called
  bool write_waiting();
  /// Writes what waits and ends the thread.
  void stop();

private:
  struct group {
    std::vector<blob_writer> writers;  ///< one per partition
    std::vector<partition_id> touched;
    append_group extra;  ///< deltas, letters, counters
    std::vector<std::pair<reply_address, std::string>> replies;
    std::size_t bytes = 0;
    std::size_t records = 0;
    std::uint64_t events = 0;
    /// What is only counted can wait for company; it is not nothing.
    bool presses() const { return records != 0 || !replies.empty() || !extra.dead_letters.empty(); }
    bool empty() const { return !presses() && extra.counters.empty(); }
  };

  void run();
  bool write_round(std::unique_lock<std::mutex>& lock);
  bool write(group& g);
  void deliver(group& g, std::vector<log_append>& log, const std::vector<log_position>& at);
  void answer(group& g);
  void touch(partition_id p);
  void put_clock(partition_id p, const clock_record& clock);
  void live_clock(partition_id p, arrival_time now);
  void past_clock(partition_id p, event_time ts, arrival_time arrived);
  outcome<void> find_newest();
  outcome<void> forget_surplus();
  void save_windows();
  void say_degraded(bool on);

  store& into_;
  intake_options options_;
  processing_options processing_;
  node_counters& counters_;
  commit_hooks hooks_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  group pending_;
  group writing_;
  publisher_windows windows_;
  std::vector<publisher_row> rows_;  ///< to be saved after the group they were gathered with
  std::uint64_t deltas_since_save_ = 0;
  std::optional<bool> degraded_;          ///< nothing: not told yet
  std::vector<std::int64_t> clock_tick_;  ///< per partition, the last tick told (live)
  event_time newest_{};                   ///< event taken (accept_past)
  clock_record past_{};                   ///< the clock told last (accept_past)
  std::vector<bool> known_partition_;     ///< something was ever appended
  std::atomic<std::size_t> pending_bytes_{0};
  std::atomic<std::uint64_t> pending_records_{0};  ///< events taken that the lag does not count yet
  std::atomic<bool> no_space_{false};
  std::atomic<bool> stopping_{false};
  std::chrono::steady_clock::time_point written_at_{};  ///< the last group
  std::size_t answered_ = 0;                            ///< requests of the last group
  std::thread thread_;
};

}  // namespace faultline
