// SPDX-License-Identifier: Apache-2.0
#include "judgement/fault_kind.hpp"

#include <algorithm>
#include <cmath>

#include "judgement/root_cause.hpp"

namespace faultline {
namespace {

/// What an entity shows is told by the role of its metrics, and by what lies between the ends of
/// its calls, which stand behind the roles.
constexpr metric_role calls_late{8}, calls_fail{9};
static_assert(static_cast<int>(metric_role::latency) < static_cast<int>(calls_late));

/// A sign that a fault of a class brings with it beside its own, and the chance that it does.
/// Guesses by what such faults do, the same for every system (docs/decisions/0048).
struct consequence {
  fault_class of;
  metric_role shows;
  double chance;
};
using k = fault_class;
using role = metric_role;
constexpr consequence consequences[] = {
    {k::cpu, role::latency, 0.6},
    {k::cpu, calls_late, 0.6},
    {k::cpu, role::errors, 0.3},
    {k::cpu, role::saturation, 0.3},
    {k::cpu, calls_fail, 0.2},
    {k::cpu, role::memory, 0.2},
    {k::cpu, role::network, 0.2},
    {k::cpu, role::traffic, 0.2},
    {k::memory_leak, role::latency, 0.4},
    {k::memory_leak, calls_late, 0.4},
    {k::memory_leak, role::errors, 0.4},
    {k::memory_leak, role::cpu, 0.3},  // collecting garbage
    {k::memory_leak, role::saturation, 0.3},
    {k::memory_leak, calls_fail, 0.2},
    {k::memory_leak, role::disk, 0.2},  // paging
    {k::memory_leak, role::traffic, 0.1},
    {k::disk, role::latency, 0.6},
    {k::disk, role::errors, 0.5},
    {k::disk, calls_late, 0.5},
    {k::disk, role::saturation, 0.4},
    {k::disk, calls_fail, 0.3},
    {k::disk, role::cpu, 0.2},
    {k::network_delay, role::latency, 0.6},
    {k::network_delay, role::saturation, 0.5},
    {k::network_delay, role::errors, 0.4},
    {k::network_delay, calls_fail, 0.3},
    {k::network_delay, role::network, 0.3},
    {k::network_delay, role::traffic, 0.3},
    {k::packet_loss, calls_late, 0.6},
    {k::packet_loss, role::latency, 0.5},
    {k::packet_loss, role::errors, 0.4},
    {k::packet_loss, role::saturation, 0.4},
    {k::packet_loss, role::traffic, 0.2},
    {k::error_burst, calls_fail, 0.6},
    {k::error_burst, role::latency, 0.2},
    {k::error_burst, role::saturation, 0.1},
    {k::error_burst, role::traffic, 0.1},
    {k::dependency, role::errors, 0.6},
    {k::dependency, calls_fail, 0.6},
    {k::dependency, calls_late, 0.5},
    {k::dependency, role::traffic, 0.5},
    {k::change, role::errors, 0.5},
    {k::change, role::latency, 0.5},
    {k::change, role::cpu, 0.4},
    {k::change, calls_late, 0.4},
    {k::change, calls_fail, 0.4},
    {k::change, role::memory, 0.3},
    {k::change, role::network, 0.3},
    {k::change, role::saturation, 0.3},
    {k::change, role::traffic, 0.3},
    {k::change, role::disk, 0.2},
    {k::load, role::cpu, 0.7},
    {k::load, role::network, 0.6},
    {k::load, role::saturation, 0.5},
    {k::load, role::latency, 0.5},
    {k::load, calls_late, 0.5},
    {k::load, role::memory, 0.3},
    {k::load, role::disk, 0.3},
    {k::load, role::errors, 0.3},
    {k::load, calls_fail, 0.2},
};

/// Chance that a sign shows without this fault.
constexpr double by_chance = 0.05;

constexpr std::size_t place(fault_class c) { return static_cast<std::size_t>(c); }

/// Log likelihood ratio of a sign; nothing where it is not measured.
double ratio_of(metric_role s, const node_evidence& of, const cause_terms& terms) {
  if (s == calls_late) return terms.by_class[place(fault_class::network_delay)];
  if (s == calls_fail) return terms.by_class[place(fault_class::packet_loss)];
  const auto n = static_cast<std::size_t>(s);
  return of.has_role[n] ? of.by_role[n] : 0;
}

/// What it is worth that a fault brings a sign with this ratio: a sign that does not show speaks
/// against no fault, as many show in one way only.
double explained(double ratio, double chance) {
  const double e = std::exp(ratio);
  return std::max(0.0, std::log((chance * e + 1 - chance) / (by_chance * e + 1 - by_chance)));
}

}  // namespace

std::optional<fault_class> kind_of_fault(const node_evidence& of, const cause_terms& terms,
                                         const ranker_scores* scores, std::size_t r,
                                         double ranker_weight) {
  auto worth = terms.by_class;
  for (const consequence& c : consequences)
    worth[place(c.of)] += explained(ratio_of(c.shows, of, terms), c.chance);
  if (scores != nullptr && r < scores->class_logit.size()) {
    for (std::size_t n = 0; n < worth.size(); ++n)
      worth[n] += ranker_weight * static_cast<double>(scores->class_logit[r][n]);
  }
  for (std::size_t n = 0; n < worth.size(); ++n)
    if (terms.by_class[n] <= 0) worth[n] = -HUGE_VAL;
  if (!terms.change_index) worth[place(fault_class::change)] = -HUGE_VAL;
  const auto best = std::max_element(worth.begin(), worth.end());
  if (*best == -HUGE_VAL) return std::nullopt;
  return static_cast<fault_class>(best - worth.begin());
}

}  // namespace faultline
