// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "processing/configured_edge.hpp"

namespace faultline {

/// A limit an operator has set: crossing it is a fault by definition, nearing it a warning.
struct operator_limit {
  std::string entity = "*";  ///< glob: * any run of characters, ? one
  std::string metric = "*";
  std::optional<double> above;
  std::optional<double> below;
  std::string severity = "critical";
};

/// When an entity pages. Keys under `detection:` and `limits:`.
struct detection_options {
  /// The one number: false pages an operator accepts per entity and month (30 days).
  double false_pages_per_entity_month = 1.0;
  /// How long a new entity only learns (class priors apply, thresholds are ten times stricter).
  std::chrono::milliseconds learning{3600 * 1000};
  std::vector<operator_limit> limits;
  /// Views that have nothing to say, bit v for view number v of judgement/calibration.hpp: for
  /// ablations. No key of the configuration.
  std::uint32_t without_views = 0;
};

/// While an alert that fulfils `source` fires, those that fulfil `target` and have the same values
/// of the labels `equal` are inhibited. One of the list under `inhibit:`; matchers as text.
struct inhibit_rule {
  std::vector<std::string> source, target, equal;
};

/// How alerts become incidents. Keys under `correlation:`.
struct correlation_options {
  /// Alerts whose onsets lie within this time may belong to one incident (in all, three times as
  /// long).
  std::chrono::milliseconds window{10 * 60 * 1000};
  /// Dependency steps over which alerts may belong to one incident.
  std::uint32_t hops = 3;
  /// An incident resolves when all its alerts have been resolved this long.
  std::chrono::milliseconds settle{2 * 60 * 1000};
  /// False incidents accepted per entity and month (30 days) that no page opened but weak signs,
  /// confirmed by a strong cause; 0: such incidents are not opened.
  double false_incidents_per_entity_month = 1.0;
  /// Dependencies that the configuration names. Key `edges`.
  std::vector<configured_edge> edges;
  std::vector<inhibit_rule> inhibit;  ///< Key `inhibit`.
  /// Alerts of what depends on the likely cause of their incident are inhibited while that fires.
  bool inhibit_consequences = false;
};

/// How causes are ranked. Keys under `root_cause:`.
struct root_cause_options {
  std::uint32_t hops = 3;      ///< upstream and downstream of the symptoms
  double abstain_below = 0.4;  ///< largest posterior below this: no cause stands out
  double unobserved_prior = 0.10;
  std::chrono::milliseconds deadline{2000};  ///< for a neighbour's answer
};

/// A maintenance window as people say it: in the configuration, by command, over HTTP. See
/// window_of().
struct window_words {
  std::string name;
  std::vector<std::string> entities;
  bool dependents = false;
  std::string starts, ends;       ///< RFC 3339. Once: both, or starts and lasts_ms
  std::vector<std::string> days;  ///< mon ... sun, with `at`; empty: every day
  std::string at;                 ///< "02:30": it recurs
  std::int64_t lasts_ms = 0;
  std::string zone;  ///< of `at`; empty: UTC
  std::string by, comment;
};

/// What silences are taken without force. Keys under `silences:`. What was taken before stays.
struct silence_options {
  std::size_t max_entities = 100;                           ///< whose alerts one silence covers
  std::chrono::milliseconds longest{30 * 24 * 3600'000LL};  ///< from its start to its end
};

enum class receiver_kind : std::uint8_t { webhook, alertmanager, pagerduty, plain, email };
inline const char* to_string(receiver_kind kind) noexcept {
  switch (kind) {
    case receiver_kind::webhook:
      return "webhook";
    case receiver_kind::alertmanager:
      return "alertmanager";
    case receiver_kind::pagerduty:
      return "pagerduty";
    case receiver_kind::plain:
      return "plain";
    case receiver_kind::email:
      return "email";
  }
  return "unknown";
}

/// Whom to tell. One of `notifications.receivers`. Secrets stand in files, which are read again
/// with every message; they are never written anywhere.
struct notify_receiver {
  std::string name;
  receiver_kind kind = receiver_kind::webhook;
  std::string url;       ///< http(s)://, of e-mail smtp(s)://
  std::string url_file;  ///< file of it, where the URL is a secret
  /// webhook, plain, alertmanager: bearer token; pagerduty: routing key; email: password.
  std::string secret_file;
  std::string user;             ///< email: for the password
  std::string from;             ///< email
  std::vector<std::string> to;  ///< email
  bool send_resolved = true;
  std::uint32_t max_per_minute = 20;  ///< messages; more of them wait
  std::string title;                  ///< template; empty: the default
  std::string text;                   ///< template; empty: the default
};

/// Which alerts go where, in the order of `notifications.routes`.
struct notify_route {
  std::string receiver;
  std::vector<std::string> matchers;  ///< as text; all must hold
  /// Labels whose values alerts of one message share; `incident` and `entity` are always known.
  std::vector<std::string> group_by{"incident"};
  std::chrono::milliseconds group_wait{30'000};
  std::chrono::milliseconds group_interval{5 * 60'000};
  std::chrono::milliseconds repeat_interval{4 * 3600'000LL};
  bool go_on = false;  ///< later routes are tried, too
};

/// Key `notifications`.
struct notify_options {
  std::vector<notify_receiver> receivers;
  std::vector<notify_route> routes;
  std::string external_url;  ///< of our page, for links; empty: none
};

/// What to do about a kind of fault in a kind of component; never executed by us.
struct runbook {
  std::string component = "*";    ///< kind of entity: service, db, cache, queue, host, gateway, *
  std::string fault_class = "*";  ///< see judgement/root_cause.hpp
  std::string title;
  std::vector<std::string> steps;
  std::string link;
};

}  // namespace faultline
