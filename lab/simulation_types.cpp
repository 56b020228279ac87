// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>

#include "lab/simulation_faults.hpp"

namespace faultline {

namespace {

struct type_fact {
  fault_type type;
  const char* name;
  const char* root_metric;
};

constexpr std::array facts{
    type_fact{fault_type::cpu_hog, "cpu_hog", "cpu.utilization"},
    type_fact{fault_type::memory_leak, "memory_leak", "memory.used_bytes"},
    type_fact{fault_type::disk_fill, "disk_fill", "disk.used_ratio"},
    type_fact{fault_type::network_delay, "network_delay", "connections.in_use"},
    type_fact{fault_type::error_burst, "error_burst", "errors.rate"},
    type_fact{fault_type::dependency_outage, "dependency_outage", "requests.rate"},
    type_fact{fault_type::io_stall, "io_stall", "disk.io_util"},
    type_fact{fault_type::packet_loss, "packet_loss", "network.bytes"},
    type_fact{fault_type::pool_exhaustion, "pool_exhaustion", "connections.in_use"},
    type_fact{fault_type::lock_convoy, "lock_convoy", "latency.p95_ms"},
    type_fact{fault_type::bad_deploy, "bad_deploy", "latency.p95_ms"},
    type_fact{fault_type::bad_configuration, "bad_configuration", "latency.p95_ms"},
    type_fact{fault_type::noisy_neighbour, "noisy_neighbour", "cpu.utilization"},
    type_fact{fault_type::dns, "dns", "errors.rate"}};

const type_fact& fact_of(fault_type type) { return facts[static_cast<std::size_t>(type)]; }

bool is_store(node_kind kind) {
  return kind == node_kind::db || kind == node_kind::cache || kind == node_kind::queue;
}

bool calls_somebody(const sim_graph& graph, std::size_t node) {
  for (const auto& e : graph.edges)
    if (e.from == node) return true;
  return false;
}

}  // namespace

const std::vector<fault_type>& every_fault_type() {
  static const std::vector<fault_type> all = [] {
    std::vector<fault_type> types;
    for (const auto& f : facts) types.push_back(f.type);
    return types;
  }();
  return all;
}

bool is_held_out(fault_type type) noexcept {
  return type == fault_type::pool_exhaustion || type == fault_type::lock_convoy ||
         type == fault_type::dns;
}

const char* to_string(fault_type type) noexcept { return fact_of(type).name; }

std::optional<fault_type> fault_type_of(std::string_view name) noexcept {
  for (const auto& f : facts)
    if (name == f.name) return f.type;
  return std::nullopt;
}

const char* root_metric(fault_type type, const sim_graph& graph, std::size_t entity) noexcept {
  const bool queue = entity < graph.nodes.size() && graph.nodes[entity].kind == node_kind::queue;
  const char* metric = fact_of(type).root_metric;
  return queue && std::string_view{metric} == "connections.in_use" ? "queue.saturation" : metric;
}

bool can_break(fault_type type, const sim_graph& graph, std::size_t entity) {
  const bool host = entity >= graph.nodes.size();
  if (type == fault_type::noisy_neighbour) return host;
  if (host) return type == fault_type::cpu_hog;
  const node_kind kind = graph.nodes[entity].kind;
  switch (type) {
    case fault_type::disk_fill:
    case fault_type::io_stall:
      return kind == node_kind::db || kind == node_kind::queue;
    case fault_type::dependency_outage:
      return kind != node_kind::gateway;
    case fault_type::pool_exhaustion:
      return kind != node_kind::queue;
    case fault_type::bad_deploy:
      return !is_store(kind);
    case fault_type::dns:
      return calls_somebody(graph, entity);
    default:
      return true;
  }
}
}  // namespace faultline
