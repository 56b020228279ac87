// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/recording.hpp"
#include "lab/simulator.hpp"

namespace faultline {

enum class node_kind : std::uint8_t { gateway, service, db, cache, queue };

/// Something that answers requests. Rates are per second, times in milliseconds.
struct sim_node {
  std::string id;
  node_kind kind = node_kind::service;
  std::size_t host = 0;
  double service_ms = 10;     ///< 95th percentile of its own work when idle
  double capacity_rps = 100;  ///< utilisation 1
  double quota_cores = 1;     ///< processors it uses at utilisation 1
  double pool = 100;          ///< requests it can have in flight
  double memory_limit = 1e9;  ///< bytes
  double memory_base = 0.5;   ///< share of the limit under usual load
  double disk_share = 0.05;   ///< part of its own work that waits for the disk
  double disk_base = 0.02;    ///< disk utilisation under usual load
  double fill_base = 0.5;     ///< how full its disk is
  double bytes_per_request = 4e3;
  double background_error = 1e-3;
  double usual_rps = 1;  ///< at the mean of the day
};

/// One call. The caller stands before the callee in sim_graph::nodes.
struct sim_edge {
  std::size_t from = 0;
  std::size_t to = 0;
  double calls = 1;  ///< per request of the caller
  double net_ms = 0.5;
  double timeout_ms = 1000;
  double retry = 0;   ///< share of failed calls that are tried once more
  double lag_s = 20;  ///< how slowly the caller feels the callee
  bool soft = false;  ///< a cache: failures become misses
};

struct sim_host {
  std::string id;
  double cores = 8;
  double os_cpu = 0.03;
  double memory_bytes = 32e9;
  double os_memory = 2e9;
  double disk_base = 0.05;
  double fill_base = 0.5;
};

/// Entities are numbered nodes first, then hosts. Node 0 is the gateway.
struct sim_graph {
  std::vector<sim_node> nodes;
  std::vector<sim_edge> edges;  ///< ascending by `from`
  std::vector<sim_host> hosts;
  double usual_rps = 100;  ///< at the gateway, mean of the day

  std::size_t entities() const noexcept { return nodes.size() + hosts.size(); }
  const std::string& id(std::size_t entity) const noexcept {
    return entity < nodes.size() ? nodes[entity].id : hosts[entity - nodes.size()].id;
  }
  /// Requests a node sees per request at the gateway.
  double visits(std::size_t node) const noexcept { return nodes[node].usual_rps / usual_rps; }
  std::vector<dependency> dependencies() const;
};

/// A random graph of @p services nodes. @p rich: edition 2, more layers in large systems. Pools and
/// time-outs are sized afterwards (size_limits in simulation_model.hpp), when the usual latencies
/// are known.
sim_graph make_graph(std::uint64_t seed, std::size_t services,
                     topology_style style = topology_style::layered, bool rich = false);

}  // namespace faultline
