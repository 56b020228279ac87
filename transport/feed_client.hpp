// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "transport/key_file.hpp"

namespace faultline {

struct feed_client_options {
  std::string publish = "tcp://127.0.0.1:7803";
  std::string replay = "tcp://127.0.0.1:7804";
  /// Topics wanted, by their beginnings; "" is all. Records only in msgpack.
  std::vector<std::string> prefixes{""};
  /// Records from this seq on are replayed first; 0 = only what is published from now on.
  std::uint64_t from = 0;
  /// Asks for what was missed; false = only what arrives.
  bool fill_gaps = true;
  std::chrono::milliseconds request_deadline{5000};
  int high_water_mark = 10000;             ///< messages waiting on our side
  std::shared_ptr<const curve_keys> keys;  ///< none: to a server that asks for none
};

struct feed_message {
  std::string topic;
  std::string payload;  ///< msgpack; read_feed_payload() takes it apart
  std::uint64_t seq = 0;
  bool replayed = false;  ///< came from the replay socket
};

/// All that is firing or open.
struct feed_snapshot {
  std::uint64_t as_of = 0;
  std::vector<std::string> alerts;     ///< msgpack maps
  std::vector<std::string> incidents;  ///< msgpack maps
};

struct replay_page {
  std::vector<feed_message> records;
  std::uint64_t next = 0;    ///< ask for this next
  std::uint64_t oldest = 0;  ///< first seq still stored
  std::uint64_t last = 0;    ///< newest seq
};

struct feed_client_counters {
  std::uint64_t received = 0;    ///< live records handed out
  std::uint64_t replayed = 0;    ///< records handed out that came by replay
  std::uint64_t duplicates = 0;  ///< the same record under another topic, or live and by replay
  std::uint64_t gaps = 0;        ///< times something was missing
  std::uint64_t expired = 0;     ///< seqs asked for that the server no longer has
  std::uint64_t heartbeats = 0;
};

/// Follows the feed without missing a record: subscribes on 7803, watches `seq` and the heartbeat,
/// and fetches what is missing from 7804. Each record is handed out once.
///
/// Lives:  used by one thread at a time.
/// Order:  with prefix "" by seq, except after a replay that failed; else as records arrive.
/// Fails:  ec::deadline_passed (the replay socket does not answer; next() may simply be called
///         again), ec::malformed, ec::invalid (the server's error), ec::io_failed.
class feed_client {
public:
  static outcome<std::unique_ptr<feed_client>> connect(const feed_client_options& options);
  ~feed_client();
  feed_client(const feed_client&) = delete;
  feed_client& operator=(const feed_client&) = delete;

  /// Waits until a heartbeat, or a record, shows that the subscription works. Records that come
  /// meanwhile are kept.
  outcome<void> wait_until_live(std::chrono::milliseconds deadline);
  /// The next record; nothing when none came within @p timeout.
  outcome<std::optional<feed_message>> next(std::chrono::milliseconds timeout);
  outcome<feed_snapshot> snapshot();
  /// One page of stored records from @p from on, in order. @p limit 1..1000.
  outcome<replay_page> replay(std::uint64_t from, std::size_t limit, std::string_view prefix = {});

  /// Highest seq heard of, by record or heartbeat.
  std::uint64_t last_seq() const noexcept;
  const feed_client_counters& counters() const noexcept;

private:
  struct impl;
  explicit feed_client(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace faultline
