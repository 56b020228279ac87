// SPDX-License-Identifier: Apache-2.0
#include "judgement/fault_kind.hpp"

#include <algorithm>
#include <cmath>

#include "judgement/root_cause.hpp"

namespace faultline {
namespace {

/// What an entity shows: a role of its metrics, or what lies between the ends of its calls.
enum class sign : std::uint8_t {
  cpu,
  memory,
  disk,
  network,
  saturation,
  traffic,
  errors,
  latency,
  calls_late,
  calls_fail
};

static_assert(static_cast<int>(sign::cpu) == static_cast<int>(metric_role::cpu) &&
              static_cast<int>(sign::latency) == static_cast<int>(metric_role::latency));

/// A sign that a fault of a class brings with it beside its own, and the chance that it does.
/// Guesses by what such faults do, the same for every system (docs/decisions/0048).
struct consequence {
  fault_class of;
  sign shows;
  double chance;
};
using k = fault_class;
constexpr consequence consequences[] = {
    {k::cpu, sign::latency, 0.6},
    {k::cpu, sign::calls_late, 0.6},
    {k::cpu, sign::errors, 0.3},
    {k::cpu, sign::saturation, 0.3},
    {k::cpu, sign::calls_fail, 0.2},
    {k::cpu, sign::memory, 0.2},
    {k::cpu, sign::network, 0.2},
    {k::cpu, sign::traffic, 0.2},
    {k::memory_leak, sign::latency, 0.4},
    {k::memory_leak, sign::calls_late, 0.4},
    {k::memory_leak, sign::errors, 0.4},
    {k::memory_leak, sign::cpu, 0.3},  // collecting garbage
    {k::memory_leak, sign::saturation, 0.3},
    {k::memory_leak, sign::calls_fail, 0.2},
    {k::memory_leak, sign::disk, 0.2},  // paging
    {k::memory_leak, sign::traffic, 0.1},
    {k::disk, sign::latency, 0.6},
    {k::disk, sign::errors, 0.5},
    {k::disk, sign::calls_late, 0.5},
    {k::disk, sign::saturation, 0.4},
    {k::disk, sign::calls_fail, 0.3},
    {k::disk, sign::cpu, 0.2},
    {k::network_delay, sign::latency, 0.6},
    {k::network_delay, sign::saturation, 0.5},
    {k::network_delay, sign::errors, 0.4},
    {k::network_delay, sign::calls_fail, 0.3},
    {k::network_delay, sign::network, 0.3},
    {k::network_delay, sign::traffic, 0.3},
    {k::packet_loss, sign::calls_late, 0.6},
    {k::packet_loss, sign::latency, 0.5},
    {k::packet_loss, sign::errors, 0.4},
    {k::packet_loss, sign::saturation, 0.4},
    {k::packet_loss, sign::traffic, 0.2},
    {k::error_burst, sign::calls_fail, 0.6},
    {k::error_burst, sign::latency, 0.2},
    {k::error_burst, sign::saturation, 0.1},
    {k::error_burst, sign::traffic, 0.1},
    {k::dependency, sign::errors, 0.6},
    {k::dependency, sign::calls_fail, 0.6},
    {k::dependency, sign::calls_late, 0.5},
    {k::dependency, sign::traffic, 0.5},
    {k::change, sign::errors, 0.5},
    {k::change, sign::latency, 0.5},
    {k::change, sign::cpu, 0.4},
    {k::change, sign::calls_late, 0.4},
    {k::change, sign::calls_fail, 0.4},
    {k::change, sign::memory, 0.3},
    {k::change, sign::network, 0.3},
    {k::change, sign::saturation, 0.3},
    {k::change, sign::traffic, 0.3},
    {k::change, sign::disk, 0.2},
    {k::load, sign::cpu, 0.7},
    {k::load, sign::network, 0.6},
    {k::load, sign::saturation, 0.5},
    {k::load, sign::latency, 0.5},
    {k::load, sign::calls_late, 0.5},
    {k::load, sign::memory, 0.3},
    {k::load, sign::disk, 0.3},
    {k::load, sign::errors, 0.3},
    {k::load, sign::calls_fail, 0.2},
};

/// Chance that a sign shows without this fault.
constexpr double by_chance = 0.05;

constexpr std::size_t place(fault_class c) { return static_cast<std::size_t>(c); }

/// Log likelihood ratio of a sign; nothing where it is not measured.
double ratio_of(sign s, const node_evidence& of, const cause_terms& terms) {
  if (s == sign::calls_late) return terms.by_class[place(fault_class::network_delay)];
  if (s == sign::calls_fail) return terms.by_class[place(fault_class::packet_loss)];
  const auto role = static_cast<std::size_t>(s);
  return of.has_role[role] ? of.by_role[role] : 0;
}

/// What it is worth that a fault brings a sign with this ratio: a sign that does not show speaks
/// against no fault, as many show in one way only.
double explained(double ratio, double chance) {
  const double e = std::exp(ratio);
  return std::max(0.0, std::log((chance * e + 1 - chance) / (by_chance * e + 1 - by_chance)));
}

}  // namespace

fault_class kind_of_fault(const node_evidence& of, const cause_terms& terms,
                          const ranker_scores* scores, std::size_t r, double ranker_weight) {
  auto worth = terms.by_class;
  for (const consequence& c : consequences)
    worth[place(c.of)] += explained(ratio_of(c.shows, of, terms), c.chance);
  if (scores != nullptr && r < scores->class_logit.size()) {
    for (std::size_t n = 0; n < worth.size(); ++n)
      worth[n] += ranker_weight * static_cast<double>(scores->class_logit[r][n]);
  }
  if (!terms.change_index) worth[place(fault_class::change)] = -HUGE_VAL;
  return static_cast<fault_class>(std::max_element(worth.begin(), worth.end()) - worth.begin());
}

}  // namespace faultline
