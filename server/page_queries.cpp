// SPDX-License-Identifier: Apache-2.0
// What the page asks besides: what is wrong now, one incident's story, how well it went, the feed.
#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <caf/event_based_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "server/asking.hpp"
#include "server/node_queries.hpp"
#include "server/reading_desk.hpp"
#include "server/told_records.hpp"

namespace faultline {

namespace {

constexpr auto deadline = question_deadline;
/// What is wrong now may be told again for so long: pages ask all at once when something happens.
constexpr std::chrono::milliseconds fresh_for{250};
constexpr std::size_t outlines_told = 200;

overview_view overview_of(const correlator_view& v) {
  overview_view o;
  std::map<std::string, const alert*> firing;
  for (const auto& a : v.firing) {
    firing.emplace(a.id, &a);
    ++(a.severity == alert_severity::critical ? o.critical : o.warning);
    if (a.acknowledged) ++o.acknowledged;
    if (a.silenced) ++o.silenced;
  }
  std::vector<const incident*> open;
  for (const auto& i : v.open) open.push_back(&i);
  std::stable_sort(open.begin(), open.end(), [](const incident* a, const incident* b) {
    if (a->severity != b->severity) return a->severity > b->severity;
    return a->started > b->started;
  });
  o.open = open.size();
  if (open.size() > outlines_told) open.resize(outlines_told);
  for (const auto* i : open) o.incidents.push_back(outline_of(*i, firing));
  o.feed_seq = v.feed_seq;
  for (const auto& a : v.firing) o.now = std::max(o.now, unix_ms(a.updated));
  for (const auto& i : v.open) o.now = std::max(o.now, unix_ms(i.updated));
  return o;
}

}  // namespace

/// One question to the correlator for all who ask within fresh_for.
class overview_desk : public std::enable_shared_from_this<overview_desk> {
public:
  void ask(caf::actor_system& system, const correlator_actor& whom, answer<overview_view> done) {
    std::unique_lock<std::mutex> lock{mutex_};
    if (std::chrono::steady_clock::now() < good_until_) {
      overview_view copy = last_;
      lock.unlock();
      return done(std::move(copy));
    }
    waiting_.push_back(std::move(done));
    if (waiting_.size() > 1) return;
    lock.unlock();
    system.spawn([self = shared_from_this(), whom](caf::event_based_actor* asker) {
      asker->request(whom, deadline, correlator_question{})
          .then([self](const correlator_view& v) { self->tell(overview_of(v)); },
                [self](const caf::error& why) { self->tell(from_caf_error(why)); });
    });
  }

private:
  void tell(const outcome<overview_view>& got) {
    std::vector<answer<overview_view>> round;
    {
      const std::lock_guard<std::mutex> lock{mutex_};
      round.swap(waiting_);
      if (got) {
        last_ = *got;
        good_until_ = std::chrono::steady_clock::now() + fresh_for;
      }
    }
    for (const auto& done : round) done(got);
  }

  std::mutex mutex_;
  overview_view last_;
  std::chrono::steady_clock::time_point good_until_{};
  std::vector<answer<overview_view>> waiting_;
};

std::shared_ptr<overview_desk> make_overview_desk() { return std::make_shared<overview_desk>(); }

void node_queries::overview(answer<overview_view> done) {
  const bool past = parts_.desk->current().rules.processing.accept_past;
  overview_->ask(system_, parts_.correlator,
                 [past, now = unix_ms(parts_.now()), done](outcome<overview_view> o) {
                   if (o && (!past || o->now == 0)) o->now = now;
                   done(std::move(o));
                 });
}

void node_queries::story(std::string id, answer<incident_story> done) {
  auto record = record_named(*parts_.memory, "incident", id, decode_incident);
  if (!record) return done(record.error());
  reads_->ask<incident_story>(
      [memory = parts_.memory, i = std::move(*record)] { return story_of(*memory, i); },
      std::move(done));
}

void node_queries::story_of_entity(std::string id, answer<entity_story> done) {
  reads_->ask<entity_story>(
      [memory = parts_.memory, id = std::move(id)] {
        return faultline::story_of_entity(*memory, id);
      },
      std::move(done));
}

void node_queries::quality(answer<quality_view> done) {
  const double promised = parts_.desk->current().rules.detection.false_pages_per_entity_month;
  const auto entities = parts_.counters->entities.load();
  reads_->ask<quality_view>(
      [ledger = ledger_, promised, entities]() -> outcome<quality_view> {
        auto q = ledger->read();
        if (!q) return q.error();
        q->promised_per_entity_month = promised;
        q->entities = entities;
        return q;
      },
      std::move(done));
}

std::shared_ptr<live_feed> node_queries::live(std::optional<std::uint64_t> after, bool brief) {
  return parts_.live->open(after, brief);
}

}  // namespace faultline
