// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "messages/decision.hpp"
#include "messages/outcome.hpp"
#include "messages/time.hpp"
#include "processing/configured_edge.hpp"

namespace faultline {

/// One dependency: `from` depends on `to`.
struct dependency_edge {
  std::string from;
  std::string to;
  edge_kind kind = edge_kind::calls;
  std::string source;     ///< event, span, name, configuration, operator
  double confidence = 1;  ///< 0..1; edges learned from spans grow towards 1 with every sighting
  event_time last_seen{};
};

/// An entity and the fewest dependency steps to it.
struct near_entity {
  std::string id;
  std::uint32_t steps = 0;
};

/// Past these the graph takes nothing new, so that a flood of names cannot eat the memory.
struct topology_limits {
  std::size_t max_nodes = 100'000;
  std::size_t max_edges = 400'000;
  std::size_t max_taken_away = 10'000;
};

/// Who depends on whom. Answers depend on the set of edges alone, never on the order they came in.
///
/// Lives:  in the correlator, one per store; pure, no clock.
/// Limits: topology_limits; an edge beyond them is refused and counted.
class dependency_graph {
public:
  /// What observe() did to the set of edges.
  enum class change : std::uint8_t { none, added, removed, refused };

  explicit dependency_graph(topology_limits limits = {});

  /// Takes one sighting or removal of an edge. The operator's word (source `operator`) stands above
  /// the configuration's, and that above what is seen: an edge an operator has taken away stays
  /// away, one that is set stays with its provenance whatever is seen or taken back, until the
  /// operator's word is reset(). An edge of an entity to itself or with an empty name
  /// is refused. A sighting older than the last one changes nothing but the confidence.
  change observe(const topology_change& sighting);
  /// Forgets an entity with its edges. @returns false when it is not known.
  bool forget(std::string_view entity);
  /// Sightings of the same thing under two names among what @p caller depends on: an address, and
  /// the one entity whose name stands in it. The address depends on the entity (source "name").
  /// Nothing for a caller with more than 128 dependencies.
  std::vector<topology_change> resolved_addresses(const std::string& caller, event_time at) const;
  /// Takes back what an operator said of an edge. An edge that only he knew goes.
  change reset(const std::string& from, const std::string& to, edge_kind kind);
  /// Edges of source `configuration` that are not in @p kept go; those of @p kept that are not
  /// there come. @returns what is to be observed for that, in order of (from, to, kind).
  std::vector<topology_change> configured(const std::vector<configured_edge>& kept,
                                          event_time at) const;
  /// Edges an operator has taken away, in order.
  std::vector<configured_edge> taken_away() const;
  /// Drops edges learned from spans and not seen since @p before, and what only rested on them.
  /// @returns how many.
  std::size_t expire(event_time before);

  bool knows(std::string_view entity) const noexcept;
  std::size_t node_count() const noexcept { return index_.size(); }
  std::size_t edge_count() const noexcept { return edges_.size(); }
  std::uint64_t refused() const noexcept { return refused_; }

  /// Entities within @p steps of any of @p from along dependencies in both directions, @p from
  /// included (also those not in the graph), by (steps, id); at most @p limit of them.
  std::vector<near_entity> neighbourhood(const std::vector<std::string>& from, std::uint32_t steps,
                                         std::size_t limit) const;
  /// Fewest steps from @p caller down to @p callee along "depends on"; nothing beyond @p limit
  /// steps.
  std::optional<std::uint32_t> distance(std::string_view caller, std::string_view callee,
                                        std::uint32_t limit) const;
  /// Entities from which it is at most @p steps down to @p entity along "depends on", itself
  /// included, in order of id.
  std::vector<std::string> dependents(std::string_view entity, std::uint32_t steps) const;
  /// Direct neighbours in both directions, each once, in order of id.
  std::vector<std::string> neighbours(std::string_view entity) const;
  /// Calls @p visit for each edge of @p entity with its other end, without copies. The order is not
  /// part of the contract: only for what comes out the same in any order.
  void visit_neighbours(std::string_view entity,
                        const std::function<void(const std::string&)>& visit) const;
  /// Whether an edge joins @p entity with another.
  bool has_neighbour(std::string_view entity) const;

  /// All entities in order of id; all edges in order of (from, to, kind).
  std::vector<std::string> nodes() const;
  std::vector<dependency_edge> edges() const;
  /// Edges with both ends in @p entities, in order of (from, to, kind).
  std::vector<dependency_edge> edges_among(const std::vector<std::string>& entities) const;

  /// Same edges, same bytes. restore() replaces everything or, on ec::malformed and
  /// ec::unknown_version, nothing; what exceeds the limits is ec::too_large.
  std::string save() const;
  outcome<void> restore(std::string_view bytes);

private:
  using node_index = std::uint32_t;
  using edge_key = std::tuple<node_index, node_index, edge_kind>;
  struct node {
    std::string id;
    std::vector<node_index> callees;  ///< one entry per edge; two kinds give two
    std::vector<node_index> callers;
  };
  struct edge_state {
    std::string source;
    double confidence = 1;
    event_time last_seen{};
  };

  std::optional<node_index> find(std::string_view entity) const noexcept;
  std::optional<node_index> find_or_add(const std::string& entity);
  change remove(const topology_change& sighting);
  void drop_edge(const edge_key& key);
  void drop_if_bare(node_index n);
  std::vector<edge_key> unfounded_names(const std::vector<node_index>& ends) const;
  std::size_t drop_edges(std::vector<edge_key> doomed);
  dependency_edge described(const edge_key& key, const edge_state& state) const;

  topology_limits limits_;
  std::map<std::string, node_index, std::less<>> index_;
  std::vector<node> nodes_;
  std::vector<node_index> free_;
  std::map<edge_key, edge_state> edges_;
  std::set<edge_key> by_name_;            ///< those of source "name"
  std::set<configured_edge> taken_away_;  ///< by an operator; most are not in the graph
  std::uint64_t refused_ = 0;
};

}  // namespace faultline
