// SPDX-License-Identifier: Apache-2.0
#include "processing/topology.hpp"

#include <algorithm>
#include <utility>

#include "messages/bytes.hpp"
#include "messages/version.hpp"
#include "processing/host_names.hpp"

namespace faultline {
namespace {

constexpr std::uint8_t topology_version = 2;
constexpr std::string_view span_source = "span";
/// A span may be a stray: two sightings make 0.75, four 0.94.
constexpr double span_confidence = 0.5;
constexpr std::string_view name_source = "name";
constexpr double name_confidence = 0.7;
constexpr std::string_view operator_source = "operator";
constexpr std::string_view configuration_source = "configuration";
/// In a larger crowd parts of names mean nothing.
constexpr std::size_t most_named = 128;

double first_confidence(std::string_view source) noexcept {
  if (source == span_source) return span_confidence;
  return source == name_source ? name_confidence : 1;
}

/// What a source's word weighs: an operator's most.
int authority(std::string_view source) noexcept {
  if (source == operator_source) return 3;
  if (source == configuration_source) return 2;
  return source == name_source ? 0 : 1;
}

void erase_one(std::vector<std::uint32_t>& list, std::uint32_t value) {
  const auto at = std::find(list.begin(), list.end(), value);
  if (at == list.end()) return;
  *at = list.back();
  list.pop_back();
}

bool before(const dependency_edge& a, const dependency_edge& b) {
  return std::tie(a.from, a.to, a.kind) < std::tie(b.from, b.to, b.kind);
}

}  // namespace

dependency_graph::dependency_graph(topology_limits limits) : limits_{limits} {}

std::optional<dependency_graph::node_index> dependency_graph::find(
    std::string_view entity) const noexcept {
  const auto at = index_.find(entity);
  if (at == index_.end()) return std::nullopt;
  return at->second;
}

std::optional<dependency_graph::node_index> dependency_graph::find_or_add(
    const std::string& entity) {
  if (const auto known = find(entity)) return known;
  if (index_.size() >= limits_.max_nodes) return std::nullopt;
  node_index n = 0;
  if (free_.empty()) {
    n = static_cast<node_index>(nodes_.size());
    nodes_.emplace_back();
  } else {
    n = free_.back();
    free_.pop_back();
  }
  nodes_[n].id = entity;
  index_.emplace(entity, n);
  return n;
}

dependency_graph::change dependency_graph::observe(const topology_change& sighting) {
  if (sighting.from.empty() || sighting.to.empty() || sighting.from == sighting.to) {
    ++refused_;
    return change::refused;
  }
  const configured_edge said{sighting.from, sighting.to, sighting.kind};
  const bool by_operator = sighting.source == operator_source;
  if (sighting.removed) {
    if (by_operator && taken_away_.size() < limits_.max_taken_away) taken_away_.insert(said);
    return remove(sighting);
  }
  if (by_operator) taken_away_.erase(said);
  if (taken_away_.count(said) != 0) return change::none;
  const auto from = find_or_add(sighting.from);
  const auto to = from ? find_or_add(sighting.to) : std::nullopt;
  const bool from_span = sighting.source == span_source;
  if (from && to) {
    const auto at = edges_.find({*from, *to, sighting.kind});
    if (at != edges_.end()) {
      edge_state& known = at->second;
      known.last_seen = std::max(known.last_seen, sighting.at);
      if (sighting.source == name_source) return change::none;  // whatever else it is says more
      known.confidence = from_span ? 1 - (1 - known.confidence) * (1 - span_confidence) : 1;
      const int says = authority(sighting.source), knows = authority(known.source);
      if (says > knows || (says == knows && !from_span)) known.source = sighting.source;
      by_name_.erase(at->first);
      return change::none;
    }
  }
  if (!from || !to || edges_.size() >= limits_.max_edges) {
    if (from) drop_if_bare(*from);
    if (to) drop_if_bare(*to);
    ++refused_;
    return change::refused;
  }
  edges_.emplace(edge_key{*from, *to, sighting.kind},
                 edge_state{sighting.source, first_confidence(sighting.source), sighting.at});
  if (sighting.source == name_source) by_name_.insert({*from, *to, sighting.kind});
  nodes_[*from].callees.push_back(*to);
  nodes_[*to].callers.push_back(*from);
  return change::added;
}

dependency_graph::change dependency_graph::remove(const topology_change& sighting) {
  const auto from = find(sighting.from);
  const auto to = find(sighting.to);
  if (!from || !to) return change::none;
  const auto at = edges_.find({*from, *to, sighting.kind});
  if (at == edges_.end()) return change::none;
  const bool set = authority(at->second.source) > 1;
  if (set && authority(sighting.source) < authority(at->second.source)) return change::none;
  drop_edges({{*from, *to, sighting.kind}});
  return change::removed;
}

dependency_graph::change dependency_graph::reset(const std::string& from, const std::string& to,
                                                 edge_kind kind) {
  taken_away_.erase({from, to, kind});
  const auto a = find(from), b = find(to);
  if (!a || !b) return change::none;
  const auto at = edges_.find({*a, *b, kind});
  if (at == edges_.end() || at->second.source != operator_source) return change::none;
  drop_edges({{*a, *b, kind}});
  return change::removed;
}

std::vector<topology_change> dependency_graph::configured(const std::vector<configured_edge>& kept,
                                                          event_time at) const {
  const std::set<configured_edge> wanted{kept.begin(), kept.end()};
  std::set<configured_edge> known;
  std::vector<topology_change> said;
  for (const auto& [key, state] : edges_) {
    if (state.source != configuration_source) continue;
    const auto [from, to, kind] = key;
    known.insert({nodes_[from].id, nodes_[to].id, kind});
  }
  const std::string source{configuration_source};
  for (const configured_edge& e : known) {
    if (wanted.count(e) == 0) said.push_back({e.from, e.to, e.kind, true, source, at});
  }
  for (const configured_edge& e : wanted) {
    if (known.count(e) == 0) said.push_back({e.from, e.to, e.kind, false, source, at});
  }
  return said;
}

std::vector<configured_edge> dependency_graph::taken_away() const {
  return {taken_away_.begin(), taken_away_.end()};
}

void dependency_graph::drop_if_bare(node_index n) {
  node& bare = nodes_[n];
  if (bare.id.empty() || !bare.callees.empty() || !bare.callers.empty()) return;
  index_.erase(bare.id);
  bare.id.clear();
  free_.push_back(n);
}

void dependency_graph::drop_edge(const edge_key& key) {
  const auto [from, to, kind] = key;
  edges_.erase(edge_key{from, to, kind});
  by_name_.erase(edge_key{from, to, kind});
  erase_one(nodes_[from].callees, to);
  erase_one(nodes_[to].callers, from);
  drop_if_bare(from);
  drop_if_bare(to);
}

bool dependency_graph::forget(std::string_view entity) {
  const auto n = find(entity);
  if (!n) return false;
  std::vector<edge_key> doomed;
  for (const node_index to : nodes_[*n].callees) {
    for (const edge_kind kind : {edge_kind::calls, edge_kind::runs_on}) {
      if (edges_.count({*n, to, kind}) != 0) doomed.emplace_back(*n, to, kind);
    }
  }
  for (const node_index from : nodes_[*n].callers) {
    for (const edge_kind kind : {edge_kind::calls, edge_kind::runs_on}) {
      if (edges_.count({from, *n, kind}) != 0) doomed.emplace_back(from, *n, kind);
    }
  }
  std::sort(doomed.begin(), doomed.end());
  doomed.erase(std::unique(doomed.begin(), doomed.end()), doomed.end());
  drop_edges(std::move(doomed));
  return true;
}

std::vector<topology_change> dependency_graph::resolved_addresses(const std::string& caller,
                                                                  event_time at) const {
  std::vector<topology_change> found;
  const auto n = find(caller);
  if (!n) return found;
  const std::vector<node_index>& callees = nodes_[*n].callees;
  if (callees.size() > most_named) return found;
  // A word that several addresses share names their place and not the thing.
  std::map<std::string_view, std::set<node_index>> places;
  for (const node_index c : callees) {
    if (!is_address(nodes_[c].id)) continue;
    for (const std::string_view word : address_words(nodes_[c].id)) places[word].insert(c);
  }
  for (const node_index address : callees) {
    const std::string& host = nodes_[address].id;
    if (!is_address(host)) continue;
    std::set<node_index> named;
    for (const std::string_view word : address_words(host)) {
      if (places[word].size() > 1) continue;
      for (const node_index other : callees) {
        if (word_names(word, nodes_[other].id)) named.insert(other);
      }
    }
    if (named.size() != 1) continue;
    found.push_back(
        {host, nodes_[*named.begin()].id, edge_kind::calls, false, std::string{name_source}, at});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.from < b.from; });
  return found;
}

/// An address stands for an entity while somebody depends on both. Names to or of one of @p ends,
/// edges to which are gone: no other rested on those.
std::vector<dependency_graph::edge_key> dependency_graph::unfounded_names(
    const std::vector<node_index>& ends) const {
  std::vector<edge_key> found;
  const auto calls = [&](node_index from, node_index to) {
    return edges_.count({from, to, edge_kind::calls}) != 0 ||
           edges_.count({from, to, edge_kind::runs_on}) != 0;
  };
  const auto look_at = [&](const edge_key& key) {
    const auto& callers = nodes_[std::get<0>(key)].callers;
    const auto calls_both = [&](node_index caller) { return calls(caller, std::get<1>(key)); };
    if (std::none_of(callers.begin(), callers.end(), calls_both)) found.push_back(key);
  };
  for (const node_index end : ends) {
    for (auto at = by_name_.lower_bound({end, 0, edge_kind::calls});
         at != by_name_.end() && std::get<0>(*at) == end; ++at)
      look_at(*at);
    for (const node_index caller : nodes_[end].callers)
      for (const edge_kind kind : {edge_kind::calls, edge_kind::runs_on})
        if (by_name_.count({caller, end, kind}) != 0) look_at({caller, end, kind});
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

/// @p doomed, and the names that rested on them. @returns how many.
std::size_t dependency_graph::drop_edges(std::vector<edge_key> doomed) {
  std::size_t dropped = 0;
  while (!doomed.empty()) {
    std::vector<node_index> ends;
    for (const edge_key& key : doomed) {
      ends.push_back(std::get<1>(key));
      drop_edge(key);
    }
    dropped += doomed.size();
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    doomed = by_name_.empty() ? std::vector<edge_key>{} : unfounded_names(ends);
  }
  return dropped;
}

std::size_t dependency_graph::expire(event_time before_then) {
  std::vector<edge_key> doomed;
  for (const auto& [key, state] : edges_) {
    if (state.source == span_source && state.last_seen < before_then) doomed.push_back(key);
  }
  return drop_edges(std::move(doomed));
}

dependency_edge dependency_graph::described(const edge_key& key, const edge_state& state) const {
  const auto [from, to, kind] = key;
  return {nodes_[from].id, nodes_[to].id, kind, state.source, state.confidence, state.last_seen};
}

std::vector<dependency_edge> dependency_graph::edges() const {
  std::vector<dependency_edge> all;
  all.reserve(edges_.size());
  for (const auto& [key, state] : edges_) all.push_back(described(key, state));
  std::sort(all.begin(), all.end(), before);
  return all;
}

std::vector<dependency_edge> dependency_graph::edges_among(
    const std::vector<std::string>& entities) const {
  std::vector<bool> wanted(nodes_.size(), false);
  std::vector<node_index> members;
  for (const std::string& id : entities) {
    const auto n = find(id);
    if (!n || wanted[*n]) continue;
    wanted[*n] = true;
    members.push_back(*n);
  }
  std::vector<dependency_edge> among;
  for (const node_index from : members) {
    std::vector<node_index> callees{nodes_[from].callees};
    std::sort(callees.begin(), callees.end());
    callees.erase(std::unique(callees.begin(), callees.end()), callees.end());
    for (const node_index to : callees) {
      if (!wanted[to]) continue;
      for (const edge_kind kind : {edge_kind::calls, edge_kind::runs_on}) {
        const auto at = edges_.find({from, to, kind});
        if (at != edges_.end()) among.push_back(described(at->first, at->second));
      }
    }
  }
  std::sort(among.begin(), among.end(), before);
  return among;
}

// graph := version(u8 = 2) refused(u64) edges(u32, (from to kind(u8) source confidence last_seen)*)
//          taken_away(u32, (from to kind(u8))*)
// in order of (from, to, kind), each once. Version 1 had nothing behind the edges.
std::string dependency_graph::save() const {
  std::string bytes;
  field_writer out{bytes};
  out.u8(topology_version);
  out.u64(refused_);
  const auto all = edges();
  out.u32(static_cast<std::uint32_t>(all.size()));
  for (const dependency_edge& e : all) {
    out.str(e.from);
    out.str(e.to);
    out.u8(static_cast<std::uint8_t>(e.kind));
    out.str(e.source);
    out.f64(e.confidence);
    out.i64(unix_ms(e.last_seen));
  }
  out.u32(static_cast<std::uint32_t>(taken_away_.size()));
  for (const configured_edge& e : taken_away_) {
    out.str(e.from);
    out.str(e.to);
    out.u8(static_cast<std::uint8_t>(e.kind));
  }
  return bytes;
}

outcome<void> dependency_graph::restore(std::string_view bytes) {
  field_reader in{bytes};
  const std::uint8_t version = in.u8();
  if (auto known = check_version("dependency graph", version, topology_version); !known)
    return known;
  dependency_graph fresh{limits_};
  const std::uint64_t refused = in.u64();
  const auto count = in.count(29);
  std::optional<dependency_edge> last;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    dependency_edge e;
    e.from = in.str();
    e.to = in.str();
    e.kind = in.enumeration(edge_kind::calls, edge_kind::runs_on);
    e.source = in.str();
    e.confidence = in.f64();
    e.last_seen = event_time_of(in.i64());
    const bool sound = e.confidence >= 0 && e.confidence <= 1 && (!last || before(*last, e));
    if (!in.ok() || !sound) return failure{ec::malformed, "dependency graph: an edge is unsound"};
    const change done = fresh.observe({e.from, e.to, e.kind, false, e.source, e.last_seen});
    if (done != change::added) return failure{ec::too_large, "dependency graph: over its limits"};
    const edge_key key{*fresh.find(e.from), *fresh.find(e.to), e.kind};
    fresh.edges_[key].confidence = e.confidence;
    last = std::move(e);
  }
  const auto away = version > 1 ? in.count(9) : 0;
  for (std::uint32_t i = 0; i < away && in.ok(); ++i) {
    configured_edge e;
    e.from = in.str();
    e.to = in.str();
    e.kind = in.enumeration(edge_kind::calls, edge_kind::runs_on);
    if (!fresh.taken_away_.empty() && !(*fresh.taken_away_.rbegin() < e))
      return failure{ec::malformed, "dependency graph: out of order"};
    fresh.taken_away_.insert(std::move(e));
  }
  if (!in.ok() || !in.at_end()) return failure{ec::malformed, "dependency graph: wrong length"};
  fresh.refused_ = refused;
  *this = std::move(fresh);
  return {};
}

}  // namespace faultline
