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
#include <string>
#include <vector>

#include "storage/store.hpp"
#include "tests/support/store_digest.hpp"

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

int digest(store& from) {
  for (const auto& line : testing::alert_lines(from)) std::printf("%s\n", line.c_str());
  const auto told = testing::feed_in(from), expected = testing::feed_of(from);
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

int states(store& from) {
  for (const auto& line : testing::state_lines(from)) std::printf("%s\n", line.c_str());
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
