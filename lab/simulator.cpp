// SPDX-License-Identifier: Apache-2.0
#include "lab/simulator.hpp"

#include <algorithm>
#include <cmath>

#include "lab/simulation_faults.hpp"
#include "lab/simulation_graph.hpp"
#include "lab/simulation_logs.hpp"
#include "lab/simulation_model.hpp"
#include "lab/simulation_observer.hpp"
#include "lab/simulation_traffic.hpp"

namespace faultline {

namespace {

constexpr double objective_latency = 2;    // times the usual latency of the moment
constexpr double objective_errors = 0.05;  // share of requests
constexpr int rows_to_be_affected = 3;
const std::string held_out_kind = "queue";  // of entities: nothing is trained on faults there

topology_style style_of(const simulation_options& o) {
  if (o.style) return *o.style;
  if (o.edition == 1) return topology_style::layered;
  const double u = random_source{o.seed, "style"}.uniform();
  return u < 0.25  ? topology_style::tree
         : u < 0.6 ? topology_style::layered
                   : topology_style::shared;
}

// Whether the difference between the system and its healthy twin can be noticed.
bool differs(const sim_state& is, const sim_state& usual, double memory_scale) {
  return is.p95_ms > 1.3 * usual.p95_ms || is.errors > usual.errors + 0.02 ||
         std::fabs(is.cpu - usual.cpu) > 0.1 || std::fabs(is.disk - usual.disk) > 0.1 ||
         std::fabs(is.fill - usual.fill) > 0.05 ||
         std::fabs(is.memory - usual.memory) > 0.1 * memory_scale ||
         is.in_flight > 2 * usual.in_flight + 1 ||
         std::fabs(is.requests - usual.requests) > 0.25 * usual.requests;
}

// What the truth says about one fault so far.
struct witness {
  std::optional<event_time> seen;      // first row in which anything differs
  std::vector<int> rows;               // per entity, in which it differs
  std::optional<event_time> violated;  // first violation of the objective at the gateway
};

class run {
public:
  run(const simulation_options& o, topology_style style, sim_graph graph,
      std::vector<sim_fault> faults, std::vector<sim_benign> benign)
      : options_{o},
        style_{style},
        graph_{std::move(graph)},
        faults_{std::move(faults)},
        benign_{std::move(benign)},
        interval_s_{static_cast<double>(o.interval.count())},
        system_{graph_, interval_s_},
        twin_{graph_, interval_s_},
        traffic_{o, graph_.usual_rps},
        observer_{o, graph_},
        narrator_{o, graph_},
        usual_(graph_.entities()),
        pressed_(graph_.entities()),
        silent_(graph_.entities()),
        witnesses_(faults_.size()) {
    for (auto& w : witnesses_) w.rows.assign(graph_.entities(), 0);
  }

  simulated_system go() {
    const std::int64_t rows = options_.duration / options_.interval;
    for (std::int64_t i = 0; i < rows; ++i) {
      const double t = static_cast<double>(i) * interval_s_;
      set_pressure(t);
      const double load = traffic_.next(t, benign_);
      system_.step(load, pressed_);
      if (!faults_.empty()) {
        twin_.step(load, usual_);
        for (std::size_t f = 0; f < faults_.size(); ++f) compare(f, t);
      }
      observer_.observe(time_at(t), system_, silent_);
      narrator_.tell(time_at(t), system_, pressed_, silent_);
    }
    return report();
  }

private:
  event_time time_at(double t) const {
    return options_.start + milliseconds{static_cast<std::int64_t>(t * 1000)};
  }

  void set_pressure(double t) {
    std::fill(usual_.begin(), usual_.end(), sim_pressure{});
    std::fill(silent_.begin(), silent_.end(), false);
    for (const auto& b : benign_) {
      press(b, t, usual_);
      if (b.what == sim_benign::kind::deploy && t >= b.from && t < b.from + 2 * interval_s_)
        silent_[b.entity] = true;
    }
    pressed_ = usual_;
    for (const auto& f : faults_) press(f, t, pressed_);
  }

  void compare(std::size_t f, double t) {
    const double since = t - static_cast<double>(faults_[f].plan.onset.count());
    if (since < 0 || since > static_cast<double>(faults_[f].plan.duration.count())) return;
    witness& w = witnesses_[f];
    for (std::size_t e = 0; e < w.rows.size(); ++e) {
      const double scale = twin_.states()[e].memory;
      if (!differs(system_.states()[e], twin_.states()[e], scale)) continue;
      ++w.rows[e];
      if (!w.seen) w.seen = time_at(t);
    }
    const sim_state& front = system_.states()[0];
    const bool broken = front.p95_ms > objective_latency * twin_.states()[0].p95_ms ||
                        front.errors > objective_errors;
    if (broken && !w.violated) w.violated = time_at(t);
  }

  fault_label label(std::size_t f) const {
    const auto& plan = faults_[f].plan;
    fault_label out;
    out.id = "f" + std::to_string(f + 1);
    out.start = options_.start + plan.onset;
    out.end = out.start + plan.duration;
    out.roots = {plan.target};
    out.root_metric = measured_root_metric(f);
    out.type = to_string(plan.type);
    out.detail = to_string(plan.shape);
    for (std::size_t e = 0; e < graph_.entities(); ++e)
      if (e == faults_[f].entity || witnesses_[f].rows[e] >= rows_to_be_affected)
        out.entities.push_back(graph_.id(e));
    const event_time whole = out.start + plan.ramp;
    out.full_effect = std::min(whole, witnesses_[f].violated.value_or(whole));
    out.form = to_string(plan.shape);
    out.ramp_end = whole;
    out.impact = witnesses_[f].violated.has_value();
    out.visible = std::any_of(witnesses_[f].rows.begin(), witnesses_[f].rows.end(),
                              [](int rows) { return rows >= rows_to_be_affected; });
    if (*out.visible) out.visible_from = witnesses_[f].seen;
    if (options_.edition > 1) out.unseen = unseen_of(f);
    return out;
  }

  // Where an agent tells something else, the same in its words; empty where it is not measured.
  std::string measured_root_metric(std::size_t f) const {
    const std::size_t entity = faults_[f].entity;
    std::string name = root_metric(faults_[f].plan.type, graph_, entity);
    const entity_series& series = observer_.series(entity);
    if (series.column(name)) return name;
    name = name.substr(0, name.find('.')) + "_total";
    return series.column(name) ? name : std::string{};
  }

  std::vector<std::string> unseen_of(std::size_t f) const {
    std::vector<std::string> out;
    const auto& plan = faults_[f].plan;
    if (is_held_out(plan.type)) out.push_back("type");
    if (plan.target.rfind(held_out_kind + "/", 0) == 0) out.push_back("class");
    if (style_ == topology_style::shared) out.push_back("topology");
    return out;
  }

  void report_changes(simulated_system& out) const {
    for (const auto& f : faults_) {
      const bool deploy = f.plan.type == fault_type::bad_deploy;
      if (!deploy && f.plan.type != fault_type::bad_configuration) continue;
      out.observed.changes.push_back({options_.start + f.plan.onset, f.plan.target,
                                      deploy ? change_kind::deploy : change_kind::config,
                                      deploy ? "new version rolled out" : "settings changed"});
    }
    std::stable_sort(out.observed.changes.begin(), out.observed.changes.end(),
                     [](const change_row& a, const change_row& b) { return a.ts < b.ts; });
  }

  void report_benign(simulated_system& out) const {
    for (const auto& b : benign_) {
      const bool everyone = b.what == sim_benign::kind::load_peak;
      std::vector<std::string> who;
      if (!everyone) who.push_back(graph_.id(b.entity));
      out.truth.benign.push_back({to_string(b.what), time_at(b.from), time_at(b.to), who});
      if (b.what == sim_benign::kind::deploy)
        out.observed.changes.push_back(
            {time_at(b.from), graph_.id(b.entity), change_kind::deploy, "new version rolled out"});
    }
  }

  simulated_system report() {
    simulated_system out;
    telemetry& t = out.observed;
    t.name = options_.name.empty() ? "simulated/" + std::to_string(options_.seed) : options_.name;
    t.source = "faultline simulate, seed " + std::to_string(options_.seed);
    t.licence = "Apache-2.0";
    t.interval_s = interval_s_;
    t.edges = graph_.dependencies();
    t.train_until =
        time_at(std::floor(static_cast<double>(options_.duration.count()) * options_.train_share));
    out.front = graph_.id(0);
    out.truth.early_s = 0;
    for (std::size_t f = 0; f < faults_.size(); ++f) {
      out.truth.faults.push_back(label(f));
      out.injected.push_back(faults_[f].plan);
    }
    report_benign(out);
    report_changes(out);
    t.entities = observer_.take();
    t.logs = narrator_.take_logs();
    t.spans = narrator_.take_spans();
    return out;
  }

  const simulation_options& options_;
  topology_style style_;
  sim_graph graph_;
  std::vector<sim_fault> faults_;
  std::vector<sim_benign> benign_;
  double interval_s_;
  sim_model system_;
  sim_model twin_;  // the same without faults
  sim_traffic traffic_;
  sim_observer observer_;
  sim_narrator narrator_;
  std::vector<sim_pressure> usual_;
  std::vector<sim_pressure> pressed_;
  std::vector<bool> silent_;
  std::vector<witness> witnesses_;
};

double usual_latency(const sim_graph& graph) {
  sim_model model{graph, 60};
  const std::vector<sim_pressure> rest(graph.entities());
  for (int i = 0; i < 50; ++i) model.step(graph.usual_rps, rest);
  return model.states()[0].p95_ms;
}

std::optional<failure> check_plan(const fault_plan& f, const simulation_options& o) {
  auto bad = [](std::string why) { return failure{ec::invalid, std::move(why)}; };
  if (f.onset < seconds{0} || f.ramp < seconds{0} || f.duration <= seconds{0})
    return bad("onset and ramp of a fault must not be negative, its duration must be positive");
  if (f.shape != fault_shape::abrupt && f.ramp > f.duration)
    return bad("a fault's ramp is longer than the fault");
  if (f.onset + f.duration > o.duration) return bad("a fault ends after the recording");
  if (!(f.severity > 0 && f.severity <= 1)) return bad("severity must be in (0, 1]");
  return std::nullopt;
}

}  // namespace

std::optional<failure> validate(const simulation_options& o) {
  auto bad = [](std::string why) { return failure{ec::invalid, std::move(why)}; };
  if (o.edition != 1 && o.edition != 2) return bad("edition must be 1 or 2");
  if (o.edition == 1 && (o.services < 5 || o.services > 50))
    return bad("services must be 5 .. 50 (edition 2: 500)");
  if (o.services < 5 || o.services > 500) return bad("services must be 5 .. 500");
  if (!(o.log_lines_per_hour >= 0 && o.log_lines_per_hour <= 3600))
    return bad("log_lines_per_hour must be 0 .. 3600");
  if (!(o.traces_per_minute >= 0 && o.traces_per_minute <= 600))
    return bad("traces_per_minute must be 0 .. 600");
  if (o.operations < 1 || o.operations > 8) return bad("operations must be 1 .. 8");
  if (o.interval < seconds{1} || o.interval > seconds{3600})
    return bad("interval must be 1 s .. 1 h");
  if (o.duration < 20 * o.interval) return bad("duration must be at least 20 intervals");
  const auto rows = static_cast<double>(o.duration / o.interval);
  if (rows * static_cast<double>(o.services) > 2e8) return bad("more rows than memory can hold");
  if (!(o.train_share >= 0 && o.train_share < 1)) return bad("train_share must be in [0, 1)");
  if (!(o.edge_metric_share >= 0 && o.edge_metric_share <= 1))
    return bad("edge_metric_share must be in [0, 1]");
  if (!(o.missing_share >= 0 && o.missing_share < 1)) return bad("missing_share must be in [0, 1)");
  if (o.quiet) return std::nullopt;
  for (const auto& f : o.faults)
    if (auto why = check_plan(f, o)) return why;
  if (!o.faults.empty()) return std::nullopt;
  const double slot = static_cast<double>(o.duration.count()) * (1 - o.train_share) /
                      static_cast<double>(std::max<std::size_t>(1, o.random_faults));
  if (o.random_faults > 0 && slot < 10 * static_cast<double>(o.interval.count()))
    return bad("more random faults than the time after train_until can hold");
  return std::nullopt;
}

const char* to_string(topology_style style) noexcept {
  switch (style) {
    case topology_style::layered:
      return "layered";
    case topology_style::tree:
      return "tree";
    case topology_style::shared:
      return "shared";
  }
  return "unknown";
}

const char* to_string(data_split split) noexcept {
  switch (split) {
    case data_split::train:
      return "train";
    case data_split::validation:
      return "validation";
    case data_split::test:
      return "test";
  }
  return "unknown";
}

simulation_options split_system(data_split split, std::uint64_t n) {
  constexpr std::uint64_t apart = 1'000'000'000;
  simulation_options o;
  o.edition = 2;
  o.seed = (static_cast<std::uint64_t>(split) + 1) * apart + n % apart;
  random_source rng{o.seed, "system of a split"};
  o.services = 12 + rng.below(14);
  if (split == data_split::test) return o;
  for (const fault_type type : every_fault_type())
    if (!is_held_out(type)) o.types.push_back(type);
  o.spared_kinds = {held_out_kind};
  o.style = rng.chance(0.4) ? topology_style::tree : topology_style::layered;
  return o;
}

outcome<simulated_system> simulate(const simulation_options& o) {
  if (auto why = validate(o)) return *why;
  const topology_style style = style_of(o);
  sim_graph graph = make_graph(o.seed, o.services, style, o.edition > 1);
  size_limits(graph);
  auto faults = plan_faults(o, graph, usual_latency(graph));
  if (!faults) return faults.error();
  auto benign = plan_benign(o, graph, *faults);
  return run{o, style, std::move(graph), std::move(*faults), std::move(benign)}.go();
}

}  // namespace faultline
