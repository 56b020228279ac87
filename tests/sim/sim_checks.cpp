// SPDX-License-Identifier: Apache-2.0
// What must hold when a run is over.
#include <algorithm>
#include <map>

#include "messages/record.hpp"
#include "tests/sim/sim_world.hpp"
#include "tests/support/store_digest.hpp"

namespace faultline::sim {

namespace {

constexpr std::size_t most_examples = 3;

/// Lines that only one of the two has, a few of them.
std::vector<std::string> differences(const std::vector<std::string>& a,
                                     const std::vector<std::string>& b) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < std::max(a.size(), b.size()) && found.size() < most_examples; ++i) {
    const std::string one = i < a.size() ? a[i] : "nothing";
    const std::string other = i < b.size() ? b[i] : "nothing";
    if (one != other) found.push_back(one + " | " + other);
  }
  return found;
}

/// Calls @p each for every record in the log, with its partition.
template <class Each>
void for_records(store& kept, Each each) {
  for (partition_id p = 0; p < kept.events().partitions(); ++p)
    for (const auto& blob : testing::readable(kept.events().read(p, 1, 1'000'000, 1U << 30U))) {
      blob_reader reader{blob.bytes};
      record_view record;
      while (testing::readable(reader.next(record))) each(p, record);
    }
}

std::string kind_of(const event_view& e) {
  switch (e.type) {
    case event_type::edge:
      return "edge ";
    case event_type::log:
      return "log ";
    case event_type::span:
      return "span ";
    default:
      return "";
  }
}

/// Where each partition's clock stands in the end.
std::map<partition_id, partition_time> clocks_of(store& kept, const processing_options& options) {
  std::map<partition_id, partition_time> clocks;
  for_records(kept, [&](partition_id p, const record_view& r) {
    if (r.kind == record_kind::clock) clocks[p].follow(r.clock, false, options);
  });
  return clocks;
}

}  // namespace

void sim_world::check() {
  check_log(memory_);
  check_words(memory_);
  check_feed(memory_);
  check_replay(memory_);
}

/// I1, I2: acknowledged once, and nothing that was not sent; the counter says the same.
void sim_world::check_log(store& kept) {
  std::map<std::pair<std::string, std::int64_t>, int> times;
  for_records(kept, [&](partition_id, const record_view& r) {
    if (r.kind != record_kind::event) return;
    const event_view& e = r.event;
    if (e.type == event_type::calls) {  // what the door has made of spans
      ++report_.calls;
      return;
    }
    ++report_.events;
    ++stored_[std::string{e.entity}];
    const auto key = std::pair{kind_of(e) + std::string{e.entity}, unix_ms(e.ts)};
    if (++times[key] == 2) wrong("stored twice: " + key.first);
  });
  for (const auto& p : publishers_) {
    for (std::uint64_t seq = 1; seq <= p.sent; ++seq)
      if (p.acknowledged.count(seq) == 0) wrong(p.name + ": not acknowledged in the end");
    for (const auto seq : p.acknowledged) {
      const auto ts = ts_of(seq);
      for (const auto e : p.entities) {
        const auto name = "host/" + std::to_string(e);
        if (times.erase({name, ts}) == 0)
          wrong("acknowledged and lost: " + name + " of " + p.name + " " + std::to_string(seq));
        for (const auto& kind : also_said(seq, e))
          if (times.erase({kind + name, ts}) == 0)
            wrong("acknowledged and lost: " + kind + "of " + name);
      }
    }
  }
  for (const auto& left : times) wrong("never sent: " + left.first.first);
  const auto counters = kept.events().counters();
  const auto accepted = counters.find("accepted");
  if (accepted == counters.end() || accepted->second != report_.events)
    wrong("the counter of accepted events is not what is stored");
}

/// I1 of operators' words: what was said to be recorded stands among the decisions, once.
void sim_world::check_words(store& kept) {
  std::map<std::string, int> times;
  testing::for_decisions(kept, [&](const decision& d) {
    if (d.kind != decision_kind::command) return;
    const auto said = d.command.name + d.command.payload;
    if (++times[said] == 2) wrong("recorded twice: " + said);
  });
  for (const auto& said : recorded_)
    if (times.count(said) == 0) wrong("said to be recorded and lost: " + said);
  report_.words += recorded_.size();
}

/// I5: the feed is what its decisions say; what was told once stands there for good.
void sim_world::check_feed(store& kept) {
  const auto in = testing::feed_in(kept), of = testing::feed_of(kept);
  for (const auto& d : differences(in, of)) wrong("the feed is not what its decisions say: " + d);
  report_.feed += in.size();
  for (const auto& [seq, payload] : told_) {
    const auto page = testing::readable(kept.feed().read(seq, 1, ""));
    if (page.records.empty() || page.records.front().seq != seq ||
        page.records.front().payload != payload)
      wrong("feed record " + std::to_string(seq) + " was told, and is another now");
  }
  for (const auto& line : in) report_.incidents += line.find("\"causes\"") != std::string::npos;
}

/// I3, I6: a fresh node that reads the log alone knows and decides the same, and nobody has
/// applied anything twice or not at all.
void sim_world::check_replay(store& kept) {
  chance order{seed_ + 1};
  storage_options two;
  two.partitions = kept.events().partitions();
  sim_store again{two, order, lie::none};
  for (partition_id p = 0; p < two.partitions; ++p)
    for (const auto& blob : testing::readable(kept.events().read(p, 1, 1'000'000, 1U << 30U))) {
      append_group group;
      group.log.push_back(log_append{p, blob.bytes, blob.records});
      testing::readable(again.events().append(group));
    }
  node_hooks silent;
  silent.reply = [](const reply_address&, std::string) {};
  silent.publish = [](const feed_record&) {};
  silent.now = [this] { return now(); };
  {
    sim_node fresh{again, rules_, std::move(silent)};
    if (!fresh.settle(order) || !fresh.drain(order))
      wrong("the replay does not come to an end: " + fresh.gave_up());
  }
  const auto alerts = testing::alert_lines(kept), replayed = testing::alert_lines(again);
  report_.alerts += alerts.size();
  for (const auto& d : differences(alerts, replayed)) wrong("an alert is not the log's: " + d);
  const auto clocks = clocks_of(kept, rules_->processing);
  const auto states = testing::state_lines(kept, rules_, clocks);
  for (const auto& d : differences(states, testing::state_lines(again, rules_, clocks)))
    wrong("a state is not the log's: " + d);
  for (const auto& [entity, events] : stored_)
    if (std::none_of(states.begin(), states.end(), [&, n = events](const std::string& line) {
          return line.rfind(entity + " ", 0) == 0 &&
                 line.find(" " + std::to_string(n) + " last ") != std::string::npos;
        }))
      wrong(entity + ": " + std::to_string(events) + " events stored, others applied");
}

}  // namespace faultline::sim
