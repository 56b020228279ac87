// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/recording.hpp"
#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

/// What can be broken in a simulated system. to_string() gives the name in labels.
enum class fault_type : std::uint8_t {
  cpu_hog,            ///< something else eats the processor of a service or a host
  memory_leak,        ///< memory grows towards its limit: collector pressure, then failures
  disk_fill,          ///< a store's disk fills: housekeeping io, slow answers, failed writes
  network_delay,      ///< every packet to and from the target is late, and some are lost
  error_burst,        ///< the target answers a share of its requests with errors
  dependency_outage,  ///< the target loses capacity, then stops answering: callers time out
  io_stall,           ///< the disk of a store is busy with something else
  packet_loss,        ///< packets to and from the target get lost and are sent again
  pool_exhaustion,    ///< connections are taken and not given back: requests wait, then fail
  lock_convoy,        ///< requests of the target wait for each other, the processor idles
  bad_deploy,         ///< a new version is slow, hungry and fails a share of its requests
  bad_configuration,  ///< a setting makes the target slow, its pool small, its traffic large
  noisy_neighbour,    ///< another tenant takes processor and disk of a host
  dns,                ///< names are resolved late or not at all: the target's own calls fail
};

/// How a fault comes over the time of its ramp.
enum class fault_shape : std::uint8_t {
  abrupt,        ///< whole at once
  linear,        ///< in proportion to time
  exponential,   ///< slowly, then fast: (e^4x - 1) / (e^4 - 1)
  intermittent,  ///< on and off, more on than off towards the end; leaks and disks grow in steps
};

/// All of them, in the order of the enumeration.
const std::vector<fault_type>& every_fault_type();
/// pool_exhaustion, lock_convoy and dns: nothing is ever trained on them.
bool is_held_out(fault_type type) noexcept;

/// How the calls of a system hang together.
enum class topology_style : std::uint8_t {
  layered,  ///< layers with some cross calls
  tree,     ///< each node has one caller
  shared,   ///< layers, and some stores and services that many others call
};

const char* to_string(topology_style style) noexcept;
const char* to_string(fault_type type) noexcept;
const char* to_string(fault_shape shape) noexcept;
std::optional<fault_type> fault_type_of(std::string_view name) noexcept;
std::optional<fault_shape> fault_shape_of(std::string_view name) noexcept;

/// One fault to inject.
struct fault_plan {
  fault_type type = fault_type::cpu_hog;
  fault_shape shape = fault_shape::linear;
  std::string target;      ///< entity id; empty: one that fits is drawn from the seed
  seconds onset{0};        ///< after the start of the recording
  seconds ramp{1800};      ///< until it is whole; abrupt faults have none
  seconds duration{2700};  ///< until it is over, the ramp included
  double severity = 1;     ///< 0 .. 1; how far the ramp goes
};

struct simulation_options {
  std::uint64_t seed = 1;
  /// 1: the systems that the shipped models learnt from and the demo plays; it never changes.
  /// 2: all of what systems and agents do: styles of topology, up to 500 nodes, scrape jitter,
  /// clock skew, silent agents, counters with resets, coarse instruments, missing kinds of
  /// metrics, batch jobs and failover drills, logs and spans; drawn faults are of all types,
  /// ramps last 10 min to 48 h, and one fault in seven is too weak to be noticed.
  int edition = 1;
  /// Nodes of the call graph: gateway, services, databases, caches, queues. 5 .. 50 in edition 1,
  /// 5 .. 500 in edition 2. Hosts come on top, about one for four nodes.
  std::size_t services = 12;
  seconds interval{10};
  seconds duration{3 * 3600};
  /// First row. The default is a Monday at noon UTC; traffic peaks around 14:00 UTC.
  event_time start = event_time_of(1704715200000);
  /// Share of the duration before train_until. Drawn faults come after it.
  double train_share = 0.6;
  bool quiet = false;              ///< no fault at all, whatever stands below
  std::vector<fault_plan> faults;  ///< empty: `random_faults` are drawn from the seed
  std::size_t random_faults = 1;
  std::optional<fault_type> only_type;    ///< drawn faults are of this type
  std::optional<fault_shape> only_shape;  ///< drawn faults have this shape
  std::vector<fault_type> types;          ///< drawn faults are of these; empty: all of the edition
  std::vector<std::string> spared_kinds;  ///< kinds of entity that drawn faults leave alone
  std::optional<topology_style> style;    ///< edition 2: else drawn from the seed
  double log_lines_per_hour = 0;          ///< of one healthy node, on average
  double traces_per_minute = 0;           ///< of the whole system
  /// That each node has, 1 .. 8; of three the rarest is 5 % of its spans. 1: as ever, no other
  /// draws.
  std::size_t operations = 1;
  /// Benign look-alikes: deploy restarts, nightly backups, peaks of load.
  bool look_alikes = true;
  /// Share of the calling nodes that measure each callee: out_p50.<callee>, out_errors.<callee>.
  double edge_metric_share = 0.5;
  /// Share of rows, and of single values, that get lost.
  double missing_share = 0.0005;
  /// Name of the recording; empty: "simulated/<seed>".
  std::string name;
};

/// @returns the first rule @p o breaks, or nothing.
std::optional<failure> validate(const simulation_options& o);

/// Which part of an experiment a system of edition 2 belongs to. Train and validation never have a
/// fault of a held-out type, a fault on a queue, or a shared topology; test has all of them.
/// No seed of one is a seed of another.
enum class data_split : std::uint8_t { train, validation, test };

const char* to_string(data_split split) noexcept;
/// Options of system number @p n of @p split. Length, interval and number of faults are the
/// caller's to set.
simulation_options split_system(data_split split, std::uint64_t n);

/// A simulated recording in its two halves, and what made it.
struct simulated_system {
  telemetry observed;  ///< edges are the true graph, runs_on included
  labels truth;
  std::string front;                 ///< the entity whose service level defines full_effect
  std::vector<fault_plan> injected;  ///< every target and time resolved, in order of onset
};

/// Simulates a small service system. The same options give the same bytes on every machine.
///
/// Model: a layered call graph under daily and weekly traffic with bursts; load flows down the
/// calls with retries and cache misses, latency follows utilisation (1 + r^3/(1-r)) and flows up
/// with a lag, errors and time-outs flow up past retries; hosts share processors among the nodes
/// that run on them. Faults change the model's causes, never a metric directly. The same system
/// without faults runs beside it under the same traffic: labels (entities affected, full_effect)
/// come from the difference, not from noise.
outcome<simulated_system> simulate(const simulation_options& o);

}  // namespace faultline
