// SPDX-License-Identifier: Apache-2.0
#include "server/node_life_cycle.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "actors/correlator_questions.hpp"
#include "judgement/alert_lifecycle.hpp"
#include "judgement/maintenance.hpp"
#include "judgement/silence_limits.hpp"
#include "messages/identity.hpp"
#include "messages/posted_alert.hpp"
#include "server/asking.hpp"
#include "server/internal/json_text.hpp"

namespace faultline {

namespace {

constexpr const char* feed_receiver = "feed";
constexpr std::size_t shown_alerts = 1000;
constexpr std::size_t shown_entities = 100;
constexpr std::size_t list_page = 8192;

std::map<std::string, std::string> labels_to_match(const alert& a) {
  auto labels = a.labels;
  labels.try_emplace("entity", a.entity);
  return labels;
}

/// Whether @p m could cover an alert of the detector, whatever its entity.
bool may_cover_own(const label_matchers& m) {
  const label_matchers rest = m.without("entity");
  for (const auto reason : all_alert_reasons)
    for (const auto severity : {alert_severity::warning, alert_severity::critical})
      if (rest.matches({{"alertname", alert_name(reason)}, {"severity", to_string(severity)}}))
        return true;
  return false;
}

/// Whom each of @p firing is inhibited by, by fingerprint: so Alertmanager's clients know an alert.
void name_inhibitors(std::vector<alert>& firing) {
  std::map<std::string, std::string> known;  // by id
  for (const alert& a : firing)
    for (const std::string& id : a.inhibited_by) known.try_emplace(id, id);
  if (known.empty()) return;
  for (const alert& a : firing)
    if (const auto at = known.find(a.id); at != known.end())
      at->second = label_fingerprint(a.labels);
  for (alert& a : firing)
    for (std::string& id : a.inhibited_by) id = known.at(id);
}

outcome<label_matchers> compiled(const std::vector<std::string>& texts) {
  std::vector<label_matcher> all;
  for (const std::string& text : texts) {
    auto some = parse_matchers(text);
    if (!some) return some.error();
    std::move(some->begin(), some->end(), std::back_inserter(all));
  }
  return label_matchers::compile(std::move(all));
}

/// Entities whose alerts are covered: those of the alerts, and those the partitions know.
struct reach_count {
  std::function<bool(const std::string& id)> covers;
  silence_reach reach;
  std::set<std::string> first;   ///< the smallest names
  std::set<std::string> alerts;  ///< entities of alerts that are not known to a partition (yet)
  bool ask = false;              ///< partitions have to be asked
  void add(const std::string& id) {
    ++reach.entity_count;
    first.insert(id);
    if (first.size() > shown_entities) first.erase(std::prev(first.end()));
  }
};

/// Goes through the entities of all partitions, one page at a time. Expressions of others may take
/// their time with each name: on a thread of its own, and no longer than somebody waits.
class reach_walk : public std::enable_shared_from_this<reach_walk> {
public:
  reach_walk(caf::event_based_actor* self, const partition_directory* directory, reach_count count,
             answer<silence_reach> done)
      : self_{self}, directory_{directory}, count_{std::move(count)}, done_{std::move(done)} {}

  void go_on(partition_id p, std::string after) {
    if (p == directory_->size()) return finish();
    const auto owner = directory_->owner(p);
    if (!owner) return done_(failure{ec::overloaded, "a partition is starting"});
    self_->request(owner, question_deadline, list_question{"", std::move(after), list_page})
        .then([me = shared_from_this(), p](list_answer& page) { me->take(p, page); },
              [me = shared_from_this()](const caf::error& why) { me->done_(from_caf_error(why)); });
  }

private:
  void take(partition_id p, list_answer& page) {
    for (const std::string& id : page.entities) {
      if (++count_.reach.known_entities % looks == 0 && std::chrono::steady_clock::now() > until_)
        return done_(failure{ec::invalid, "its matchers take too long over the names of entities"});
      const bool alerting = count_.alerts.erase(id) != 0;
      if (alerting || (count_.ask && count_.covers(id))) count_.add(id);
    }
    if (page.entities.size() < list_page)
      go_on(static_cast<partition_id>(p + 1), {});
    else
      go_on(p, page.entities.back());
  }
  void finish() {
    for (const std::string& id : count_.alerts) count_.add(id);
    count_.reach.entities.assign(count_.first.begin(), count_.first.end());
    done_(std::move(count_.reach));
  }

  static constexpr std::uint64_t looks = 32;  ///< names between looks at the clock

  caf::event_based_actor* self_;
  const partition_directory* directory_;
  reach_count count_;
  answer<silence_reach> done_;
  const std::chrono::steady_clock::time_point until_ =
      std::chrono::steady_clock::now() + question_deadline;
};

std::string by_json(const std::string& by) { return json_text(nlohmann::json{{"by", by}}); }

const told_silence* find_silence(const std::vector<told_silence>& all, const std::string& id) {
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const told_silence& s) { return s.what.id == id; });
  return at == all.end() ? nullptr : &*at;
}

}  // namespace

node_life_cycle::node_life_cycle(caf::actor_system& system, life_cycle_parts parts)
    : system_{system}, parts_{std::move(parts)} {}

void node_life_cycle::with_view(bool alerts, answer<correlator_view> done) {
  ask<correlator_view>(system_, parts_.correlator, silences_and(alerts), std::move(done));
}

void node_life_cycle::record(std::vector<operator_command> commands, answer<bool> done) {
  record_at(std::move(commands), [done](outcome<std::uint64_t> first) {
    if (!first) return done(first.error());
    done(true);
  });
}

/// @p done hears the number of the first decision.
void node_life_cycle::record_at(std::vector<operator_command> commands,
                                answer<std::uint64_t> done) {
  std::vector<decision> batch;
  for (operator_command& c : commands) {
    decision& d = batch.emplace_back();
    d.kind = decision_kind::command;
    d.command = std::move(c);
    d.command.at = parts_.now();
  }
  ask<decisions_appended>(system_, parts_.keeper, append_decisions{std::move(batch)},
                          [done](outcome<decisions_appended> a) {
                            if (!a) return done(a.error());
                            done(a->first);
                          });
}

/// Said back when who asks next will see it. It is durable before: late is as good as done.
void node_life_cycle::record_and_fold(std::vector<operator_command> commands, answer<bool> done) {
  const auto count = commands.size();
  record_at(std::move(commands), [this, count, done](outcome<std::uint64_t> first) {
    if (!first) return done(first.error());
    ask<correlator_view>(system_, parts_.correlator, folded_through(*first + count - 1),
                         [done](const outcome<correlator_view>&) { done(true); });
  });
}

/// The feed hears of everything.
std::vector<std::string> node_life_cycle::receivers_of(const alert& a) const {
  std::vector<std::string> names;
  if (parts_.notifications != nullptr) names = parts_.notifications->receivers_of(a);
  names.emplace_back(feed_receiver);
  return names;
}

void node_life_cycle::firing(firing_filter f, answer<std::vector<firing_alert>> done) {
  auto matchers = compiled(f.matchers);
  if (!matchers) return done(matchers.error());
  auto names =
      label_matchers::compile({{"receiver", f.receiver.empty() ? ".*" : f.receiver, true}});
  if (!names) return done(names.error());
  with_view(true, [this, f, m = std::move(*matchers), names = std::move(*names),
                   done](outcome<correlator_view> view) {
    if (!view) return done(view.error());
    name_inhibitors(view->firing);
    std::vector<firing_alert> wanted;
    for (alert& a : view->firing) {
      const bool inhibited = !a.inhibited_by.empty() || !a.maintenance.empty();
      if (!suppressed(a) && !f.active) continue;
      if (a.silenced && !f.silenced) continue;
      if (inhibited && !f.inhibited) continue;
      if (!m.empty() && !m.matches(labels_to_match(a))) continue;
      auto to = receivers_of(a);
      std::vector<std::string> asked;
      std::copy_if(to.begin(), to.end(), std::back_inserter(asked), [&](const std::string& r) {
        return names.matches({{"receiver", r}});
      });
      if (!asked.empty()) wanted.push_back({std::move(a), std::move(to), std::move(asked)});
    }
    done(std::move(wanted));
  });
}

void node_life_cycle::receivers(answer<receiver_page> done) {
  receiver_page page;
  if (parts_.notifications != nullptr) {
    const notifier_status s = parts_.notifications->status();
    for (const receiver_state& r : s.receivers)
      page.receivers.push_back({r.name, r.kind, r.sent, r.failed, r.last_error, r.last_sent});
    page.waiting = s.waiting;
    page.behind = s.behind;
  }
  done(std::move(page));
}

void node_life_cycle::test_receiver(std::string name, answer<std::string> done) {
  if (parts_.notifications == nullptr) return done(failure{ec::not_found, "no receiver " + name});
  aside(
      system_,
      [n = parts_.notifications, name, patience = parts_.test_patience] {
        return n->test(name, patience);
      },
      [done](outcome<void> sent) {
        if (sent) return done(std::string{});
        if (sent.error().code == ec::not_found) return done(sent.error());
        done(sent.error().what);
      });
}

void node_life_cycle::silences(silence_filter f, answer<std::vector<silence_row>> done) {
  auto matchers = compiled(f.matchers);
  if (!matchers) return done(matchers.error());
  with_view(false, [f, m = std::move(*matchers), done](outcome<correlator_view> view) {
    if (!view) return done(view.error());
    std::vector<silence_row> rows;
    for (told_silence& s : view->silences) {
      if (!f.id.empty() && s.what.id != f.id) continue;
      if (m.found_in(s.what.matchers)) rows.push_back({std::move(s.what), s.state});
    }
    // Active ones first, then what ends first.
    const auto rank = [](const silence_row& r) {
      const int order = r.state == silence_state::active    ? 0
                        : r.state == silence_state::pending ? 1
                                                            : 2;
      return std::make_pair(order, r.what.ends);
    };
    std::stable_sort(rows.begin(), rows.end(),
                     [&](const silence_row& a, const silence_row& b) { return rank(a) < rank(b); });
    done(std::move(rows));
  });
}

/// Fills in the times that were left out. @returns the matchers, or what is wrong.
outcome<label_matchers> node_life_cycle::checked(silence_word& word) const {
  silence& s = word.what;
  const event_time now = event_time_of(unix_ms(parts_.now()));
  if (s.starts == event_time{}) s.starts = now;
  if (s.ends == event_time{}) s.ends = std::max(s.starts, now) + word.lasts;
  if (s.ends <= s.starts) return failure{ec::invalid, "a silence ends after it starts"};
  if (s.ends <= now) return failure{ec::invalid, "the end of the silence has passed"};
  if (s.created_by.empty()) return failure{ec::invalid, "a silence has an owner who created it"};
  if (s.comment.empty()) return failure{ec::invalid, "a silence has a comment that says why"};
  if (!word.force && s.ends - std::max(s.starts, now) > parts_.silences.longest)
    return failure{ec::invalid, "it is longer than silences.longest; say force if it is meant"};
  auto compiled = label_matchers::compile(s.matchers);
  if (!compiled) return compiled.error();
  if (compiled->cover_everything())
    return failure{ec::invalid, "one matcher at least must not match an empty label"};
  s.updated = now;
  return compiled;
}

/// One that is planned stays so where no other start is said.
void node_life_cycle::set_silence(silence_word word, answer<std::string> done) {
  if (word.what.id.empty() || word.what.starts != event_time{})
    return take_silence(std::move(word), std::move(done));
  with_view(false, [this, word, done](outcome<correlator_view> view) mutable {
    if (!view) return done(view.error());
    const told_silence* before = find_silence(view->silences, word.what.id);
    if (before != nullptr && before->state == silence_state::pending)
      word.what.starts = before->what.starts;
    take_silence(std::move(word), done);
  });
}

void node_life_cycle::take_silence(silence_word word, answer<std::string> done) {
  auto matchers = checked(word);
  if (!matchers) return done(matchers.error());
  const auto settle = [this, word, done] {
    with_view(false, [this, word, done](outcome<correlator_view> view) {
      if (!view) return done(view.error());
      settle_silence(word, view->silences, done);
    });
  };
  if (word.force) return settle();
  reach_of(std::move(*matchers), [settle, done](outcome<silence_reach> reach) {
    if (!reach) return done(reach.error());
    if (!reach->refused.empty()) return done(failure{ec::invalid, reach->refused});
    settle();
  });
}

std::string node_life_cycle::new_id(const silence& s) const {
  static std::atomic<std::uint64_t> number{0};
  const std::string seed = silence_json(s) + std::to_string(number.fetch_add(1));
  std::string hex = to_hex(stable_hash(seed, 1)) + to_hex(stable_hash(seed, 2));
  hex[12] = '4';  // in the form of a random UUID, which Alertmanager's clients expect
  hex[16] = '8';
  for (const std::size_t dash : {20U, 16U, 12U, 8U}) hex.insert(dash, "-");
  return hex;
}

void node_life_cycle::settle_silence(silence_word word, const std::vector<told_silence>& known,
                                     answer<std::string> done) {
  silence& s = word.what;
  std::vector<operator_command> commands;
  if (!s.id.empty()) {
    const told_silence* before = find_silence(known, s.id);
    if (before == nullptr) return done(failure{ec::not_found, "no silence " + s.id});
    const bool same = before->what.matchers == s.matchers;
    if (before->state == silence_state::expired || !same) {
      if (before->state != silence_state::expired)
        commands.push_back({"unsilence", s.id, by_json(s.created_by), {}});
      s.id.clear();
    } else if (before->state == silence_state::active) {
      s.starts = before->what.starts;
    }
  }
  if (s.id.empty()) {
    if (commands.empty())
      if (auto room = room_for_silence(known); !room) return done(room.error());
    s.id = new_id(s);
  }
  commands.push_back({"silence", s.id, silence_json(s), {}});
  record_and_fold(std::move(commands), [id = s.id, done](outcome<bool> ok) {
    if (!ok) return done(ok.error());
    done(id);
  });
}

void node_life_cycle::end_silence(std::string id, std::string by, answer<bool> done) {
  with_view(false, [this, id, by, done](outcome<correlator_view> view) {
    if (!view) return done(view.error());
    const told_silence* s = find_silence(view->silences, id);
    if (s == nullptr) return done(false);
    if (s->state == silence_state::expired)
      return done(failure{ec::invalid, "silence " + id + " has ended already"});
    record_and_fold({{"unsilence", id, by_json(by), {}}}, done);
  });
}

void node_life_cycle::preview_silence(std::vector<label_matcher> matchers,
                                      answer<silence_reach> done) {
  auto compiled = label_matchers::compile(std::move(matchers));
  if (!compiled) return done(compiled.error());
  reach_of(std::move(*compiled), std::move(done));
}

void node_life_cycle::reach_of(label_matchers matchers, answer<silence_reach> done) {
  with_view(true, [this, matchers, done](outcome<correlator_view> view) {
    if (!view) return done(view.error());
    reach_count count;
    count.covers = [m = matchers.only("entity")](const std::string& id) {
      return m.matches({{"entity", id}});
    };
    count.ask = may_cover_own(matchers);
    for (alert& a : view->firing) {
      if (!matchers.matches(labels_to_match(a))) continue;
      count.alerts.insert(a.entity);
      if (++count.reach.alert_count <= shown_alerts) count.reach.alerts.push_back(std::move(a));
    }
    const auto judge = [done, most = parts_.silences.max_entities,
                        everything = matchers.cover_everything()](outcome<silence_reach> reach) {
      if (!reach) return done(reach.error());
      if (everything) {
        reach->refused = "one matcher at least must not match an empty label";
      } else if (reach->entity_count > most) {
        reach->refused = "it covers alerts of " + std::to_string(reach->entity_count) +
                         " entities, more than silences.max_entities (" + std::to_string(most) +
                         "); say force if it is meant";
      }
      done(std::move(*reach));
    };
    system_.spawn<caf::detached>([directory = parts_.directory, count = std::move(count),
                                  judge](caf::event_based_actor* self) mutable {
      std::make_shared<reach_walk>(self, directory, std::move(count), judge)->go_on(0, {});
    });
  });
}

/// How many entities @p w names: of those that the partitions know, and those of alerts that fire.
void node_life_cycle::breadth_of(const maintenance_window& w, answer<std::uint64_t> done) {
  with_view(true, [this, w, done](outcome<correlator_view> view) {
    if (!view) return done(view.error());
    reach_count count;
    count.ask = true;
    count.covers = [w](const std::string& id) { return names_entity(w, id); };
    for (const alert& a : view->firing)
      if (count.covers(a.entity)) count.alerts.insert(a.entity);
    const auto counted = [done](outcome<silence_reach> reach) {
      if (!reach) return done(reach.error());
      done(reach->entity_count);
    };
    system_.spawn<caf::detached>([directory = parts_.directory, count = std::move(count),
                                  counted](caf::event_based_actor* self) mutable {
      std::make_shared<reach_walk>(self, directory, std::move(count), counted)->go_on(0, {});
    });
  });
}

}  // namespace faultline
