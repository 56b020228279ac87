// SPDX-License-Identifier: Apache-2.0
#include "lab/simulation_faults.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "lab/internal/fault_ramp.hpp"
#include "lab/rng.hpp"

namespace faultline {

namespace {

// What faults of edition 1 are drawn from.
constexpr std::array first_types{fault_type::cpu_hog,     fault_type::memory_leak,
                                 fault_type::disk_fill,   fault_type::network_delay,
                                 fault_type::error_burst, fault_type::dependency_outage};
constexpr std::array all_shapes{fault_shape::abrupt, fault_shape::linear, fault_shape::exponential,
                                fault_shape::intermittent};

double seconds_of(seconds s) { return static_cast<double>(s.count()); }

bool is_store(node_kind kind) {
  return kind == node_kind::db || kind == node_kind::cache || kind == node_kind::queue;
}

// Whether a drawn fault may choose it: often enough called that somebody would notice.
bool worth_drawing(fault_type type, const sim_graph& graph, std::size_t entity, double visits) {
  if (!can_break(type, graph, entity) || entity == 0) return false;
  if (entity >= graph.nodes.size()) {
    const std::size_t host = entity - graph.nodes.size();
    return std::any_of(graph.nodes.begin() + 1, graph.nodes.end(), [&](const sim_node& n) {
      return n.host == host && n.kind == node_kind::service;
    });
  }
  const node_kind kind = graph.nodes[entity].kind;
  if (kind == node_kind::cache) return false;  // callers do without
  if (type == fault_type::dependency_outage && !is_store(kind)) return false;
  if (type == fault_type::memory_leak && is_store(kind)) return false;
  return graph.visits(entity) >= visits;
}

std::vector<std::size_t> targets(const simulation_options& o, fault_type type,
                                 const sim_graph& graph) {
  const double visits = o.edition == 1 ? 0.2 : 0.03;
  std::vector<std::size_t> out;
  for (std::size_t e = 0; e < graph.entities(); ++e)
    if (worth_drawing(type, graph, e, visits)) out.push_back(e);
  if (out.empty())  // small graphs: whatever it can break
    for (std::size_t e = 1; e < graph.entities(); ++e)
      if (can_break(type, graph, e)) out.push_back(e);
  return out;
}

std::string kind_of(const std::string& id) { return id.substr(0, id.find('/')); }

// Without the kinds that are to be left alone, as long as something remains.
std::vector<std::size_t> without(const std::vector<std::string>& spared,
                                 const std::vector<std::size_t>& from, const sim_graph& graph) {
  std::vector<std::size_t> out;
  for (const std::size_t e : from)
    if (std::find(spared.begin(), spared.end(), kind_of(graph.id(e))) == spared.end())
      out.push_back(e);
  return out.empty() ? from : out;
}

fault_shape draw_shape(random_source& rng) {
  const double u = rng.uniform();
  if (u < 0.45) return fault_shape::linear;
  if (u < 0.65) return fault_shape::exponential;
  return u < 0.9 ? fault_shape::abrupt : fault_shape::intermittent;
}

// The i-th of the drawn faults, within its own slot of the time after train_until.
fault_plan draw(const simulation_options& o, const sim_graph& graph, std::size_t i,
                random_source& rng) {
  const double total = seconds_of(o.duration);
  const double slot = total * (1 - o.train_share) / static_cast<double>(o.random_faults);
  const double begin = total * o.train_share + slot * static_cast<double>(i);
  fault_plan plan;
  if (o.types.empty() && o.edition == 1) {
    plan.type = first_types[rng.below(first_types.size())];
  } else {
    const auto& from = o.types.empty() ? every_fault_type() : o.types;
    plan.type = from[rng.below(from.size())];
  }
  plan.shape = draw_shape(rng);
  if (o.only_type) plan.type = *o.only_type;
  if (o.only_shape) plan.shape = *o.only_shape;
  const auto possible = without(o.spared_kinds, targets(o, plan.type, graph), graph);
  plan.target = graph.id(possible[rng.below(possible.size())]);
  const double onset = begin + slot * rng.uniform(0.1, 0.3);
  const double longest = slot * 0.6;
  double ramp = std::min(rng.uniform(20, 45) * 60, longest * 0.75);
  const double whole = std::min(rng.uniform(8, 15) * 60, longest * 0.25);
  if (plan.shape == fault_shape::abrupt) ramp = 0;
  plan.onset = seconds{static_cast<std::int64_t>(onset)};
  plan.ramp = seconds{static_cast<std::int64_t>(ramp)};
  plan.duration = plan.ramp + seconds{static_cast<std::int64_t>(whole)};
  const bool fills = plan.type == fault_type::memory_leak || plan.type == fault_type::disk_fill;
  plan.severity = rng.uniform(fills ? 0.92 : 0.85, 1);
  return plan;
}

// As draw(), with ramps from ten minutes to two days, as far as the slot goes, and every severity.
fault_plan draw_rich(const simulation_options& o, const sim_graph& graph, std::size_t i,
                     random_source& rng) {
  fault_plan plan = draw(o, graph, i, rng);
  const double slot =
      seconds_of(o.duration) * (1 - o.train_share) / static_cast<double>(o.random_faults);
  const double ramp = portable_exp(rng.uniform(portable_log(600), portable_log(48 * 3600)));
  const double whole = std::min(rng.uniform(15, 60) * 60, slot * 0.15);
  if (plan.shape != fault_shape::abrupt)
    plan.ramp = seconds{static_cast<std::int64_t>(std::min(ramp, slot * 0.5))};
  plan.duration = plan.ramp + seconds{static_cast<std::int64_t>(whole)};
  plan.severity = rng.chance(1.0 / 7) ? rng.uniform(0.02, 0.12) : rng.uniform(0.35, 1);
  return plan;
}

// On for 40 to 100 s and off for less and less, so that the end of the ramp is mostly on. @p slow
// stretches both.
void draw_bursts(sim_fault& f, double slow, random_source& rng) {
  const double end = seconds_of(f.plan.duration);
  const double ramp = std::max(1.0, seconds_of(f.plan.ramp));
  for (double at = 0; at < end;) {
    const double stop = at + slow * rng.uniform(40, 100);
    f.bursts.push_back({at, std::min(stop, end)});
    const double done = std::min(1.0, at / ramp);
    at = stop + slow * rng.uniform(1, 1.5) * (240 - 200 * done);
  }
}

// Full strength adds severity x 1.6 of the gateway's usual latency to a request at the gateway.
double delay_for(const sim_graph& graph, std::size_t node, double usual_p95_ms) {
  double packets = 1;
  for (const auto& e : graph.edges)
    if (e.from == node) packets += e.calls;
  const double share = std::max(0.2, node == 0 ? packets - 1 : graph.visits(node) * packets);
  return std::min(5000.0, 1.6 * usual_p95_ms / share);
}

// Bursts of edition 2 last some rows, whatever the interval is.
double slowness(const simulation_options& o) {
  return o.edition == 1 ? 1 : std::max(1.0, seconds_of(o.interval) / 15);
}

outcome<sim_fault> resolve(const simulation_options& o, fault_plan plan, const sim_graph& graph,
                           double usual_p95_ms, random_source& rng) {
  sim_fault f;
  if (plan.target.empty()) {
    const auto possible = targets(o, plan.type, graph);
    plan.target = graph.id(possible[rng.below(possible.size())]);
  }
  while (f.entity < graph.entities() && graph.id(f.entity) != plan.target) ++f.entity;
  if (f.entity == graph.entities())
    return failure{ec::invalid, "no entity '" + plan.target + "' in the simulated system"};
  if (!can_break(plan.type, graph, f.entity))
    return failure{ec::invalid, std::string{to_string(plan.type)} + " cannot break " + plan.target};
  if (plan.shape == fault_shape::abrupt) plan.ramp = seconds{0};
  if (plan.type == fault_type::network_delay || plan.type == fault_type::packet_loss)
    f.delay_ms = delay_for(graph, f.entity, usual_p95_ms);
  f.plan = std::move(plan);
  if (f.plan.shape == fault_shape::intermittent) draw_bursts(f, slowness(o), rng);
  return f;
}

// The types that came with edition 2.
void press_more(const sim_fault& f, double g, sim_pressure& p) noexcept {
  switch (f.plan.type) {
    case fault_type::io_stall:
      p.disk_add += 0.95 * g;
      break;
    case fault_type::packet_loss:
      p.loss += 0.8 * g;
      p.delay_ms += 0.5 * f.delay_ms * g;
      break;
    case fault_type::pool_exhaustion:
      p.pool_taken += g;
      break;
    case fault_type::lock_convoy:
      p.latency_factor *= 1 + 9 * g * g;
      p.slow += 0.7 * g * g;
      p.cpu_add -= 0.1 * g;
      break;
    case fault_type::bad_deploy:
      p.cpu_add += 0.25 * g;
      p.latency_factor *= 1 + 4 * g;
      p.own_error += 0.25 * g;
      p.leak += 0.2 * g;
      break;
    case fault_type::bad_configuration:
      p.latency_factor *= 1 + 5 * g;
      p.pool_taken += 0.7 * g;
      p.network_factor *= 1 + 0.6 * g;
      p.own_error += 0.1 * g;
      break;
    case fault_type::noisy_neighbour:
      p.cpu_hog += 0.85 * g;
      p.disk_add += 0.4 * g;
      break;
    case fault_type::dns:
      p.dns += g;
      break;
    default:
      break;
  }
}

double shape_at(const sim_fault& f, double t) noexcept {
  const double ramp = seconds_of(f.plan.ramp);
  const double x = ramp > 0 ? std::min(1.0, t / ramp) : 1;
  if (const auto risen = ramp_at(f.plan.shape, x)) return *risen;
  if (f.plan.type == fault_type::memory_leak || f.plan.type == fault_type::disk_fill)
    return std::floor(x * 6) / 6;
  for (const auto& b : f.bursts)
    if (t >= b.from && t < b.to) return 1;
  return 0;
}

}  // namespace

const char* to_string(fault_shape shape) noexcept {
  switch (shape) {
    case fault_shape::abrupt:
      return "abrupt";
    case fault_shape::linear:
      return "linear";
    case fault_shape::exponential:
      return "exponential";
    case fault_shape::intermittent:
      return "intermittent";
  }
  return "unknown";
}

std::optional<fault_shape> fault_shape_of(std::string_view name) noexcept {
  for (const auto shape : all_shapes)
    if (name == to_string(shape)) return shape;
  return std::nullopt;
}

outcome<std::vector<sim_fault>> plan_faults(const simulation_options& o, const sim_graph& graph,
                                            double usual_p95_ms) {
  std::vector<sim_fault> out;
  if (o.quiet) return out;
  random_source rng{o.seed, "faults"};
  std::vector<fault_plan> plans = o.faults;
  if (plans.empty())
    for (std::size_t i = 0; i < o.random_faults; ++i)
      plans.push_back(o.edition == 1 ? draw(o, graph, i, rng) : draw_rich(o, graph, i, rng));
  for (auto& plan : plans) {
    auto f = resolve(o, std::move(plan), graph, usual_p95_ms, rng);
    if (!f) return f.error();
    out.push_back(std::move(*f));
  }
  std::stable_sort(out.begin(), out.end(), [](const sim_fault& a, const sim_fault& b) {
    return a.plan.onset < b.plan.onset;
  });
  return out;
}

double strength(const sim_fault& f, double t) noexcept {
  const double since = t - seconds_of(f.plan.onset);
  if (since <= 0 || since > seconds_of(f.plan.duration)) return 0;
  return f.plan.severity * shape_at(f, since);
}

void press(const sim_fault& f, double t, std::vector<sim_pressure>& pressure) noexcept {
  const double g = strength(f, t);
  if (g <= 0) return;
  sim_pressure& p = pressure[f.entity];
  switch (f.plan.type) {
    case fault_type::cpu_hog:
      p.cpu_hog += 0.93 * g;
      break;
    case fault_type::memory_leak:
      p.leak += g;
      break;
    case fault_type::disk_fill:
      p.fill += g;
      break;
    case fault_type::network_delay:
      p.delay_ms += f.delay_ms * g;
      p.loss += 0.35 * g;
      break;
    case fault_type::error_burst:
      p.own_error += 0.6 * g * g;
      break;
    case fault_type::dependency_outage:
      p.slow += std::min(0.9, 1.6 * g);
      p.outage += std::clamp((g - 0.5) * 2, 0.0, 1.0);
      break;
    default:
      press_more(f, g, p);
  }
}

}  // namespace faultline
