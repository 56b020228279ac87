// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include "actors/flight_recorder.hpp"
#include "actors/interfaces.hpp"
#include "actors/node_shared.hpp"
#include "actors/options.hpp"

namespace faultline {

struct correlator_peers {
  librarian_actor librarian;
  keeper_actor keeper;
  rca_actor rca;
  flight_recorder* flight = nullptr;
  node_counters* counters = nullptr;
  /// Kept by it, where there is one: what it had told before it began (again) is known once more.
  std::atomic<bool>* whole = nullptr;
};

struct correlator_state {
  static constexpr const char* name = "correlator";
  explicit correlator_state(correlator_actor::pointer self_ptr) : self{self_ptr} {}
  ~correlator_state();

  void begin(correlation_options correlation, actor_options o, correlator_peers p);
  void on_available(const decisions_available& d);
  void on_clock(const event_clock_at& c);
  /// Answered at once, but while what was told is folded again, or until the decision it asks for
  /// is: then as soon as that is done, one after the other, and other work between them. Who asks
  /// for alerts and incidents has them as of `feed_seq`: not while more is being written.
  caf::result<correlator_view> on_question(const correlator_question& q);

  correlator_actor::pointer self;

private:
  struct held_question {
    correlator_question what;
    caf::typed_response_promise<correlator_view> to;
  };

  void load();
  bool whole() const noexcept { return loaded_ && through_ >= told_through_; }
  bool can_answer(const correlator_question& q) const noexcept {
    return whole() && through_ >= q.from && !(telling_ && q.alerts && q.incidents);
  }
  void tell_whole();
  std::deque<held_question>::iterator next_held();
  void answer_held();
  void go_on_answering();
  correlator_view view_of(const correlator_question& q) const;
  void on_image(const correlator_image& image);
  void read_on();
  std::optional<correlator_output> fold(const decision& d);
  void on_thrown(const decision& thrown, const record_address& where, const std::string& why);
  void on_page(const decision_page& page);
  void collect_requests(std::vector<rca_request> requests, const decision& d);
  void send_requests();
  void count_signs() const;
  void fail(const caf::error& why);

  std::unique_ptr<correlator_core> core_;
  correlation_options correlation_;
  actor_options options_;
  correlator_peers peers_;
  std::uint64_t through_ = 0;        ///< decisions applied
  std::uint64_t told_through_ = 0;   ///< decisions whose feed records are durable
  std::uint64_t saved_through_ = 0;  ///< decision at which our state was last saved
  std::uint64_t saved_bytes_ = 0;    ///< size of that state
  std::uint64_t known_last_ = 0;
  std::uint64_t feed_seq_ = 0;
  /// To be sent once what caused them is durable; nothing where the answer came meanwhile.
  std::deque<std::optional<rca_request>> requests_;
  std::unordered_map<std::string, std::size_t>
      requested_;                      ///< incident -> its number, from the first
  std::size_t requests_let_go_ = 0;    ///< at the front of requests_
  std::deque<held_question> held_;     ///< until can_answer(), in their order
  std::set<record_mark> skipped_;      ///< what is never folded: see correlator_image
  std::map<record_mark, int> thrown_;  ///< how often it threw
  event_time clock_told_{};
  bool loaded_ = false;
  bool caught_up_ = false;  ///< has been at the end of the log since it began
  bool busy_ = false;
  bool telling_ = false;  ///< messages of what is folded are not in the feed yet
  bool clock_asked_ = false;
  bool answering_ = false;  ///< we have told ourselves that somebody waits
};

/// Reads the decision log in order, folds it, writes the feed. After a restart it folds again what
/// it had told already, silently, from its last saved state. So it does when a decision throws; one
/// that throws again is skipped for good and named, as one that killed the process twice (rule 10).
/// Until then it knows less than the feed has said: questions wait.
correlator_actor::behavior_type correlator(
    correlator_actor::stateful_pointer<correlator_state> self, correlation_options correlation,
    actor_options options, correlator_peers peers);

}  // namespace faultline
