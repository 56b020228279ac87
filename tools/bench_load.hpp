// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {

/// Who sends: publishers that wait for acknowledgements, and those that do not.
struct load_options {
  std::string router, pull;          ///< endpoints of the server
  std::vector<std::string> publish;  ///< endpoints that we bind; one PUB publisher each
  std::size_t acknowledged = 1;
  std::size_t pushing = 0;
  std::size_t window = 16;  ///< requests under way, of each
  bool heed_retry = true;
  std::shared_ptr<const curve_keys> keys;  ///< none where the server asks for none
  std::string name = "bench";              ///< of the first; the others get a number
};

/// What was handed over, and what became of it as far as the publishers are told.
struct load_counts {
  std::uint64_t requests = 0, events = 0;  ///< with acknowledgement
  std::uint64_t accepted = 0, rejected = 0, refused_requests = 0;
  std::uint64_t retries = 0, resent = 0;
  std::uint64_t given_up_requests = 0;
  std::uint64_t pushed_messages = 0, pushed_events = 0;
  std::uint64_t published_messages = 0, published_events = 0;

  std::uint64_t sent() const noexcept { return events + pushed_events + published_events; }
};

/// Publishers of every kind in one thread.
///
/// Lives:  used by one thread at a time.
/// Fails:  ec::deadline_passed when a publisher's way stays full, ec::io_failed.
class load_publishers {
public:
  static outcome<std::unique_ptr<load_publishers>> connect(const load_options& options);

  /// Adds those that @p options name.
  outcome<void> join(const load_options& options);

  std::size_t size() const noexcept {
    return acknowledged_.size() + pushing_.size() + publishing_.size();
  }
  const std::vector<std::unique_ptr<publisher_client>>& acknowledged() const noexcept {
    return acknowledged_;
  }
  /// Where the PUB publishers are bound.
  std::vector<std::string> published_at() const;
  outcome<void> wait_for_subscribers(std::chrono::milliseconds deadline);
  /// Hands @p payload of @p events to publisher @p who (acknowledged ones first), waiting until it
  /// has room.
  outcome<void> send(std::size_t who, std::string_view payload, std::size_t events);
  /// Takes the replies that are there; waits at most @p wait.
  outcome<void> pump(std::chrono::milliseconds wait);
  /// Waits until every request is answered.
  outcome<void> flush(std::chrono::milliseconds deadline);
  load_counts counts() const;

private:
  load_publishers() = default;
  std::vector<std::unique_ptr<publisher_client>> acknowledged_;
  std::vector<std::unique_ptr<push_client>> pushing_;
  std::vector<std::unique_ptr<pub_client>> publishing_;
  load_counts counts_;
};

/// Says when the next message is due at a steady rate; at rate 0 at once, always.
class load_pace {
public:
  using clock = std::chrono::steady_clock;
  /// @p per_second events, from @p start on.
  load_pace(double per_second, clock::time_point start) : per_second_{per_second}, start_{start} {}
  /// When the message that follows @p events already sent is due.
  clock::time_point due(std::uint64_t events) const;

private:
  double per_second_;
  clock::time_point start_;
};

/// How often each of so many entities is heard: all alike, or the one of rank r as often as
/// r^-exponent says.
class entity_draw {
public:
  /// @p exponent 0: uniform.
  entity_draw(std::size_t entities, double exponent);
  /// @p uniform: a number in [0, 1). @returns an entity's index.
  std::size_t at(double uniform) const;

private:
  std::size_t entities_;
  std::vector<double> cumulative_;  ///< empty: uniform
};

}  // namespace faultline
