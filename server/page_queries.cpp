// SPDX-License-Identifier: Apache-2.0
// What the page asks besides: what is wrong now, one incident's story, how well it went, the feed.
#include <utility>

#include "server/chronicle.hpp"
#include "server/node_queries.hpp"
#include "server/overview_desk.hpp"
#include "server/reading_desk.hpp"
#include "server/told_records.hpp"

namespace faultline {

void node_queries::overview(answer<overview_view> done) {
  const bool past = parts_.desk->current().rules.processing.accept_past;
  overview_->ask(system_, [past, now = unix_ms(parts_.now()), done](outcome<overview_view> o) {
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
