// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/entity_state.hpp"

namespace faultline {
namespace {

constexpr std::int64_t refresh_ms = 3'600'000;
constexpr std::size_t most_edges = 1024;

std::uint64_t hash_of(std::initializer_list<std::string_view> parts) {
  std::uint64_t h = 0;
  for (const auto part : parts) h = stable_hash(part, h + 1);
  return h;
}

}  // namespace

// An edge is told when it is new, when it goes, and once an hour while it is confirmed.
void entity_core::impl::note_edge(const seen_edge& seen, const event_view& event,
                                  const record_address& where, std::vector<entity_decision>& out) {
  const std::string_view kind = to_string(seen.kind);
  const auto hash = hash_of({seen.to, kind, seen.source});
  const std::int64_t now = unix_ms(event.ts);
  auto known =
      std::find_if(edges.begin(), edges.end(), [&](const known_edge& e) { return e.hash == hash; });
  if (known == edges.end()) {
    if (edges.size() == most_edges) {  // the one told longest ago makes room
      known = std::min_element(edges.begin(), edges.end(),
                               [](const auto& a, const auto& b) { return a.told_ms < b.told_ms; });
      *known = known_edge{hash, 0, 0};
    } else {
      known = edges.insert(edges.end(), known_edge{hash, 0, 0});
    }
  }
  const bool present = known->present != 0;
  if (present == !seen.removed && known->told_ms != 0 && now - known->told_ms < refresh_ms) return;
  known->told_ms = now;
  known->present = seen.removed ? 0 : 1;
  if (told_before(where.mark())) return;
  entity_decision d;
  d.key =
      "t/" +
      to_hex(hash_of({seen.to, kind, seen.source, seen.removed ? "-" : "+", std::to_string(now)}));
  d.cause = where.mark();
  d.tick = event.ts;
  d.what.kind = decision_kind::topology;
  d.what.topology = {id, std::string{seen.to}, seen.kind, seen.removed, seen.source, event.ts};
  out.push_back(std::move(d));
}

bool tells_full(const entity_decision& d) noexcept { return d.key.rfind("m/", 0) == 0; }

void entity_core::impl::note_full(const event_view* event, const record_address& where,
                                  event_time at, std::vector<entity_decision>& out) {
  if (!deciding || told_before(where.mark())) return;
  std::string first = "one of those made of its lines and spans";
  const auto& known = builder.channels();
  const bool lacks_buckets = histograms && histograms->left_out() != 0;
  const auto is_known = [&](const metric_point& p) {
    if (!lacks_buckets && bucket_name_of(p.name)) return true;
    return std::any_of(known.begin(), known.end(),
                       [&](const channel_info& c) { return c.name == p.name; });
  };
  if (event != nullptr) {
    const auto beyond = std::find_if_not(event->metrics.begin(), event->metrics.end(), is_known);
    if (beyond != event->metrics.end()) first = beyond->name;
  }
  entity_decision d;
  d.key = "m/" + std::to_string(first_ms);  // once in a life, whatever record it is told of
  d.cause = where.mark();
  d.tick = at;
  d.what.kind = decision_kind::notice;
  d.what.notice = {"too_many_metrics", id,
                   id + " has " + std::to_string(tick_builder::max_channels) +
                       " metrics, as many as are kept: " + first +
                       " and whatever else is new is left out until " + id + " is retired.",
                   at};
  out.push_back(std::move(d));
}

void entity_core::impl::note_change(const event_view& event, const record_address& where,
                                    std::vector<entity_decision>& out) {
  if (told_before(where.mark())) return;
  entity_decision d;
  const char kind = static_cast<char>('0' + static_cast<int>(event.change));
  d.key = "c/" + to_hex(hash_of({event.summary, std::string_view{&kind, 1},
                                 std::to_string(unix_ms(event.ts))}));
  d.cause = where.mark();
  d.tick = event.ts;
  d.what.kind = decision_kind::change;
  d.what.change = {id, event.change, std::string{event.summary}, event.ts};
  out.push_back(std::move(d));
}

}  // namespace faultline
