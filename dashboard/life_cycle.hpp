// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dashboard/queries.hpp"
#include "messages/alert.hpp"
#include "messages/posted_alert.hpp"
#include "messages/silence.hpp"

// What operators, and programs that speak Alertmanager's API, may ask and say of alerts that fire.
// As queries: implemented by the server, every answer comes exactly once, within a deadline.

namespace faultline {

/// Which of the alerts that fire are wanted.
struct firing_filter {
  std::vector<std::string> matchers;  ///< as text; all must hold
  bool active = true;                 ///< those that are not suppressed
  bool silenced = true;
  bool inhibited = true;  ///< by another alert or by a maintenance window
  std::string receiver;   ///< regular expression for the name of one; empty: any
};

struct silence_row {
  silence what;
  silence_state state = silence_state::pending;
};

struct silence_filter {
  std::vector<std::string> matchers;  ///< as text; each must be found in the silence's own
  std::string id;                     ///< of one; empty: all
};

/// A silence as an operator asks for it. With the id of one that has not ended, that one is changed
/// (with other matchers: ended, and a new one begun). Times of 0: from now, or as planned
/// where it is pending; no end said.
struct silence_word {
  silence what;
  milliseconds lasts{0};  ///< how long, where no end is said
  bool force = false;     ///< however much it covers
};

/// What a silence would cover.
struct silence_reach {
  std::vector<alert> alerts;          ///< that fire now, the first 1,000 by id
  std::uint64_t alert_count = 0;      ///< all of them
  std::vector<std::string> entities;  ///< whose alerts it would cover, the first 100 by name
  std::uint64_t entity_count = 0;
  std::uint64_t known_entities = 0;
  std::string refused;  ///< why it is not taken without force; empty: it is
};

/// Which alerts of the past are wanted; what is left out is any.
struct alert_search {
  std::vector<std::string> matchers;  ///< as text; all must hold
  std::string text;  ///< in entity, metric, explanation or a label; case counts not
  std::string state;
  std::int64_t from = 0;  ///< that fired then or later, milliseconds
  std::int64_t to = 0;    ///< that began before; 0: any
  std::size_t limit = 100;
  std::string next;
};

/// An alert that fires, and whom the routes send it to.
struct firing_alert {
  alert what;
  std::vector<std::string> receivers;
  std::vector<std::string> asked;  ///< those of them that the filter names
};

/// Whom the server tells, since its start.
struct receiver_row {
  std::string name, kind;
  std::uint64_t sent = 0, failed = 0;
  std::string last_error;      ///< empty after a success
  std::int64_t last_sent = 0;  ///< 0: not yet
};
struct receiver_page {
  std::vector<receiver_row> receivers;
  std::uint64_t waiting = 0;  ///< groups of alerts with a message to come
  std::uint64_t behind = 0;   ///< feed records not looked at yet
};

/// A maintenance window as somebody asks for it.
struct maintenance_word {
  std::string name;
  std::vector<std::string> entities;  ///< globs
  bool dependents = false;
  std::string starts, ends;       ///< RFC 3339
  std::vector<std::string> days;  ///< mon ... sun
  std::string at;                 ///< "02:30": it recurs
  std::int64_t lasts_ms = 0;
  std::string zone, by, comment;
  bool force = false;  ///< however much it covers
};
struct maintenance_row {
  maintenance_word what;
  std::vector<std::string> days;  ///< mon ... sun, all of them when it recurs daily; empty: once
  bool configured = false;
  bool open = false;
  std::int64_t next_change = 0;  ///< 0: none
};

class life_cycle {
public:
  virtual ~life_cycle() = default;
  virtual void firing(firing_filter filter, answer<std::vector<firing_alert>> done) = 0;
  virtual void receivers(answer<receiver_page> done) = 0;
  /// @returns what went wrong, in a sentence; empty: it was sent. ec::not_found.
  virtual void test_receiver(std::string name, answer<std::string> done) = 0;
  virtual void alert_by_id(std::string id, answer<told<alert>> done) = 0;
  /// The newest first, of all that are kept; `next` of the page before goes on.
  virtual void search_alerts(alert_search search, answer<alert_page> done) = 0;
  /// Durable when answered. The server names whom each is about. @returns how many were taken:
  /// those that end before they start are not.
  virtual void post_alerts(std::vector<posted_alert> alerts, answer<std::size_t> done) = 0;
  virtual void silences(silence_filter filter, answer<std::vector<silence_row>> done) = 0;
  /// @returns its id. ec::invalid with a sentence; ec::not_found for an id that is not known.
  virtual void set_silence(silence_word word, answer<std::string> done) = 0;
  virtual void end_silence(std::string id, std::string by, answer<bool> done) = 0;
  virtual void maintenance(answer<std::vector<maintenance_row>> done) = 0;
  /// A new one, or another one under the same name. ec::invalid with a sentence.
  virtual void set_maintenance(maintenance_word word, answer<bool> done) = 0;
  /// false: there is none of that name. ec::invalid for one of the configuration.
  virtual void end_maintenance(std::string name, std::string by, answer<bool> done) = 0;
  virtual void preview_silence(std::vector<label_matcher> matchers, answer<silence_reach> done) = 0;
};

}  // namespace faultline
