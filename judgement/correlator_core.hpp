// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "judgement/options.hpp"
#include "judgement/root_cause.hpp"
#include "messages/decision.hpp"
#include "messages/incident.hpp"
#include "messages/silence.hpp"

namespace faultline {

/// One thing to say on the feed. Exactly one of the three, by `kind`.
struct feed_event {
  enum class kind : std::uint8_t { alert, incident, notice } what = kind::notice;
  faultline::alert alert;
  faultline::incident incident;
  faultline::notice notice;
};

/// Please find the root cause of this incident; the answer comes back as a decision.
struct rca_request {
  std::string incident;
  event_time onset{};
  event_time as_of{};
  std::vector<std::string> candidates;  ///< entities to ask: symptoms and neighbours within hops
  std::vector<rca_edge> edges;          ///< among them
  std::vector<alert> alerts;            ///< of the incident (ended ones too), by onset
  std::vector<change_note> changes;     ///< recent, of candidates
};

/// What became of weak signs since this core exists.
struct sign_counters {
  std::uint64_t signs = 0;   ///< taken
  std::uint64_t asked = 0;   ///< root-cause questions about them
  std::uint64_t opened = 0;  ///< incidents that a strong cause opened
};

/// A silence as of the newest decision.
struct told_silence {
  silence what;
  silence_state state = silence_state::pending;
};

struct correlator_output {
  std::vector<feed_event> feed;
  std::vector<rca_request> requests;
};

struct topology_node {
  std::string id;
};
struct topology_edge {
  std::string from, to;
  edge_kind kind = edge_kind::calls;
  std::string source;
  double confidence = 1;
  event_time last_seen{};
};

/// Folds the one decision log into alerts, topology and incidents. Pure: the state after decision n
/// is a function of decisions 1..n. Alerts that belong together by dependency and time are one
/// incident; an incident is explained by root_cause decisions and resolves when its alerts have.
class correlator_core {
public:
  explicit correlator_core(correlation_options options);
  ~correlator_core();
  correlator_core(correlator_core&&) noexcept;
  correlator_core& operator=(correlator_core&&) noexcept;

  /// @p decision.seq must be greater than that of the last one applied.
  correlator_output apply(const decision& d);
  /// Instead of apply() for one that is never applied: an alert that it ends does end, because
  /// nobody tells its end again.
  correlator_output pass_over(const decision& d);

  std::string save() const;
  outcome<void> restore(std::string_view bytes);

  /// Firing alerts and open incidents, in order of id.
  std::vector<alert> firing() const;
  std::vector<incident> open() const;
  std::vector<topology_node> nodes() const;
  std::vector<topology_edge> edges() const;
  /// Edges that an operator has taken away.
  std::vector<configured_edge> taken_away() const;
  /// Requests that were made and not answered yet: a host that starts again asks them anew.
  std::vector<rca_request> outstanding() const;
  /// By id; those that have ended too, for a while.
  std::vector<told_silence> silences() const;
  std::uint64_t applied_through() const noexcept;
  /// True while something is open that only the passing of event time can end, or when something is
  /// due by @p at (a clock decision is wanted).
  bool wants_clock(event_time at = event_time::min()) const noexcept;
  sign_counters signs() const noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace faultline
