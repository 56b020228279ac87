// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <caf/actor_system.hpp>

#include "actors/interfaces.hpp"
#include "messages/request.hpp"
#include "transport/doors.hpp"

namespace faultline {

/// Answers snapshot and replay requests and makes the heartbeat. Called on the feed thread, which
/// may read the store; the correlator is asked once for all who wait for a snapshot, and waited for
/// no more than a moment. Each who waits has five seconds of his own.
class feed_door final : public feed_handler {
public:
  feed_door(caf::actor_system& system, store& from, correlator_actor correlator,
            std::function<arrival_time()> now)
      : system_{system},
        from_{from},
        correlator_{std::move(correlator)},
        now_{std::move(now)},
        before_{from.feed().last()} {}

  std::optional<std::string> on_feed_request(std::string_view request, bool again,
                                             std::chrono::milliseconds waited) override;
  std::string heartbeat(std::uint64_t published) override;

private:
  class question;

  std::optional<outcome<std::string>> snapshot(wire_encoding encoding, bool again,
                                               std::chrono::milliseconds waited);
  outcome<std::string> snapshot_of(const correlator_view& view, wire_encoding encoding);
  outcome<std::string> replay(const feed_request& request);

  caf::actor_system& system_;
  store& from_;
  correlator_actor correlator_;
  std::shared_ptr<question> asked_;                 ///< the one that is under way
  std::optional<outcome<correlator_view>> told_;    ///< its answer, until all have it who waited
  std::map<wire_encoding, std::string> snapshots_;  ///< made of it
  std::size_t waiting_ = 0;
  std::function<arrival_time()> now_;
  std::uint64_t before_;  ///< newest record when the doors were opened
};

}  // namespace faultline
