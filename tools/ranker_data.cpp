// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "judgement/rca_features.hpp"
#include "judgement/runner.hpp"
#include "lab/evaluation_events.hpp"
#include "lab/rng.hpp"
#include "tools/training_data.hpp"

namespace faultline {

namespace {

/// When the ranker is asked, and what the incident's onset looks like then.
struct asked_moment {
  event_time as_of{};
  event_time onset{};       ///< where no alert has been told since the fault began
  event_time not_before{};  ///< alerts before this belong to something else
};

/// While the fault grows, at its full effect, and some minutes later.
std::vector<asked_moment> fault_moments(const fault_label& fault, random_source& rng) {
  const event_time effect = fault.full_effect.value_or(fault.start);
  const auto minutes = [&](double low, double high) {
    return milliseconds{static_cast<std::int64_t>(rng.uniform(low, high) * 60'000)};
  };
  std::vector<event_time> at;
  if (effect - fault.start > milliseconds{6 * 60'000})
    at.push_back(fault.start +
                 milliseconds{static_cast<std::int64_t>(
                     static_cast<double>((effect - fault.start).count()) * rng.uniform(0.5, 0.9))});
  at.push_back(effect + minutes(1, 3));
  at.push_back(effect + minutes(4, 10));
  std::vector<asked_moment> moments;
  for (const event_time ts : at) {
    const event_time as_of = std::min(ts, fault.end);
    if (as_of <= fault.start) continue;
    // Our own onsets come late and are not exact.
    const auto late = std::min<milliseconds>(minutes(0, 5), (as_of - fault.start) / 2);
    moments.push_back({as_of, fault.start + late, fault.start});
  }
  return moments;
}

std::vector<asked_moment> quiet_moments(const telemetry& t, random_source& rng) {
  const event_time last =
      t.train_until + std::max(milliseconds{30 * 60'000},
                               milliseconds{static_cast<std::int64_t>(t.interval_s * 60'000)});
  std::vector<asked_moment> moments;
  for (int i = 0; i < 2; ++i) {
    const event_time as_of =
        t.train_until + milliseconds{static_cast<std::int64_t>(
                            rng.uniform() * static_cast<double>((last - t.train_until).count()))};
    const milliseconds before{static_cast<std::int64_t>(rng.uniform(1, 10) * 60'000)};
    moments.push_back({as_of, as_of - before, as_of});
  }
  std::sort(moments.begin(), moments.end(),
            [](const asked_moment& a, const asked_moment& b) { return a.as_of < b.as_of; });
  return moments;
}

/// The judgement over one system, stopped to be asked.
class questioned_system {
public:
  explicit questioned_system(const simulated_system& system)
      : t_{system.observed}, runner_{options(system.observed), nullptr, nullptr} {
    runner_.on_feed = [this](const feed_event& said) {
      if (said.what == feed_event::kind::alert && said.alert.state == alert_state::firing)
        alerts_.insert_or_assign(said.alert.id, said.alert);
    };
  }

  void run(const std::vector<asked_moment>& moments,
           const std::function<void(const rca_question&)>& ask) {
    runner_.set_alerting(false);
    evaluation_events events{t_};
    std::size_t next = 0;
    bool alerting = false;
    const event_view* event = events.next();
    while (event != nullptr && next < moments.size()) {
      if (event->ts > moments[next].as_of) {
        runner_.advance_to(moments[next].as_of);
        ask(question(moments[next++]));
        continue;
      }
      if (!alerting && event->ts >= t_.train_until) {
        runner_.set_alerting(true);
        alerting = true;
      }
      runner_.take(*event);
      event = events.next();
    }
  }

private:
  static runner_options options(const telemetry& t) {
    auto rules = std::make_shared<judgement_rules>();
    rules->processing.accept_past = true;
    rules->processing.tick = std::min(rules->processing.tick,
                                      milliseconds{static_cast<std::int64_t>(t.interval_s * 1000)});
    runner_options o;
    o.rules = std::move(rules);
    // The judgement's own answers are not looked at: let them be cheap.
    o.root_cause.hops = 0;
    o.correlation.hops = 0;
    return o;
  }

  rca_question question(const asked_moment& moment) const {
    rca_question q;
    q.incident = "training";
    q.as_of = moment.as_of;
    q.onset = moment.onset;
    std::map<std::string, std::vector<alert>> firing;
    for (const auto& [id, a] : alerts_) {
      if (a.started < moment.not_before || a.started > moment.as_of) continue;
      q.onset = firing.empty() ? a.started : std::min(q.onset, a.started);
      firing[a.entity].push_back(a);
    }
    for (const auto& series : t_.entities) {
      rca_node node;
      node.entity = series.id;
      node.window = runner_.window_of(series.id, moment.as_of);
      if (const auto at = firing.find(series.id); at != firing.end()) node.alerts = at->second;
      q.nodes.push_back(std::move(node));
    }
    for (const auto& edge : t_.edges) q.edges.push_back({edge.from, edge.to, edge.kind});
    return q;
  }

  const telemetry& t_;
  runner runner_;
  std::map<std::string, alert> alerts_;
};

/// The same system with poorer instruments: some kinds of metrics are measured nowhere, some
/// dependencies are not known. What is left must do, as it must in other people's systems.
void impoverish(ranker_graph& graph, random_source& rng) {
  const double missing = rng.uniform(0.1, 0.7);
  for (std::size_t channel = 0; channel < ranker_shape::channels; ++channel) {
    if (!rng.chance(missing)) continue;
    for (ranker_node& node : graph.nodes) {
      node.z[channel].fill(0);
      node.mask[channel].fill(0);
    }
  }
  const double unknown = rng.chance(0.3) ? 1 : rng.uniform(0, 0.5);
  std::vector<ranker_edge> known;
  for (const ranker_edge& edge : graph.edges)
    if (!rng.chance(unknown)) known.push_back(edge);
  graph.edges = std::move(known);
}

int index_of(const rca_question& q, const std::vector<std::string>& roots) {
  for (std::size_t i = 0; i < q.nodes.size(); ++i)
    if (std::find(roots.begin(), roots.end(), q.nodes[i].entity) != roots.end())
      return static_cast<int>(i);
  return -1;
}

}  // namespace

void append_cases(const simulated_system& system, std::uint64_t seed,
                  std::vector<ranker_case>& to) {
  random_source rng{seed, "ranker moments"};
  const bool quiet = system.truth.faults.empty();
  const auto moments =
      quiet ? quiet_moments(system.observed, rng) : fault_moments(system.truth.faults.front(), rng);
  questioned_system judged{system};
  judged.run(moments, [&](const rca_question& q) {
    ranker_case one;
    one.graph = ranker_graph_of(q);
    if (!quiet) {
      const fault_label& fault = system.truth.faults.front();
      one.root = index_of(q, fault.roots);
      const auto type = fault_type_of(fault.type);
      if (one.root < 0 || !type) return;
      one.fault_class = static_cast<int>(class_of(*type));
    }
    ranker_case poorer = one;
    impoverish(poorer.graph, rng);
    to.push_back(std::move(one));
    to.push_back(std::move(poorer));
  });
}

}  // namespace faultline
