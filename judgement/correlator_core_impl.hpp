// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "judgement/correlator_core.hpp"
#include "judgement/ended_episodes.hpp"
#include "judgement/inhibition.hpp"
#include "messages/durations.hpp"
#include "messages/posted_alert.hpp"
#include "messages/silence.hpp"
#include "processing/label_matchers.hpp"
#include "processing/maintenance_window.hpp"
#include "processing/topology.hpp"

namespace faultline {

/// Numbers of the correlator that nobody has to set.
namespace correlator_limits {
/// Candidates of one root-cause request, and how many of them may be symptoms.
inline constexpr std::size_t candidates = 256;
inline constexpr std::size_t symptoms = 128;
/// Root-cause runs of one incident, whatever happens to it.
inline constexpr std::uint32_t requests = 64;
/// Incidents that have ended and whose last answer is still to come.
inline constexpr std::size_t late = 64;
/// Open incidents whose likeliest cause is the same are one, from this probability of both on.
inline constexpr double same_cause = 0.9;
/// An incident with so many alerts takes no other in for its cause.
inline constexpr std::size_t same_cause_alerts = 1'000;
/// After a restart the cause of an incident that ended is looked for until so long after its last
/// question.
inline constexpr std::int64_t late_ms = 6 * 3'600'000;
/// Ages of an incident at which its causes are asked for once more: the first alert comes early in
/// a fault, and what follows it is evidence.
inline constexpr std::int64_t refresh_ms[] = {120'000, 300'000, 600'000};
inline constexpr std::uint32_t refreshes = 3;
/// An alert that begins this share of the window after the last one of its incident may be another
/// trouble: it is asked for on its own.
inline constexpr double burst_windows = 0.6;
/// Such trouble is split off when its cause is at least this likely, and what was thought to be the
/// cause before is at most so likely.
inline constexpr double split_from = 0.5;
inline constexpr double split_left = 0.1;
/// An answer that has not come after this much event time will not come any more.
inline constexpr std::int64_t answer_ms = 300'000;
/// Below this many alerts every join is told; above, one when a quarter has come on top, or later.
inline constexpr std::size_t always_told = 16;
inline constexpr std::int64_t tell_later_ms = 10'000;
/// Ended episodes whose last transition is remembered.
inline constexpr std::size_t finished = 65'536;
/// Words of operators on remedies that are remembered.
inline constexpr std::size_t remedies = 4'096;
/// So many entities that fell silent at once are spoken of as one thing.
inline constexpr std::size_t stops_together = 3;
/// Changes kept as evidence: how many, and how old before the onset.
inline constexpr std::size_t changes = 4'096;
inline constexpr std::int64_t change_age_ms = 6 * 3'600'000;
/// Weak signs: how many are remembered, how many neighbourhoods are under suspicion, and how many
/// questions about them may be under way at once.
inline constexpr std::size_t signs = 65'536;
inline constexpr std::size_t most_suspicions = 4'096;
inline constexpr std::ptrdiff_t sign_questions = 4;
/// Ages of a suspicion at which its neighbourhood is asked.
inline constexpr std::int64_t sign_ask_ms[] = {60'000, 180'000, 600'000};
inline constexpr std::uint32_t sign_asks = 3;
/// Not asked again when the first answer is below this: nothing wrong is as likely.
inline constexpr double sign_hopeless = 0;
/// How far and how many: a question costs as much as it has candidates.
inline constexpr std::uint32_t sign_hops = 2;
inline constexpr std::size_t sign_candidates = 64;
/// A neighbourhood rests so long between suspicions, and longer for each candidate in it, unless
/// the new one is so many decades stronger.
inline constexpr std::int64_t sign_rest_ms = 120'000;
inline constexpr std::int64_t sign_rest_each_ms = 3'000;
inline constexpr double sign_stronger = 0.2;
/// A cause is strong from this probability on, and when it beats `nothing is wrong` by the log of
/// so many over what is accepted per entity and month.
inline constexpr double sign_cause = 0.9;
inline constexpr double sign_looks = 180;
/// Of entities that nobody connects with anything so many at most may be candidates because they
/// are in trouble at the time.
inline constexpr std::size_t unconnected = 32;
/// The newest signs, so many, are known for a day: who has shown them are all there are where these
/// are few.
inline constexpr std::size_t signs_of_a_day = 64;
/// Where more than so many signs would have to be looked through for them, none is.
inline constexpr std::size_t signs_looked_at = 1'024;
/// Silences that have ended are kept so many and so long.
inline constexpr std::size_t ended_silences = 1'000;
inline constexpr std::int64_t ended_silence_ms = 5 * day_ms;
/// A cause inhibits its consequences from this probability on.
inline constexpr double inhibiting_cause = 0.5;
/// So many episodes within this time are flapping; entities and names for which begins are kept.
inline constexpr std::size_t flap_episodes = 5;
inline constexpr std::int64_t flap_ms = 3'600'000;
inline constexpr std::size_t flaps = 65'536;
/// Posted alerts that fire at once; more are not taken.
inline constexpr std::size_t posted = 65'536;
/// Edges learned from spans go when they have not been seen for so long.
inline constexpr std::int64_t edge_age_ms = 7 * day_ms;
}  // namespace correlator_limits

/// An incident is named inside by the sequence of the decision that opened it, or a later number
/// where that is taken: the older the smaller.
using incident_key = std::uint64_t;
/// How far ahead of the decisions a key can be, one decision's list of posted alerts at the most.
inline constexpr std::uint64_t keys_ahead = 2 * correlator_limits::posted;

struct tracked_alert {
  faultline::alert alert;
  incident_key incident = 0;  ///< 0 = in none
  /// Transitions that operators added to the entity's own: what is told is the entity's number plus
  /// this.
  std::uint32_t marks = 0;
  std::uint32_t decided() const noexcept { return alert.transition - marks; }
};

/// When an entity that is silent was last heard of, and how often it used to be.
struct stop_mark {
  event_time last_heard{};
  milliseconds interval{0};
};
/// Of the alert of a silence; nothing: it is another alert.
std::optional<stop_mark> stop_of(const alert& a);
/// Whether both may have stopped at once, for one reason.
bool together(const stop_mark& a, const stop_mark& b);

struct tracked_incident {
  faultline::incident record;
  event_time first_onset{};
  event_time last_onset{};
  event_time last_end{};  ///< of the alert that ended last
  std::uint32_t firing = 0;
  bool frozen = false;       ///< too old for newcomers; its reach is let go
  bool awaiting = false;     ///< a root-cause request is out
  bool again = false;        ///< something came while it was
  event_time asked{};        ///< as_of of the request that is out
  event_time burst{};        ///< onset of what began long after the rest; 0: nothing did
  event_time asked_burst{};  ///< `burst` of the request that is out
  /// Onset of the newest of the incidents that were merged into it for their cause, wherefore it
  /// takes newcomers as that one did; 0: none was.
  event_time reopened{};
  /// Where the time begins within which newcomers are taken.
  event_time begins() const { return std::max(first_onset, reopened); }
  std::uint32_t requests = 0;
  std::uint32_t refreshed = 0;
  std::size_t told = 0;  ///< alerts in the last record told
  bool untold = false;
  event_time told_at{};
  std::string origin;                          ///< id of the incident it was split from
  std::string first_text;                      ///< "latency of service/front": what began it
  std::map<std::string, std::uint32_t> reach;  ///< steps from its entities; a function of the rest
  std::optional<event_time> due;               ///< its entry in the agenda
  std::vector<std::string> signs;  ///< entities with weak signs that opened it; empty: an alert did
  event_time signed_at{};          ///< of the first of these signs
  event_time last_sign{};          ///< newest sign in its reach
  // A function of its alerts, like `reach`.
  std::optional<stop_mark> stopped;  ///< of its first alert that is a silence
  std::size_t stops = 0;             ///< silences that began together with that one
};

/// Weak signs that came together, and are asked about. Nobody is told of it.
struct suspicion {
  std::string id;  ///< of the incident it may become
  event_time onset{};
  double strength = 0;                ///< sum of decades over neighbours
  std::string text;                   ///< "latency of service/front"
  std::vector<std::string> entities;  ///< with signs; the first one began it
  std::uint32_t asks = 0;
  bool awaiting = false;  ///< a root-cause request is out
  event_time asked{};     ///< as_of of the request that is out
  event_time rests_until{};
  std::optional<event_time> due;  ///< its entry in `doubts`; a function of the rest
};

/// Whether a remedy worked in an incident, as an operator said.
struct remedy_word {
  std::string incident;
  std::string title;
  bool worked = false;
};

/// A rule by which one alert inhibits others, with those that fire by the labels they share.
struct inhibition {
  label_matchers source, target;
  std::vector<std::string> equal;
  struct members {
    std::set<std::string> targets;
    std::set<std::string> sources;  ///< that are no targets
    std::set<std::string> both;     ///< sources that are targets, too
  };
  std::map<std::string, members> by_key;
};

/// An alert that another program has posted, and fires.
struct posted_mark {
  std::string alert;  ///< its id
  event_time ends{};
};

/// A silence and how far it has come. What has ended stays for a while, to be looked up.
struct kept_silence {
  silence what;
  label_matchers matchers;
  silence_state state = silence_state::pending;
};

struct correlator_core::impl {
  explicit impl(correlation_options o) : options{std::move(o)} {
    options.inhibit.clear();  // what inhibits comes with the rules of the log
    options.inhibit_consequences = false;
  }

  // correlator_core.cpp: one member per kind of decision
  void pass_what_is_due();
  void settle();
  void on_alert(const alert& told);
  void place_alert(const alert& a, bool known);
  void end_alone(tracked_alert& t, const alert& end);
  void on_change(const change_note& c);
  void on_command(const operator_command& c);
  void on_notice(const notice& n);
  void acknowledge(const operator_command& c);
  void take_rules(const operator_command& c);
  void apply_marks(alert& a, const tracked_alert* before);
  bool seen(const alert& a) const;
  void let_go(const std::string& alert_id);
  void say(const alert& a);
  void say_notice(std::string what, std::string subject, std::string text);

  // correlator_core_topology.cpp: dependencies that come, go and expire, and whom that concerns
  void on_topology(const topology_change& t);
  void expire_edges(event_time at);
  dependency_graph::change draw(const topology_change& t);
  void forget_covered();
  void reach_anew(const std::set<incident_key>& keys, const std::vector<std::string>& near);
  bool is_near(const ranked_cause& cause, const std::vector<std::string>& near) const;
  void mark_dependents(const std::vector<std::string>& entities);
  void mind_removal(const topology_change& t, dependency_graph::change done);

  // correlator_core_operator.cpp: what operators say of dependencies and of what helped, and whom
  // they retire
  void set_edge(const operator_command& c);
  void note_remedy(const operator_command& c);
  void rank_remedies(std::vector<ranked_cause>& causes) const;
  void retire(const std::string& entity);
  void end_retired(const std::string& entity);
  void end_alerts_of(const std::string& entity, bool with_posted);

  // correlator_core_incidents.cpp: the life of an incident
  static bool opens(const alert& a);
  void attach(const std::string& alert_id);
  incident_key fresh_key();
  void open_incident(const std::string& alert_id);
  void join(incident_key key, const std::string& alert_id);
  incident_key merge(incident_key a, incident_key b);
  void take_over(incident_key older, incident_key younger, bool as_burst);
  void end_merged(incident_key younger, const std::string& into);
  void raise(incident_key key, alert_severity severity);
  void on_member_ended(incident_key key, event_time ended);
  void ask(incident_key key);
  rca_request request_of(const tracked_incident& i) const;
  void fill_neighbourhood(rca_request& r, const std::vector<std::string>& seeds, std::uint32_t hops,
                          std::size_t limit, const std::vector<std::string>& others = {}) const;
  std::vector<std::string> unconnected_in_trouble(event_time onset, event_time as_of) const;
  event_time ends(const tracked_incident& i) const;
  void tell_growth(tracked_incident& i);
  void tell(tracked_incident& i);
  void resolve(incident_key key);
  void pass_time();
  void on_due(incident_key key);
  void schedule(incident_key key);
  bool fits(const tracked_incident& i, event_time onset) const;
  bool fits(const tracked_incident& a, const tracked_incident& b) const;
  bool takes_in(incident_key key, const alert& a) const;

  // correlator_core_stops.cpp: what falls silent at once
  std::optional<incident_key> stopped_with(const alert& a) const;
  static bool note_stop(tracked_incident& i, const alert& a);
  void count_stops(tracked_incident& i) const;

  // correlator_core_answers.cpp: what was found to be the cause
  void on_root_cause(const root_cause_result& r);
  void take_causes(tracked_incident& i, const root_cause_result& r) const;
  bool take_late(const root_cause_result& r);
  void keep_late(tracked_incident&& i);
  std::optional<incident_key> of_same_cause(incident_key key) const;
  bool fires_at(const tracked_incident& i, const std::string& entity) const;
  void merge_same_cause(incident_key a, incident_key b);
  rca_request request_of_late(const tracked_incident& i) const;

  // correlator_core_split.cpp: trouble that begins while an incident is open
  void note_burst(tracked_incident& i, event_time started) const;
  bool take_fresh(incident_key key, const root_cause_result& r);
  void split(incident_key key, const root_cause_result& r);
  void leave(incident_key key, const std::vector<std::string>& gone);
  void recount(tracked_incident& i) const;

  // correlator_core_signs.cpp: what is too weak for a page, and may be an incident all the same
  void on_sign(const weak_sign& s);
  void keep_sign(const weak_sign& s);
  std::vector<std::string> few_unconnected(event_time onset, event_time as_of) const;
  std::vector<std::string> unconnected_beside(const std::vector<std::string>& seeds,
                                              event_time onset, event_time as_of) const;
  std::vector<std::string> signs_near(const std::string& entity, event_time at) const;
  double strength_at(const std::string& entity, event_time at) const;
  bool belongs_to_open(const weak_sign& s);
  void plan(incident_key key);
  void drop(incident_key key);
  void pass_doubts();
  rca_request request_of(const suspicion& s) const;
  bool take_suspicion(const root_cause_result& r);
  bool told_already(const suspicion& s, const std::string& cause);
  void confirm(incident_key key, const root_cause_result& r);
  void drop_suspicions_near(incident_key key);
  void forget_signs(const std::string& entity);

  // correlator_core_silences.cpp: what operators do not want to hear of for a while
  void set_silence(const operator_command& c);
  void end_silence(const operator_command& c);
  bool pass_silences();
  void move_silence(kept_silence& s, silence_state to, const std::string& why);
  void plan_silence(const kept_silence& s, bool planned);
  void forget_old_silences();
  bool set_marks_of(alert& a);
  bool silences_entity(const std::string& entity);
  void mark_all();
  std::string save_silences() const;
  bool read_silences(std::string_view bytes);

  // correlator_core_inhibition.cpp: what others say better, and what comes and goes
  void take_inhibitions(const std::vector<inhibit_rule>& rules);
  std::set<std::string> index_alert(const alert& a, const alert* before);
  void index_in(inhibition& rule, const std::string& id,
                const std::map<std::string, std::string>& labels, bool fires, bool speaks,
                std::set<std::string>& touched) const;
  bool leads_to(const std::string& from, const std::string& id) const;
  std::string inhibitor_of(const inhibition& rule, const alert& a,
                           const std::map<std::string, std::string>& labels) const;
  void note_inhibitors(const alert& a, const std::vector<std::string>& before);
  std::vector<std::string> inhibitors_of(const alert& a);
  bool speaks(const tracked_alert& t) const;
  std::string speaker(incident_key key, const std::string& entity, alert_severity severity,
                      const std::string& except) const;
  std::string cause_alert_of(const alert& a);
  void mark_some(const std::set<std::string>& ids);
  void attach_heard();
  void mark_joined(incident_key key, const std::string& alert_id);
  const ranked_cause* speaker_of(incident_key key) const;
  bool speaks_for_others(const tracked_alert& t) const;
  void mark_members(incident_key key);
  void gather_around(const tracked_alert& t, std::set<std::string>& ids,
                     std::set<incident_key>& keys) const;
  void mark_around(const std::string& alert_id);
  bool note_episode(const alert& a);
  void forget_episodes(const std::string& entity);

  // correlator_core_maintenance.cpp: when what is seen is expected
  void take_windows(const std::vector<maintenance_window>& fresh);
  void plan_windows();
  bool pass_windows();
  bool covers_dependents() const;
  void find_covered();
  std::vector<std::string> windows_over(const std::string& entity);

  // correlator_core_posted.cpp: alerts of other programs
  static bool only_informs(const alert& a);
  void take_posted(const operator_command& c);
  void take_posted_again(const operator_command& c);
  void take_words(const posted_alert& p, const std::string& id);
  void begin_posted(const posted_alert& p, const std::string& print, std::size_t number,
                    event_time at);
  void forget_posted(const std::set<std::string>& ended);
  void end_posted(const std::string& print, event_time ended);
  void pass_posted();
  std::string save_posted() const;
  bool read_posted(std::string_view bytes);

  // correlator_core_codec.cpp: how it is saved
  std::string save() const;
  outcome<void> read(std::string_view bytes);
  std::string save_signs() const;
  bool read_signs(std::string_view bytes);
  std::string save_quiet() const;
  bool read_quiet(std::string_view bytes);
  void derive();

  // correlator_core_reach.cpp: which entities lie within `hops` of an incident
  void extend(incident_key key, const std::string& entity, std::uint32_t steps);
  bool join_loose(incident_key key, const std::string& entity, bool& left);
  void settle_newly_reached();
  void rebuild_reach(incident_key key);
  void drop_reach(incident_key key);

  correlation_options options;
  dependency_graph graph;
  std::uint64_t applied = 0;
  event_time now{};                                    ///< newest event time of any decision
  std::map<std::string, tracked_alert> alerts;         ///< firing, or of an open incident
  std::map<incident_key, tracked_incident> incidents;  ///< open ones
  std::deque<tracked_incident> late;                   ///< ended, and still asked about
  ended_episodes finished{correlator_limits::finished};
  std::map<std::string, kept_silence> silences;  ///< by id
  std::map<std::string, posted_mark> posted;     ///< by fingerprint of the labels
  std::deque<change_note> changes;
  std::deque<remedy_word> remedies;  ///< as they came, the newest of each incident and title
  event_time expired_at{};
  std::map<std::string, weak_sign> signs;  ///< the newest of each entity
  std::map<incident_key, suspicion> suspicions;

  std::vector<maintenance_window> windows;            ///< of the rules in force
  std::map<flap_key, std::vector<event_time>> flaps;  ///< newest begins

  // Derived from the above.
  std::vector<inhibition> inhibitions;
  std::map<std::string, std::set<std::string>> by_entity;  ///< firing alerts
  std::map<std::string, std::set<std::string>> inhibits;   ///< whom an alert inhibits
  std::set<std::pair<event_time, flap_key>> flaps_by_time;
  event_time window_due = event_time::max();             ///< when the next one opens or closes
  std::map<std::string, std::set<std::string>> covered;  ///< dependents -> open windows
  bool covered_known = false;
  std::map<std::string, std::set<incident_key>> reached_by;
  std::map<std::string, std::set<std::string>> loose;  ///< entity -> firing alerts in no incident
  std::set<std::pair<event_time, incident_key>> agenda;
  std::set<std::pair<event_time, incident_key>> doubts;  ///< likewise of suspicions
  std::set<std::pair<event_time, std::string>> signs_by_time;
  std::set<std::pair<event_time, std::string>> posted_agenda;
  std::set<std::pair<event_time, std::string>> silence_agenda;     ///< what begins or ends next
  std::deque<std::pair<incident_key, std::string>> newly_reached;  ///< empty between decisions
  /// Whose marks may be others when all of the decision is known: members of incidents that merged,
  /// what came under a cause, whom what began or ended inhibits. Empty between decisions.
  std::set<std::string> merged;
  std::set<std::string> heard;  ///< in no incident, and not suppressed any more; likewise
  incident_key last_key = 0;    ///< handed out in this decision
  /// By incident and severity, as things are while some are marked.
  std::map<std::pair<incident_key, alert_severity>, std::string> best_speakers;
  correlator_output* out = nullptr;            ///< of the decision being applied
  std::vector<incident_key> asked;             ///< by that decision; empty between decisions
  std::vector<incident_key> asked_suspicions;  ///< likewise
  sign_counters counters;
};

/// "latency_p99 of service/front".
std::string alert_text(const alert& a);
/// What an incident is about, and of how many: "latency of service/front and 3 others".
std::string subject_of(const tracked_incident& i);
/// One sentence on an incident, for example
/// "latency of service/front and 3 others since 12:03; likely cause: memory leak in db/orders (78
/// %)".
std::string summary_of(const tracked_incident& i);
/// "12:03", UTC.
std::string clock_text(event_time t);

}  // namespace faultline
