// SPDX-License-Identifier: Apache-2.0
#include "server/posted_notes.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "messages/identity.hpp"

namespace faultline {
namespace {

constexpr std::chrono::minutes whole_again{15};
/// With other annotations: many carry a value that is another one each minute.
constexpr std::chrono::minutes other_words_again{5};
constexpr std::chrono::minutes resolve_timeout{5};  ///< Alertmanager's, for alerts without an end
/// What ends sooner is recorded as it is said.
constexpr std::chrono::minutes least_spared{2};
/// Part of its time by which an alert may be good for longer or shorter than it was, and is taken
/// to be posted by the same program in the same way; and how far two of a pair are apart at most.
constexpr int same_share = 16;
constexpr std::chrono::seconds same_most{30};
/// Part of its time that is left when an end that was said is recorded.
constexpr int tended_share = 4;

/// Of what an alert says beside its labels and times.
std::uint64_t words_of(const posted_alert& a) {
  std::uint64_t hash = stable_hash(a.generator);
  for (const auto& [key, text] : a.annotations) hash = stable_hash(text, stable_hash(key, hash));
  return hash;
}

}  // namespace

void complete(std::vector<posted_alert>& alerts, event_time now) {
  for (posted_alert& a : alerts) {
    if (a.ends == event_time{}) a.ends = now + resolve_timeout;
    if (a.starts == event_time{}) a.starts = std::min(now, a.ends);
  }
  alerts.erase(std::remove_if(alerts.begin(), alerts.end(),
                              [](const posted_alert& a) { return a.ends < a.starts; }),
               alerts.end());
}

void posted_notes::post(std::vector<posted_alert> alerts, event_time now, const recorder& record,
                        answer<bool> done) {
  auto mine = std::make_shared<waiting>();
  draft d;
  std::vector<operator_command> commands;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    d.number = ++newest_;
    for (posted_alert& a : alerts) look_at(a, now, d);
    d.others.erase(d.number);
    for (const std::uint64_t other : d.others) batches_.at(other).posts.push_back(mine);
    mine->batches = d.others.size();
    commands = open_batch(d, mine);
    mine->done = done;
  }
  if (!commands.empty()) return send(std::move(commands), d.number, record);
  if (d.others.empty()) done(true);  // the log says all of it
}

/// Puts into @p d what has to be recorded of @p a, or who records it already.
void posted_notes::look_at(posted_alert& a, event_time now, draft& d) {
  const std::string print = label_fingerprint(a.labels);
  const auto known = notes_.find(print);
  const bool over = a.ends <= now;
  const bool fires = known != notes_.end() && known->second.ends > now && !over;
  const auto rests = fires && known->second.words != words_of(a) ? other_words_again : whole_again;
  if (fires && known->second.whole + rests > now) {
    note& n = known->second;
    const milliseconds lasts = std::chrono::duration_cast<milliseconds>(a.ends - now);
    const bool same_way = n.lasts >= least_spared &&
                          std::chrono::abs(lasts - n.lasts) * same_share <= n.lasts &&
                          a.ends + same_most >= n.ends;
    if (a.ends == n.ends || (same_way && 2 * (n.ends - now) > lasts)) {
      n.said = std::max(a.ends, n.ends);
      plan(print, n);
      if (n.batch != 0) d.others.insert(n.batch);
      return;
    }
    // Of what is not durable yet nobody knows whether it will fire.
    if (a.ends > n.ends && n.batch == 0) {
      note_record(print, a, now, d);
      d.again.push_back({print, a.ends});
      return;
    }
  }
  if (over && known != notes_.end()) erase(known);
  if (!over && (known != notes_.end() || notes_.size() < most_)) {
    note_record(print, a, now, d);
    notes_[print].whole = now;
    notes_[print].words = words_of(a);
  }
  d.whole.push_back(std::move(a));
}

void posted_notes::note_record(const std::string& print, const posted_alert& a, event_time now,
                               draft& d) {
  note& n = notes_[print];
  if (n.entity != a.entity) {
    by_entity_.erase({n.entity, print});
    by_entity_.emplace(a.entity, print);
    n.entity = a.entity;
  }
  n.ends = n.said = a.ends;
  n.lasts = std::chrono::duration_cast<milliseconds>(a.ends - now);
  n.batch = d.number;
  d.all.push_back({print, a.ends});
  plan(print, n);
}

void posted_notes::plan(const std::string& print, note& n) {
  agenda_.erase({n.due, print});
  n.due = n.said > n.ends ? n.ends - n.lasts / tended_share : n.ends;
  agenda_.emplace(n.due, print);
}

void posted_notes::erase(note_map::iterator at) {
  agenda_.erase({at->second.due, at->first});
  by_entity_.erase({at->second.entity, at->first});
  notes_.erase(at);
}

/// What begins comes behind what goes on: of two words about one alert, the second is a whole one.
std::vector<operator_command> posted_notes::open_batch(draft& d,
                                                       const std::shared_ptr<waiting>& post) {
  std::vector<operator_command> all;
  if (!d.again.empty()) all.push_back({"posted_again", "", posted_again_json(d.again), {}});
  if (!d.whole.empty()) all.push_back({"posted_alerts", "", posted_json(d.whole), {}});
  if (all.empty()) return all;
  batch& b = batches_[d.number];
  b.alerts = std::move(d.all);
  b.tended = post == nullptr;
  if (b.tended) return all;
  ++post->batches;
  b.posts.push_back(post);
  return all;
}

void posted_notes::send(std::vector<operator_command> commands, std::uint64_t number,
                        const recorder& record) {
  record(std::move(commands), [this, number](outcome<bool> ok) { settle(number, ok); });
}

/// What failed may stand in the log or not: it is recorded whole when it is posted again, and what
/// nobody posts again is tended again.
void posted_notes::settle(std::uint64_t number, const outcome<bool>& ok) {
  std::vector<std::shared_ptr<waiting>> heard;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    const auto found = batches_.find(number);
    const batch b = std::move(found->second);
    batches_.erase(found);
    for (auto last = b.alerts.rbegin(); last != b.alerts.rend(); ++last) {  // of two words the last
      const posted_again& a = *last;
      const auto at = notes_.find(a.print);
      if (at == notes_.end() || at->second.batch != number) continue;
      note& n = at->second;
      n.batch = 0;
      if (ok) n.ends = a.ends;
      if (ok || b.tended)
        plan(a.print, n);
      else
        erase(at);
    }
    for (const auto& post : b.posts) {
      if (!ok && post->what) post->what = ok.error();
      if (--post->batches == 0) heard.push_back(post);
    }
  }
  for (const auto& post : heard) post->done(post->what);
}

void posted_notes::tend(event_time now, const recorder& record) {
  draft d;
  std::vector<operator_command> commands;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    d.number = ++newest_;
    while (!agenda_.empty() && agenda_.begin()->first <= now) {
      const std::string print = agenda_.begin()->second;
      const auto at = notes_.find(print);
      note& n = at->second;
      if (n.said <= n.ends || n.ends <= now) {
        erase(at);
        continue;
      }
      agenda_.erase(agenda_.begin());
      n.due = n.ends;
      agenda_.emplace(n.due, print);
      if (n.batch != 0) continue;
      n.batch = d.number;
      d.all.push_back({print, n.said});
    }
    d.again = d.all;
    commands = open_batch(d, nullptr);
  }
  if (!commands.empty()) send(std::move(commands), d.number, record);
}

void posted_notes::close(event_time now, const recorder& record, answer<bool> done) {
  auto mine = std::make_shared<waiting>();
  mine->done = done;
  draft d;
  std::vector<operator_command> commands;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    d.number = ++newest_;
    for (auto& [print, n] : notes_) {
      if (n.said <= n.ends || n.said <= now) continue;
      n.batch = d.number;  // behind what is under way: the log has it in this order
      d.all.push_back({print, n.said});
    }
    d.again = d.all;
    commands = open_batch(d, mine);
  }
  if (commands.empty()) return done(true);
  send(std::move(commands), d.number, record);
}

void posted_notes::retired(const std::string& entity) {
  const std::lock_guard<std::mutex> lock{mutex_};
  for (auto at = by_entity_.lower_bound({entity, {}});
       at != by_entity_.end() && at->first == entity; at = by_entity_.lower_bound({entity, {}}))
    erase(notes_.find(at->second));
}

}  // namespace faultline
