// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "judgement/correlator_core.hpp"
#include "judgement/entity_core.hpp"
#include "messages/feed.hpp"
#include "storage/store.hpp"

// What a store says, as lines that can be compared: by campaigns and by the simulation.

namespace faultline::testing {

/// The value of @p read; what cannot be read ends the process with a sentence.
template <class T>
T readable(outcome<T> read) {
  if (read) return std::move(*read);
  std::fprintf(stderr, "a store cannot be read: %s\n", read.error().what.c_str());
  std::exit(1);
}

inline std::string line_of(const alert& a) {
  char score[40];
  std::snprintf(score, sizeof score, "%.17g", a.score);
  std::string line = a.entity + " " + a.id + "/" + std::to_string(a.transition) + " " +
                     to_string(a.state) + " " + to_string(a.severity) + " " + a.metric + " at " +
                     std::to_string(unix_ms(a.updated)) + " score " + score;
  for (const auto& [key, value] : a.labels) line += " " + key + "=" + value;
  if (a.learning) line += " learning";
  if (a.degraded) line += " degraded";
  return line;
}

/// Every decision of @p from, in order.
template <class Each>
void for_decisions(store& from, Each each) {
  auto& log = from.decisions();
  for (std::uint64_t next = 1; next <= log.last();) {
    const auto page = readable(log.read(next, 256));
    if (page.empty()) break;
    for (const auto& d : page) each(d);
    next = page.back().seq + 1;
  }
}

/// What the feed would be if one correlator read, at once, all decisions that the feed has come to
/// (a life may end before its last root cause is told; the next one tells it).
inline std::vector<std::string> feed_of(store& from) {
  std::vector<std::string> lines;
  correlator_core core{correlation_options{}};
  const auto checkpoint = readable(from.feed().load_correlator());
  for_decisions(from, [&](const decision& d) {
    if (d.seq > checkpoint.through) return;
    for (const auto& e : core.apply(d).feed) {
      if (e.what == feed_event::kind::alert) lines.push_back(to_json(e.alert));
      if (e.what == feed_event::kind::incident) lines.push_back(to_json(e.incident));
      if (e.what == feed_event::kind::notice) lines.push_back(e.notice.what + e.notice.text);
    }
  });
  return lines;
}

inline std::vector<std::string> feed_in(store& from) {
  std::vector<std::string> lines;
  auto& feed = from.feed();
  for (std::uint64_t next = 1; next <= feed.last();) {
    const auto page = readable(feed.read(next, 256, ""));
    for (const auto& r : page.records) {
      const auto item = readable(read_feed_payload(r.payload));
      if (item.kind == "alert") lines.push_back(to_json(item.alert));
      if (item.kind == "incident") lines.push_back(to_json(item.incident));
      if (item.kind == "notice") lines.push_back(item.notice.what + item.notice.text);
    }
    next = page.next;
  }
  return lines;
}

/// Hashes numbers by their bits.
class number_hash {
public:
  void add(std::uint64_t v) {
    hash_ = stable_hash({reinterpret_cast<const char*>(&v), sizeof v}, hash_ + 1);
  }
  void add(double v) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof bits);
    add(v == v ? bits : 1);
  }
  void add(const std::vector<float>& all) {
    for (const float v : all) add(static_cast<double>(v));
  }
  std::string text() const { return to_hex(hash_); }

private:
  std::uint64_t hash_ = 0;
};

/// What an entity knows: events, newest event, hashes of its window (to the bit) and of what it
/// thinks.
inline std::string state_line(const entity_core& core) {
  const auto status = core.status();
  const auto window = core.window(event_time::max());
  number_hash values, thoughts;
  for (const auto ts : window.ts) values.add(static_cast<std::uint64_t>(unix_ms(ts)));
  for (const auto& m : window.metrics) {
    values.add(stable_hash(m.name));
    values.add(m.values);
    thoughts.add(m.expected);
    thoughts.add(m.lower);
    thoughts.add(m.upper);
  }
  thoughts.add(core.last_verdict().score);
  thoughts.add(core.last_verdict().excess);
  std::string line = status.id + " " + status.state + " " + std::to_string(status.observations) +
                     " last " + std::to_string(unix_ms(status.last_ts)) + " window " +
                     values.text() + " thoughts " + thoughts.text();
  for (const auto& id : status.alerts) line += " " + id;
  return line;
}

/// Alert transitions, sorted.
inline std::vector<std::string> alert_lines(store& from) {
  std::vector<std::string> lines;
  for_decisions(from, [&](const decision& d) {
    if (d.kind == decision_kind::alert) lines.push_back(line_of(d.alert));
  });
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// Lets @p core hear of @p clock and judge what that closes. A clock alone is no reason for a new
/// snapshot: of two stores one may have one from before it, and the other from behind it.
inline void hear(entity_core& core, const partition_time& clock) {
  std::vector<entity_decision> decided;
  core.advance(clock, {}, decided);
  forecast_row row;
  while (core.row_waiting()) {
    core.begin_tick(row);
    core.finish_tick(nullptr, decided);
  }
}

/// state_line() of every entity's snapshot, by partition and entity; when it has heard of its
/// partition's clock where @p clocks has one.
inline std::vector<std::string> state_lines(
    store& from,
    const std::shared_ptr<const judgement_rules>& rules = std::make_shared<const judgement_rules>(),
    const std::map<partition_id, partition_time>& clocks = {}) {
  std::vector<std::string> lines;
  for (partition_id p = 0; p < from.events().partitions(); ++p) {
    const auto read = from.checkpoints().load_snapshots(p, [&](entity_snapshot s) {
      entity_core core{s.entity, rules};
      const auto restored = core.restore(s.bytes);
      if (const auto clock = clocks.find(p); restored && clock != clocks.end())
        hear(core, clock->second);
      lines.push_back(restored ? state_line(core) : s.entity + ": " + restored.error().what);
    });
    if (!read) lines.push_back("partition " + std::to_string(p) + ": " + read.error().what);
  }
  return lines;
}

}  // namespace faultline::testing
