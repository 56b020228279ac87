// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include <caf/actor_system.hpp>

#include "actors/directory.hpp"
#include "actors/group_commit.hpp"
#include "actors/interfaces.hpp"
#include "actors/lane.hpp"
#include "actors/node_shared.hpp"
#include "actors/overload.hpp"
#include "actors/post_desk.hpp"
#include "actors/publishers.hpp"
#include "dashboard/queries.hpp"
#include "server/backup_desk.hpp"
#include "server/live_desk.hpp"
#include "server/notifier.hpp"
#include "server/quality_ledger.hpp"
#include "server/rule_desk.hpp"
#include "storage/store.hpp"
#include "transport/doors.hpp"
#include "transport/http_server.hpp"

namespace faultline {

/// How the last reload went, for /metrics.
struct reload_status {
  std::atomic<bool> successful{true};
  std::atomic<std::int64_t> succeeded_at_ms{0};  ///< the start counts
};

class other_listeners;

/// What the queries are answered from. All outlive them.
struct node_parts {
  store* memory = nullptr;
  node_counters* counters = nullptr;
  partition_directory* directory = nullptr;
  group_commit* commit = nullptr;
  doors* sockets = nullptr;
  lane* inference = nullptr;
  supervisor_actor supervisor;
  correlator_actor correlator;
  keeper_actor keeper;
  librarian_actor librarian;
  std::function<arrival_time()> now;
  publisher_accounts* publishers = nullptr;
  const overload_ladder* ladder = nullptr;
  std::uint64_t accepted_at_start = 0;  ///< the durable count when this process began
  const std::atomic<bool>* correlator_whole = nullptr;  ///< it knows what it had told
  entity_registry* registry = nullptr;                  ///< who is known
  rule_desk* desk = nullptr;
  const reload_status* reloads = nullptr;
  backup_desk* backups = nullptr;
  const http_server* web = nullptr;
  live_desk* live = nullptr;
  const post_desk* posts = nullptr;
  const other_listeners* listeners = nullptr;
  const notifier* notifications = nullptr;  ///< none without receivers
  /// Both block; each is called on a thread of its own.
  std::function<outcome<reload_report>()> reload{};
  std::function<outcome<model_state>(const std::string& sha256)> activate{};
};

class overview_desk;
class reading_desk;

/// Answers the dashboard's questions by asking the actors, with deadlines; every question has an
/// actor of its own that ends with its answer.
class node_queries final : public queries {
public:
  node_queries(caf::actor_system& system, node_parts parts);
  ~node_queries() override;

  bool ready() const override;
  void status(answer<server_status> done) override;
  void metrics_text(answer<std::string> done) override;
  void entities(std::string prefix, std::size_t limit, std::string next,
                answer<entity_page> done) override;
  void entity(std::string id, answer<entity_details> done) override;
  void window(std::string id, std::string metric, answer<window_series> done) override;
  void alerts(alert_filter filter, answer<alert_page> done) override;
  void incidents(incident_filter filter, answer<incident_page> done) override;
  void incident_by_id(std::string id, answer<told<incident>> done) override;
  void overview(answer<overview_view> done) override;
  void story(std::string incident, answer<incident_story> done) override;
  void story_of_entity(std::string id, answer<entity_story> done) override;
  void quality(answer<quality_view> done) override;
  std::shared_ptr<live_feed> live(std::optional<std::uint64_t> after, bool brief) override;
  void topology(answer<topology_view> done) override;
  void set_edge(edge_word w, answer<bool> done) override;
  void dead_letters(dead_letter_filter filter, answer<dead_letter_view> done) override;
  void alert_feedback(std::string id, feedback f, answer<bool> done) override;
  void incident_feedback(std::string id, feedback f, answer<bool> done) override;
  void retire_entity(std::string id, answer<bool> done) override;
  void dead_letter_by_id(std::string id, answer<dead_letter_view::letter> done) override;
  void release_entity(std::string id, answer<bool> done) override;
  void publishers(std::size_t limit, answer<publisher_page> done) override;
  void acknowledge_alert(std::string id, acknowledgement a, answer<bool> done) override;
  /// For others who look through what is stored. Lives as long as this.
  reading_desk& reads() { return *reads_; }
  void acknowledge_incident(std::string id, acknowledgement a, answer<bool> done) override;
  void reload(answer<reload_report> done) override;
  void rules(answer<rules_state> done) override;
  void model(answer<model_state> done) override;
  void activate_model(std::string sha256, answer<model_state> done) override;
  void make_backup(answer<backup_state> done) override;
  void backup(answer<backup_state> done) override;
  void drop_backup(answer<backup_state> done) override;

private:
  void record_command(const char* name, std::string subject, std::string payload,
                      answer<bool> done);
  void record_acknowledgement(std::string subject, const acknowledgement& a, answer<bool> done);
  void record_feedback(const char* name, const std::string& record, std::string subject,
                       const feedback& f, answer<bool> done);

  caf::actor_system& system_;
  node_parts parts_;
  std::shared_ptr<quality_ledger> ledger_;
  std::shared_ptr<overview_desk> overview_;
  std::unique_ptr<reading_desk> reads_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

/// The counters in Prometheus' text format.
std::string metrics_page(const node_parts& parts, bool ready, double uptime_s);

}  // namespace faultline
