// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "judgement/correlator_core.hpp"
#include "judgement/root_cause.hpp"

namespace faultline {

/// The correlator with the search for causes behind it, on one thread: what keeper, correlator and
/// root-cause actors do together for the server. A cause it asks for is a decision at once.
struct lone_correlator {
  void decide(decision d);

  correlator_core core;
  root_cause_options root_cause;
  std::vector<runbook> runbooks;
  cause_ranker* ranker = nullptr;  ///< none: causes are ranked without it
  role_table roles;
  std::function<entity_window(std::string_view entity, event_time as_of)> window_of;
  /// Hears every feed event in order.
  std::function<void(const feed_event&)> on_feed;
  std::uint64_t seq = 0;  ///< of the newest decision

private:
  void explain(const rca_request& request);
};

}  // namespace faultline
