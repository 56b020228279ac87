// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/alert.hpp"
#include "messages/event.hpp"
#include "messages/incident.hpp"
#include "messages/outcome.hpp"
#include "messages/time.hpp"

// What the dashboard may ask of the server. The server implements it over actor requests; every
// answer comes exactly once, from any thread, within a deadline of its own.

namespace faultline {

template <class T>
using answer = std::function<void(outcome<T>)>;

struct server_status {
  std::string version;
  double uptime_s = 0;
  std::uint64_t entities = 0;
  std::uint64_t observations = 0;  ///< accepted since the store was created
  std::uint64_t dead_letters = 0;
  std::uint64_t feed_seq = 0;
  std::uint32_t partitions = 0;
  std::string overload = "none";  ///< none, lagging, degraded, shedding, no_space
  bool ready = false;
  std::int64_t started_ms = 0;  ///< wall clock
};

struct entity_row {
  std::string id;
  std::string state;
  std::uint64_t observations = 0;
  std::int64_t last_ts = 0;
};
struct entity_page {
  std::vector<entity_row> entities;
  std::string next;  ///< empty: no more; else pass it as `next`
};

struct entity_metric {
  std::string name;
  std::string role;  ///< cpu, memory, ... latency, none
  std::string kind;  ///< gauge, counter
  std::string unit;  ///< seconds, bytes, ...; of a counter, that per second; empty: not known
  double last = 0, expected = 0, lower = 0, upper = 0;
  double off = 0;             ///< of the last ticks, in multiples of the usual 98th percentile
  double profile_weight = 0;  ///< of the daily profile, 0..1
};

/// What the detector believes of an entity; see entity_belief in judgement.
struct entity_beliefs {
  double probability = 0, excess = 0;
  double soon = 0;  ///< NaN: nothing is said
  double false_pages_per_month = 0, accepted_by_now = 0;
  std::uint64_t pages = 0;
  double stricter = 0, half_hours = 0;
  int weekdays = 0, weekend_days = 0;
  std::string forecaster;  ///< absent, listening, heard, unheard
};

/// A template of an entity's log.
struct entity_log {
  std::string id;        ///< 16 hexadecimal digits
  std::string text;      ///< "session opened for user <*>"
  std::string severity;  ///< the worst it had
  std::string example;   ///< of that severity
  std::uint64_t lines = 0;
  std::int64_t first_ts = 0, last_ts = 0;
};

/// One operation of an entity, or of one that it calls, over the last five to ten minutes.
struct entity_operation {
  std::string operation;  ///< empty: all others, of an entity with many
  std::string peer;       ///< whom it calls; empty: its own work
  double rate = 0, error_share = 0;
  double p50_ms = 0, p95_ms = 0, p99_ms = 0;
  double usual_p95_ms = 0, usual_error_share = 0;  ///< NaN while not known
  std::int64_t last_ts = 0;
};

struct entity_details {
  std::string id;
  std::string state;
  std::uint64_t observations = 0;
  std::int64_t first_ts = 0, last_ts = 0;
  std::vector<entity_metric> metrics;
  std::uint64_t left_out = 0;  ///< values of names beyond the 256 that are kept
  std::vector<std::string> alerts;
  entity_beliefs belief;
  std::vector<entity_log> logs;              ///< those seen last first
  std::vector<entity_operation> operations;  ///< the busiest first
  std::uint64_t calls_left_out = 0;          ///< of peers beyond those that evidence is kept of
};

struct window_series {
  std::vector<std::int64_t> ts;
  std::vector<float> values, expected, lower, upper;  ///< NaN = missing (JSON null)
};

struct alert_filter {
  std::string state;     ///< "", firing, resolved
  std::string severity;  ///< "", warning, critical
  std::string entity;    ///< exact, or empty
  std::string text;      ///< part of entity, metric or explanation, whatever the case; or empty
  std::size_t limit = 100;
  std::string next;
};
/// A record as the feed told it.
template <class Record>
struct told {
  Record record;
  std::uint64_t seq = 0;       ///< 0: not known
  std::int64_t published = 0;  ///< 0: its message is beyond retention
};
struct alert_page {
  std::vector<told<alert>> alerts;  ///< newest first
  std::string next;
};
struct incident_filter {
  std::string state;   ///< "", open, resolved
  std::string entity;  ///< a member or the likeliest cause; or empty
  std::size_t limit = 100;
  std::string next;
};
struct incident_page {
  std::vector<told<incident>> incidents;
  std::string next;
};

/// What a list says of an incident.
struct incident_outline {
  std::string id;
  incident_state state = incident_state::open;
  alert_severity severity = alert_severity::warning;
  std::string summary;
  std::int64_t started = 0, updated = 0;
  std::optional<std::int64_t> ended;
  bool abstained = true;
  double unobserved = 1;
  std::string cause, metric, fault_class;  ///< the likeliest; empty: none ranked
  double probability = 0;
  std::uint64_t entities = 0, alerts = 0, firing = 0, acknowledged = 0, silenced = 0;
  std::vector<std::string> first_entities;
  std::optional<std::int64_t> limit_at;  ///< when the first forecast of its alerts crosses a limit
};
/// What is wrong now.
struct overview_view {
  std::uint64_t open = 0;
  std::vector<incident_outline> incidents;  ///< the first 200, critical and newest first
  std::uint64_t critical = 0, warning = 0;  ///< alerts that fire, like the next
  std::uint64_t acknowledged = 0, silenced = 0;
  std::uint64_t feed_seq = 0;  ///< as of which message of the feed
  std::int64_t now =
      0;  ///< the server's time; where the past is accepted, that of the newest of these
};

/// One thing that happened in or around an incident.
struct story_item {
  std::int64_t ts = 0;
  std::string kind;     ///< change, alert, cause, word, notice
  std::string subject;  ///< entity or id
  std::string state;    ///< of alerts: warning, critical, resolved; of words: their name
  std::string text;
  std::string by;
};
struct incident_story {
  std::vector<story_item> items;          ///< oldest first
  bool cut = false;                       ///< there is more than `items` hold
  std::vector<told<alert>> alerts;        ///< the first 100 of its alerts
  std::vector<incident_outline> related;  ///< earlier ones with the same cause or entities
};
/// Changes, notices and words about one entity, and the incidents that touch it.
struct entity_story {
  std::vector<story_item> items;            ///< oldest first, the newest 200
  bool cut = false;                         ///< there may be older ones than `items` hold
  std::vector<incident_outline> incidents;  ///< newest first
};

/// How well it has done, as far as the decision log was read.
struct quality_view {
  std::int64_t since = 0, until = 0;     ///< event time of the decisions read
  double promised_per_entity_month = 0;  ///< false pages, from the rules in force
  std::uint64_t entities = 0;            ///< now
  std::uint64_t episodes = 0, critical = 0;
  std::map<std::string, std::uint64_t> alert_verdicts;     ///< true, false, expected
  std::uint64_t incidents = 0;                             ///< of which a cause was asked
  std::map<std::string, std::uint64_t> incident_verdicts;  ///< right, wrong, partly
  std::vector<double> lead_s;          ///< from warning to critical, sorted, the last 10,000
  std::uint64_t critical_at_once = 0;  ///< critical without a warning before
  struct day {
    std::int64_t ts = 0;
    std::uint64_t episodes = 0, called_false = 0;
  };
  std::vector<day> days;  ///< the last 30 with an episode, oldest first
};

/// One message of the feed as JSON, without a line break.
struct live_message {
  std::uint64_t seq = 0;
  std::string kind;  ///< alert, incident, notice
  std::string json;
  std::string brief{};  ///< what a list shows of it; empty: the whole
};
struct live_page {
  std::vector<std::shared_ptr<const live_message>> messages;
  std::uint64_t last = 0;      ///< newest of the feed
  bool gap = false;            ///< what came before is not told
  std::uint64_t left_out = 0;  ///< brief readers: messages that are not told one by one
  std::uint64_t upto = 0;      ///< the reader has had this message, and all before
};
/// The feed from one message on, for one reader.
class live_feed {
public:
  virtual ~live_feed() = default;
  /// The message after which it began.
  virtual std::uint64_t began_after() const noexcept = 0;
  /// What came since, in order, at most about 64 KiB: at once, or as soon as there is something; an
  /// empty page after some seconds. One call at a time; @p done as in queries.
  virtual void next(answer<live_page> done) = 0;
};

struct topology_view {
  struct node {
    std::string id;
    std::string state;  ///< ok, warning, critical; unknown: no event of it ever came
  };
  struct edge {
    std::string from, to, kind, source;
    double confidence = 1;
    std::int64_t last_seen = 0;
  };
  std::vector<node> nodes;
  std::vector<edge> edges;
  std::vector<edge> taken_away;  ///< by an operator; only from, to and kind count
};

/// What an operator says of one dependency.
struct edge_word {
  std::string from, to;
  std::string kind = "calls";  ///< calls, runs_on
  std::string action;          ///< add, remove, reset
  std::string by, comment;
};

struct dead_letter_filter {
  std::string reason;
  std::size_t limit = 100;
  std::string next;
};
struct dead_letter_view {
  std::uint64_t total = 0;                         ///< ever written
  std::uint64_t kept = 0;                          ///< of them
  std::map<std::string, std::uint64_t> by_reason;  ///< ever written
  struct letter {
    std::string id, reason, source, text, payload;
    std::int64_t ts = 0;
    std::string content;              ///< event, payload (as they were sent), other
    std::uint64_t payload_bytes = 0;  ///< before it was cut
  };
  std::vector<letter> letters;  ///< newest first
  std::string next;             ///< empty: no more
};

struct feedback {
  std::string verdict;  ///< incidents: right, wrong, partly; alerts: true, false, expected
  std::optional<std::string> cause;
  std::string comment;
  std::string by;
  std::string remediation;     ///< title of the step that was taken; incidents only
  std::optional<bool> worked;  ///< and whether it helped
};

/// One publisher as the doors know it, since start.
struct publisher_info {
  std::string publisher;
  std::string door;                                    ///< router, pull, subscribe
  std::int64_t last_seen = 0;                          ///< milliseconds, like skew
  std::uint64_t accepted = 0, rejected = 0, shed = 0;  ///< events
  std::uint64_t retried = 0;                           ///< requests
  std::optional<std::int64_t> skew_ms;                 ///< positive: its clock is behind ours
};
struct publisher_page {
  std::uint64_t total = 0;
  std::vector<publisher_info> publishers;  ///< heard of last first
};

struct acknowledgement {
  bool acknowledged = true;  ///< false: taken back
  std::string by;
  std::string comment;
  std::string assign;  ///< who is to look after it; empty: whoever was
};

/// What a reload came to: keys in force now, keys that need a restart.
struct reload_report {
  std::vector<std::string> applied;
  std::vector<std::string> restart;
};

struct rules_state {
  std::uint64_t since = 0;  ///< number of the decision that set them
  std::string rules;        ///< JSON
};

/// The forecaster in force.
struct model_state {
  std::string name, version, sha256;
  std::uint64_t since = 0;  ///< number of the decision that set the rules in force
  bool changed = false;     ///< by this call
};

/// The copy of the store that was made for `faultline backup create`.
struct backup_state {
  std::string state = "none";  ///< none, writing, made, failed
  std::string path;            ///< directory, on the server's machine
  std::string reason;          ///< why it failed
};

class queries {
public:
  virtual ~queries() = default;
  virtual bool ready() const = 0;
  virtual void status(answer<server_status> done) = 0;
  virtual void metrics_text(answer<std::string> done) = 0;  ///< Prometheus text format
  virtual void entities(std::string prefix, std::size_t limit, std::string next,
                        answer<entity_page> done) = 0;
  virtual void entity(std::string id, answer<entity_details> done) = 0;
  virtual void window(std::string id, std::string metric, answer<window_series> done) = 0;
  virtual void alerts(alert_filter filter, answer<alert_page> done) = 0;
  virtual void incidents(incident_filter filter, answer<incident_page> done) = 0;
  virtual void incident_by_id(std::string id, answer<told<incident>> done) = 0;
  virtual void overview(answer<overview_view> done) = 0;
  virtual void story(std::string incident, answer<incident_story> done) = 0;
  /// Empty for an entity of which nothing is told.
  virtual void story_of_entity(std::string id, answer<entity_story> done) = 0;
  virtual void quality(answer<quality_view> done) = 0;
  /// What comes after message @p after; nothing: after the newest.
  /// @p brief: for who shows what is now, see live_desk.
  virtual std::shared_ptr<live_feed> live(std::optional<std::uint64_t> after, bool brief) = 0;
  virtual void topology(answer<topology_view> done) = 0;
  virtual void set_edge(edge_word word, answer<bool> done) = 0;
  virtual void dead_letters(dead_letter_filter filter, answer<dead_letter_view> done) = 0;
  virtual void alert_feedback(std::string id, feedback f, answer<bool> done) = 0;
  virtual void incident_feedback(std::string id, feedback f, answer<bool> done) = 0;
  virtual void retire_entity(std::string id, answer<bool> done) = 0;
  virtual void dead_letter_by_id(std::string id, answer<dead_letter_view::letter> done) = 0;
  virtual void release_entity(std::string id, answer<bool> done) = 0;
  virtual void publishers(std::size_t limit, answer<publisher_page> done) = 0;
  virtual void acknowledge_alert(std::string id, acknowledgement a, answer<bool> done) = 0;
  /// All alerts of an incident that fire.
  virtual void acknowledge_incident(std::string id, acknowledgement a, answer<bool> done) = 0;
  virtual void reload(answer<reload_report> done) = 0;
  virtual void rules(answer<rules_state> done) = 0;
  virtual void model(answer<model_state> done) = 0;
  virtual void activate_model(std::string sha256, answer<model_state> done) = 0;
  virtual void make_backup(answer<backup_state> done) = 0;
  virtual void backup(answer<backup_state> done) = 0;
  virtual void drop_backup(answer<backup_state> done) = 0;
};

}  // namespace faultline
