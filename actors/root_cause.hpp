// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/directory.hpp"
#include "actors/flight_recorder.hpp"
#include "actors/interfaces.hpp"
#include "actors/options.hpp"

namespace faultline {

struct rca_peers {
  librarian_actor librarian;
  keeper_actor keeper;
  rca_worker_actor worker;
  partition_directory* directory = nullptr;
};

/// One incident's question while its neighbourhood answers.
struct rca_case {
  rca_request request;
  rca_question question;
  std::map<std::string, std::size_t> node_of;
  std::map<std::string, std::uint32_t> tries;
  std::size_t waiting = 0;  ///< nodes that have not answered
};

struct rca_state {
  static constexpr const char* name = "root-cause";
  explicit rca_state(rca_actor::pointer self_ptr) : self{self_ptr} {}

  void begin(root_cause_options o, role_table r, rca_peers p);
  void on_find(find_cause& f);

  void ask_window(const std::shared_ptr<rca_case>& c, const std::string& entity);

  rca_actor::pointer self;

private:
  using shared_case = std::shared_ptr<rca_case>;
  void start_next();
  bool later(const shared_case& c, const std::string& entity);
  void take_window(const shared_case& c, const std::string& entity, window_answer& a);
  void add_blocks(const shared_case& c, const std::string& entity, window_answer a);
  void answered(const shared_case& c);
  void close(const shared_case& c);
  void finished();
  void record(root_cause_result result);

  root_cause_options options_;
  role_table roles_;
  rca_peers peers_;
  std::map<std::string, rca_request> waiting_;  ///< newest request per incident
  std::deque<std::string> order_;
  std::size_t running_ = 0;
};

/// Questions every candidate's entity through its partition, also those that did not alert, joins
/// its live window from memory and disk, and records what the worker finds as a decision. A node
/// that does not answer in time, or whose watermark has not passed `as_of`, is marked incomplete.
/// @p roles are those of the rules in force.
rca_actor::behavior_type root_cause(rca_actor::stateful_pointer<rca_state> self,
                                    root_cause_options options, role_table roles, rca_peers peers);

struct rca_worker_state {
  static constexpr const char* name = "root-cause-worker";
  root_cause_options options;
  std::vector<runbook> runbooks;
  std::shared_ptr<cause_ranker> ranker;
  flight_recorder* flight = nullptr;
  std::set<std::uint64_t> skipped;

  caf::result<cause_found> on_question(const cause_question& q) const;
};

/// What killed the process, and what is not to do so again.
struct rca_worker_past {
  flight_recorder* flight = nullptr;
  std::set<std::uint64_t> skipped;  ///< hashes of incidents whose question is never answered again
};

/// @p ranker may be null. Spawn it detached. A question that throws, or has killed the process
/// twice (rule 10), is answered with ec::model_failed.
rca_worker_actor::behavior_type root_cause_worker(
    rca_worker_actor::stateful_pointer<rca_worker_state> self, root_cause_options options,
    std::vector<runbook> runbooks, std::shared_ptr<cause_ranker> ranker, rca_worker_past past);

}  // namespace faultline
