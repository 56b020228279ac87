// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dashboard/life_cycle.hpp"
#include "dashboard/queries.hpp"

namespace faultline::testing {

/// Answers at once with what a test put in, or with `fails`; notes what it was asked.
class made_queries : public queries {
public:
  bool ready() const override { return is_ready; }
  void status(answer<server_status> done) override { say(done, server); }
  void metrics_text(answer<std::string> done) override {
    say(done, std::string{"# TYPE faultline_up gauge\nfaultline_up 1\n"});
  }
  void entities(std::string prefix, std::size_t limit, std::string next,
                answer<entity_page> done) override {
    asked = prefix + "|" + std::to_string(limit) + "|" + next;
    say(done, page);
  }
  void entity(std::string id, answer<entity_details> done) override {
    asked = id;
    say(done, details);
  }
  void window(std::string id, std::string metric, answer<window_series> done) override {
    asked = id + "|" + metric;
    say(done, series);
  }
  void alerts(alert_filter f, answer<alert_page> done) override {
    asked = f.state + "|" + f.severity + f.entity + f.text + "|" + std::to_string(f.limit) + "|" +
            f.next;
    say(done, alert_list);
  }
  void incidents(incident_filter f, answer<incident_page> done) override {
    asked = f.state + "|" + f.entity + "|" + std::to_string(f.limit) + "|" + f.next;
    say(done, incident_list);
  }
  void incident_by_id(std::string id, answer<told<incident>> done) override {
    asked = id;
    say(done, one_incident);
  }
  void overview(answer<overview_view> done) override { say(done, now); }
  void story(std::string incident, answer<incident_story> done) override {
    asked = "story " + incident;
    say(done, told_story);
  }
  void story_of_entity(std::string id, answer<entity_story> done) override {
    asked = "story of " + id;
    say(done, told_of_entity);
  }
  void quality(answer<quality_view> done) override { say(done, how_well); }
  std::shared_ptr<live_feed> live(std::optional<std::uint64_t> after, bool brief) override {
    asked = std::string{"live "} + (brief ? "brief " : "") +
            (after ? std::to_string(*after) : std::string{"now"});
    return feed;
  }
  void topology(answer<topology_view> done) override { say(done, graph); }
  void dead_letters(dead_letter_filter f, answer<dead_letter_view> done) override {
    asked = f.reason + "|" + std::to_string(f.limit) + "|" + f.next;
    say(done, letters);
  }
  void alert_feedback(std::string id, feedback f, answer<bool> done) override {
    take("alert " + id, std::move(f), done);
  }
  void incident_feedback(std::string id, feedback f, answer<bool> done) override {
    take("incident " + id, std::move(f), done);
  }
  void retire_entity(std::string id, answer<bool> done) override {
    asked = "retire " + id;
    say(done, known);
  }
  void set_edge(edge_word word, answer<bool> done) override {
    asked = "edge " + word.from;
    edges_said.push_back(std::move(word));
    say(done, known);
  }
  void dead_letter_by_id(std::string id, answer<dead_letter_view::letter> done) override {
    asked = id;
    if (letters.letters.empty()) return done(failure{ec::not_found, "no dead letter " + id});
    say(done, letters.letters.front());
  }
  void release_entity(std::string id, answer<bool> done) override {
    asked = "release " + id;
    say(done, known);
  }

  void publishers(std::size_t limit, answer<publisher_page> done) override {
    asked = std::to_string(limit);
    say(done, publisher_list);
  }
  void acknowledge_alert(std::string id, acknowledgement a, answer<bool> done) override {
    asked = "acknowledge " + id;
    acknowledged.push_back(std::move(a));
    say(done, known);
  }
  void acknowledge_incident(std::string id, acknowledgement a, answer<bool> done) override {
    asked = "acknowledge incident " + id;
    acknowledged.push_back(std::move(a));
    say(done, known);
  }
  void reload(answer<reload_report> done) override { say(done, reloaded); }
  void rules(answer<rules_state> done) override { say(done, in_force); }
  void model(answer<model_state> done) override { say(done, forecaster); }
  void activate_model(std::string sha256, answer<model_state> done) override {
    asked = "activate " + sha256;
    say(done, forecaster);
  }

  void make_backup(answer<backup_state> done) override {
    asked = "make a backup";
    say(done, made_backup);
  }
  void backup(answer<backup_state> done) override { say(done, made_backup); }
  void drop_backup(answer<backup_state> done) override {
    asked = "drop the backup";
    say(done, backup_state{});
  }

  backup_state made_backup{"made", "/var/lib/faultline/backup", ""};
  bool is_ready = true;
  bool known = true;
  std::optional<failure> fails;
  std::string asked;
  std::vector<feedback> given;
  std::vector<edge_word> edges_said;
  server_status server{"1.2.3", 4.5, 6, 7, 8, 9, 64, "none", true};
  entity_page page;
  entity_details details;
  window_series series;
  alert_page alert_list;
  incident_page incident_list;
  told<incident> one_incident;
  topology_view graph;
  overview_view now;
  incident_story told_story;
  entity_story told_of_entity;
  quality_view how_well;
  std::shared_ptr<live_feed> feed;
  dead_letter_view letters;
  publisher_page publisher_list;
  std::vector<acknowledgement> acknowledged;
  reload_report reloaded;
  rules_state in_force;
  model_state forecaster;

private:
  template <class T>
  void say(const answer<T>& done, T value) {
    if (fails)
      done(*fails);
    else
      done(std::move(value));
  }
  void take(std::string about, feedback f, const answer<bool>& done) {
    asked = std::move(about);
    given.push_back(std::move(f));
    say(done, known);
  }
};

/// The same of what operators say of alerts.
class made_life_cycle : public life_cycle {
public:
  void firing(firing_filter f, answer<std::vector<firing_alert>> done) override {
    filter = std::move(f);
    const std::vector<std::string> all{"team", "feed"};
    std::vector<std::string> named;
    for (const std::string& r : all)
      if (filter.receiver.empty() || filter.receiver == r) named.push_back(r);
    std::vector<firing_alert> told;
    for (const alert& a : alerts) told.push_back({a, all, named});
    say(done, told);
  }
  void receivers(answer<receiver_page> done) override { say(done, receiver_list); }
  void test_receiver(std::string name, answer<std::string> done) override {
    asked = "test " + name;
    say(done, test_error);
  }
  void alert_by_id(std::string id, answer<told<alert>> done) override {
    asked = id;
    if (alerts.empty()) return done(failure{ec::not_found, "no alert " + id});
    say(done, told<alert>{alerts.front(), 7, 8});
  }
  void search_alerts(alert_search s, answer<alert_page> done) override {
    searched = std::move(s);
    say(done, found);
  }
  void post_alerts(std::vector<posted_alert> p, answer<std::size_t> done) override {
    posted = std::move(p);
    say(done, posted.size() - late_posts);
  }
  void silences(silence_filter f, answer<std::vector<silence_row>> done) override {
    asked = f.id;
    matchers = f.matchers;
    say(done, rows);
  }
  void set_silence(silence_word w, answer<std::string> done) override {
    words.push_back(std::move(w));
    say(done, std::string{"id-1"});
  }
  void end_silence(std::string id, std::string by, answer<bool> done) override {
    asked = id + " by " + by;
    say(done, known);
  }
  void maintenance(answer<std::vector<maintenance_row>> done) override { say(done, windows); }
  void set_maintenance(maintenance_word w, answer<bool> done) override {
    asked_windows.push_back(std::move(w));
    say(done, known);
  }
  void end_maintenance(std::string name, std::string by, answer<bool> done) override {
    asked = "end " + name + " by " + by;
    say(done, known);
  }
  void preview_silence(std::vector<label_matcher> m, answer<silence_reach> done) override {
    previewed = std::move(m);
    say(done, reach);
  }

  bool known = true;
  std::optional<failure> fails;
  std::string asked;
  firing_filter filter;
  std::vector<std::string> matchers;
  std::vector<alert> alerts;
  std::vector<posted_alert> posted;
  std::size_t late_posts = 0;  ///< of them, that are not taken
  std::vector<silence_row> rows;
  std::vector<silence_word> words;
  std::vector<label_matcher> previewed;
  silence_reach reach;
  receiver_page receiver_list;
  alert_search searched;
  alert_page found;
  std::vector<maintenance_row> windows;
  std::vector<maintenance_word> asked_windows;
  std::string test_error;

private:
  template <class T>
  void say(const answer<T>& done, T value) {
    if (fails)
      done(*fails);
    else
      done(std::move(value));
  }
};

}  // namespace faultline::testing
