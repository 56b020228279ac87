// SPDX-License-Identifier: Apache-2.0
//
// What campaigns ask of a store that no server uses:
//
//   store_tool digest STORE     alert transitions, one a line, in order of the line; then whether
//   the
//                               feed is what its decisions say
//   store_tool relog FROM TO    a new store with the log of another, blob by blob, and nothing
//   else:
//                               what a server makes of it is what the log says
//   store_tool states STORE     what each entity's snapshot knows, one line each: events, newest
//                               event, hashes of its window (to the bit) and of what it thinks
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "judgement/correlator_core.hpp"
#include "judgement/entity_core.hpp"
#include "messages/feed.hpp"
#include "storage/store.hpp"

namespace faultline {
namespace {

int fail(const std::string& what) {
  std::fprintf(stderr, "store_tool: %s\n", what.c_str());
  return 1;
}

storage_options store_at(const std::string& path, std::uint16_t partitions) {
  storage_options o;
  o.path = path;
  o.sync = false;
  o.partitions = partitions;
  o.min_free_bytes = 0;
  o.write_buffer_bytes = 64 * 1024 * 1024;
  o.log_retention = std::chrono::hours{24 * 365 * 50};
  o.feed_retention = o.log_retention;
  return o;
}

std::string line_of(const alert& a) {
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
outcome<void> for_decisions(store& from, Each each) {
  auto& log = from.decisions();
  for (std::uint64_t next = 1; next <= log.last();) {
    const auto page = log.read(next, 256);
    if (!page) return page.error();
    if (page->empty()) break;
    for (const auto& d : *page) each(d);
    next = page->back().seq + 1;
  }
  return {};
}

/// What the feed would be if one correlator read, at once, all decisions that the feed has come to
/// (a life may end before its last root cause is told; the next one tells it).
std::vector<std::string> feed_of(store& from) {
  std::vector<std::string> lines;
  correlator_core core{correlation_options{}};
  const auto checkpoint = from.feed().load_correlator();
  if (!checkpoint) std::exit(fail(checkpoint.error().what));
  const auto read = for_decisions(from, [&](const decision& d) {
    if (d.seq > checkpoint->through) return;
    for (const auto& e : core.apply(d).feed) {
      if (e.what == feed_event::kind::alert) lines.push_back(to_json(e.alert));
      if (e.what == feed_event::kind::incident) lines.push_back(to_json(e.incident));
      if (e.what == feed_event::kind::notice) lines.push_back(e.notice.what + e.notice.text);
    }
  });
  if (!read) std::exit(fail(read.error().what));
  return lines;
}

std::vector<std::string> feed_in(store& from) {
  std::vector<std::string> lines;
  auto& feed = from.feed();
  for (std::uint64_t next = 1; next <= feed.last();) {
    const auto page = feed.read(next, 256, "");
    if (!page) std::exit(fail(page.error().what));
    for (const auto& r : page->records) {
      const auto item = read_feed_payload(r.payload);
      if (!item) std::exit(fail(item.error().what));
      if (item->kind == "alert") lines.push_back(to_json(item->alert));
      if (item->kind == "incident") lines.push_back(to_json(item->incident));
      if (item->kind == "notice") lines.push_back(item->notice.what + item->notice.text);
    }
    next = page->next;
  }
  return lines;
}

int digest(store& from) {
  std::vector<std::string> lines;
  const auto read = for_decisions(from, [&](const decision& d) {
    if (d.kind == decision_kind::alert) lines.push_back(line_of(d.alert));
  });
  if (!read) return fail(read.error().what);
  std::sort(lines.begin(), lines.end());
  for (const auto& line : lines) std::printf("%s\n", line.c_str());
  const auto told = feed_in(from), expected = feed_of(from);
  for (std::size_t i = 0; i < std::max(told.size(), expected.size()); ++i) {
    const std::string a = i < told.size() ? told[i] : "nothing";
    const std::string b = i < expected.size() ? expected[i] : "nothing";
    if (a == b) continue;
    std::printf("FEED differs at %zu\n  told     %s\n  expected %s\n", i, a.c_str(), b.c_str());
    return 0;
  }
  std::printf("FEED %zu records are what the decisions say\n", told.size());
  return 0;
}

int relog(store& from, const std::string& path) {
  const auto partitions = from.events().partitions();
  auto to = open_rocksdb_store(store_at(path, partitions));
  if (!to) return fail(to.error().what);
  std::uint64_t records = 0;
  for (partition_id p = 0; p < partitions; ++p) {
    if (from.events().first(p) > 1) return fail("its log has been trimmed");
    for (log_position at = 1; at <= from.events().last(p);) {
      const auto blobs = from.events().read(p, at, 512, 4 * 1024 * 1024);
      if (!blobs) return fail(blobs.error().what);
      if (blobs->empty()) return fail("its log has a hole");
      for (const auto& blob : *blobs) {
        append_group group;
        group.log.push_back(log_append{p, blob.bytes, blob.records});
        const auto done = (*to)->events().append(group);
        if (!done) return fail(done.error().what);
        if (done->front() != blob.position) return fail("another position");
        records += blob.records;
      }
      at = blobs->back().position + 1;
    }
  }
  if (auto done = (*to)->flush(); !done) return fail(done.error().what);
  std::printf("%llu records\n", static_cast<unsigned long long>(records));
  return 0;
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

std::string state_line(const entity_core& core) {
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

int states(store& from) {
  const auto rules = std::make_shared<const judgement_rules>();
  outcome<void> readable;
  for (partition_id p = 0; p < from.events().partitions(); ++p) {
    const auto read = from.checkpoints().load_snapshots(p, [&](entity_snapshot s) {
      entity_core core{s.entity, rules};
      if (auto restored = core.restore(s.bytes); !restored) {
        readable = restored;
        return;
      }
      std::printf("%s\n", state_line(core).c_str());
    });
    if (!read) return fail(read.error().what);
    if (!readable) return fail(readable.error().what);
  }
  return 0;
}

int main_of(const std::vector<std::string>& words) {
  const std::string what = words.empty() ? "" : words[0];
  const bool two = what == "relog";
  if ((what != "digest" && what != "states" && !two) || words.size() != (two ? 3U : 2U))
    return fail("digest STORE, states STORE or relog FROM TO");
  auto opened = open_rocksdb_store(store_at(words[1], 0));
  if (!opened) return fail(opened.error().what);
  if (what == "digest") return digest(**opened);
  if (what == "states") return states(**opened);
  return relog(**opened, words[2]);
}

}  // namespace
}  // namespace faultline

int main(int argc, char** argv) { return faultline::main_of({argv + 1, argv + argc}); }
