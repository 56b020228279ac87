// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "dashboard/queries.hpp"
#include "storage/store.hpp"

namespace faultline {

/// Follows the feed for all who watch it by HTTP: each message becomes JSON once, and each reader
/// takes what it has not had when it has room for it. A reader is a number and nothing else, so a
/// slow one costs nothing; who is behind what is kept here reads the store, a page at a time.
///
/// A brief reader wants to know what is now, not every message: it is answered four times a second
/// at most, with at most 40 messages and the number of those that were left out; where it is
/// behind what is kept it is told of a gap.
///
/// Threads: one of its own, which reads the store; all methods may be called from any.
/// Limits:  keeps the last 4,096 messages and 8 MiB.
class live_desk {
public:
  /// How long a reader waits for something before it gets an empty page.
  static constexpr std::chrono::seconds patience{10};

  explicit live_desk(store& memory, std::chrono::milliseconds wait = patience);
  ~live_desk();
  /// Message @p seq was published. Cheap.
  void told(std::uint64_t seq);
  /// A reader of what comes after @p after; nothing: after the newest. It may outlive the desk.
  std::shared_ptr<live_feed> open(std::optional<std::uint64_t> after, bool brief = false);
  /// Who waits gets ec::shutting_down.
  void stop();

private:
  struct shared;
  class reader;
  std::shared_ptr<shared> shared_;
  std::thread thread_;
};

}  // namespace faultline
