// SPDX-License-Identifier: Apache-2.0
#include "judgement/root_cause_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "judgement/alert_lifecycle.hpp"
#include "messages/number_words.hpp"

namespace faultline {
namespace {

/// A symptom counts as shown from here, as absent below its negative.
constexpr double shown = 1.0;
constexpr double least_weight = 0.05;
constexpr std::size_t most_items = 6;
constexpr std::size_t most_names = 8;
/// What would be told as 0 s is no order.
constexpr double told_apart_s = 0.5;
/// What the entity's other side is called when metrics name it, in a sentence that they are calm.
constexpr std::array<std::pair<metric_role, const char*>, 3> outer_roles{
    std::pair{metric_role::latency, "latency"}, std::pair{metric_role::errors, "errors"},
    std::pair{metric_role::traffic, "traffic"}};

std::string number(double v) { return number_words(v, 3); }

/// @p v beside @p other: what is nothing to it is zero, as values are kept to some digits.
std::string beside(double v, double other) {
  return number(std::abs(v) < 1e-5 * std::abs(other) ? 0.0 : v);
}

std::string span_text(double seconds) {
  const double s = std::abs(seconds);
  if (s < 90) return std::to_string(std::lround(s)) + " s";
  if (s < 5400) return std::to_string(std::lround(s / 60)) + " min";
  return number(s / 3600) + " h";
}

double seconds_between(event_time from, event_time to) {
  return static_cast<double>((to - from).count()) / 1000;
}

bool symptomatic(const node_evidence& e) { return std::max(e.external, e.internal) >= shown; }

std::string moved(const metric_evidence& m) {
  const deviation& d = m.shows;
  return std::string{m.name} + (d.peak >= 0 ? " rose " : " fell ") + (d.cut ? "more than " : "") +
         number(std::abs(d.peak)) + " robust deviations, from " + beside(d.before, d.after) +
         " to " + beside(d.after, d.before);
}

class teller {
public:
  teller(const cause_story& s, std::size_t r, ranked_cause& cause)
      : s_{s}, r_{r}, e_{s.seen.nodes[r]}, t_{s.posterior.causes[r]}, cause_{cause} {}

  void tell() {
    own();
    callers();
    dependencies();
    edges();
    stops();
    order();
    change();
    ranker();
    by_weight(cause_.evidence);
    by_weight(cause_.counter_evidence);
  }

private:
  void say(const char* kind, std::string text, double weight) {
    if (std::abs(weight) < least_weight) return;
    auto& list = weight > 0 ? cause_.evidence : cause_.counter_evidence;
    list.push_back({kind, std::move(text), weight});
  }

  static void by_weight(std::vector<evidence_item>& list) {
    std::stable_sort(list.begin(), list.end(), [](const evidence_item& a, const evidence_item& b) {
      return std::abs(a.weight) > std::abs(b.weight);
    });
    if (list.size() > most_items) list.resize(most_items);
  }

  const metric_evidence* metric(int index) const {
    return index < 0 ? nullptr : &e_.metrics[static_cast<std::size_t>(index)];
  }

  /// Whether the metric itself is out of the usual, and not an alert or a line alone.
  static bool shows(const metric_evidence* m, double side) {
    return m != nullptr && side >= shown && m->shows.lr >= shown;
  }

  /// That what it measures of these is as usual; of what it does not measure nothing is said.
  std::string calm() const {
    std::vector<std::string> roles;
    for (const auto& [role, name] : outer_roles) {
      const auto n = static_cast<std::size_t>(role);
      if (e_.has_role[n] && e_.by_role[n] < shown) roles.emplace_back(name);
    }
    constexpr auto traffic = static_cast<std::size_t>(metric_role::traffic);
    if (roles.empty() && e_.has_role[traffic]) return "but for its traffic it is as usual";
    if (roles.empty()) return "its own metrics are as usual";
    std::string text = "its own " + roles.front();
    for (std::size_t n = 1; n < roles.size(); ++n)
      text += (n + 1 == roles.size() ? " and " : ", ") + roles[n];
    return text + (roles == std::vector<std::string>{"latency"} ||
                           roles == std::vector<std::string>{"traffic"}
                       ? " is as usual"
                       : " are as usual");
  }

  /// What speaks of it where its metrics do not.
  std::string alerted() const {
    const auto& alerts = s_.question.nodes[r_].alerts;
    std::string text = "its metrics show little, but it has an alert";
    if (alerts.empty()) return text;
    const alert& first = alerts.front();
    text += " on " + (first.metric.empty() ? std::string{silence_metric} : first.metric);
    if (alerts.size() > 1) text += " and " + std::to_string(alerts.size() - 1) + " more";
    return text;
  }

  void own() {
    if (e_.silent) {
      say("deviation",
          "it has sent no metric for " +
              span_text(seconds_between(e_.silent_from, s_.question.as_of)),
          std::max(t_.own_symptoms, least_weight));
    }
    const metric_evidence* internal = metric(e_.best_internal);
    const metric_evidence* external = metric(e_.best_external);
    const bool resources = shows(internal, e_.internal), symptoms = shows(external, e_.external);
    if (resources) {
      say("internal", moved(*internal) + first_clause(internal->shows.onset),
          std::max(t_.own, least_weight));
    } else if (internal != nullptr && t_.own < 0) {
      say("internal", "its own resources are as usual", t_.own);
    }
    words();
    if (!e_.silent) {
      if (symptoms) {
        say("deviation", moved(*external), t_.own_symptoms);
      } else if (e_.observed && !resources && !e_.words && symptomatic(e_)) {
        say("deviation", alerted(), std::max(t_.own_symptoms, least_weight));
      } else if (e_.observed && t_.own_symptoms < 0) {
        say("deviation", calm(), t_.own_symptoms);
      } else if (!e_.observed) {
        cause_.counter_evidence.push_back(
            {"deviation", "no metrics of it are known: it stands here by the graph alone", 0});
      }
    }
  }

  void words() {
    if (!e_.words) return;
    const word_evidence& w = *e_.words;
    std::string text = "its log has \"" + w.word->text + "\" " + number(w.lines) +
                       (w.lines == 1 ? " time" : " times") + " since";
    text += w.fresh ? ", never before" : ", " + number(w.usual) + " were usual";
    if (!w.word->habit.example().empty())
      text += "; for example \"" + w.word->habit.example() + "\"";
    say("log", std::move(text), std::max(t_.own_symptoms, least_weight));
  }

  /// What somebody is to it that depends on it: what runs on a machine does not call it.
  std::string user() const {
    const auto& edges = s_.question.edges;
    const bool carries = std::any_of(edges.begin(), edges.end(), [&](const rca_edge& e) {
      return e.kind == edge_kind::runs_on && e.to == s_.question.nodes[r_].entity;
    });
    return carries ? "dependent" : "caller";
  }

  /// ", 3 min before any caller" where that is so.
  std::string first_clause(event_time onset) const {
    std::optional<event_time> first;
    for (std::size_t n = 0; n < s_.question.nodes.size(); ++n) {
      const node_evidence& e = s_.seen.nodes[n];
      if (n == r_ || s_.passing[r_][n] <= 0 || !e.onset || e.external < shown) continue;
      first = first ? std::min(*first, *e.onset) : *e.onset;
    }
    if (!first || seconds_between(onset, *first) < told_apart_s) return {};
    return ", " + span_text(seconds_between(onset, *first)) + " before any " + user();
  }

  void callers() {
    std::size_t all = 0, anomalous = 0;
    double up = 0, down = 0;
    for (const auto& [n, part] : t_.others) {
      if (!s_.seen.nodes[n].observed && s_.question.nodes[n].alerts.empty()) continue;
      ++all;
      if (symptomatic(s_.seen.nodes[n])) ++anomalous;
      (part > 0 ? up : down) += part;
    }
    if (all == 0) return;
    const std::string counts =
        user() + "s anomalous: " + std::to_string(anomalous) + " of " + std::to_string(all);
    if (anomalous > 0) say("topology", counts, up);
    if (anomalous < all) {
      const auto calm = all - anomalous;
      say("topology",
          std::to_string(calm) + " " + user() + (calm == 1 ? " is" : "s are") + " as usual", down);
    }
  }

  void dependencies() {
    std::size_t all = 0, measured = 0;
    std::vector<std::size_t> anomalous;
    for (std::size_t n = 0; n < s_.question.nodes.size(); ++n) {
      const node_evidence& e = s_.seen.nodes[n];
      if (n == r_ || s_.passing[n][r_] <= 0) continue;
      ++all;
      measured += e.observed ? 1 : 0;
      if (!symptomatic(e)) continue;
      anomalous.push_back(n);
    }
    if (measured == 0 && anomalous.empty()) return;
    if (anomalous.empty()) {
      cause_.evidence.push_back({"topology",
                                 measured == all
                                     ? "its own dependencies are as usual"
                                     : "what is measured of its own dependencies is as usual",
                                 0});
    } else {
      cause_.counter_evidence.push_back(
          {"topology",
           "anomalous below it, and not explained by it: " + some_names(s_.question, anomalous),
           0});
    }
  }

  void edges() {
    std::size_t callers = 0, late = 0;
    double weight = 0;
    const edge_evidence* plainest = nullptr;
    for (const auto& [index, part] : t_.edges) {
      const edge_evidence& e = s_.seen.edges[index];
      weight += part;
      if (e.to != r_ || !e.has_latency) continue;
      ++callers;
      if (e.latency < shown) continue;
      ++late;
      if (plainest == nullptr || e.latency > plainest->latency) plainest = &e;
    }
    if (plainest != nullptr) {
      weight += t_.by_class[static_cast<std::size_t>(fault_class::network_delay)];
      say("edge",
          "latency of calls to it, beyond its own, rose for " + std::to_string(late) + " of " +
              std::to_string(callers) + " callers; " + s_.question.nodes[plainest->from].entity +
              " sees " + number(plainest->rise) + " more (" + number(plainest->latency_peak) +
              " robust deviations)" +
              (plainest->own_known ? ", itself " + beside(plainest->own_rise, plainest->rise)
                                   : ", what it takes itself is not measured"),
          weight);
    }
    for (const auto& [index, part] : t_.edges) {
      const edge_evidence& e = s_.seen.edges[index];
      if (e.to != r_ || !e.has_errors || e.errors < shown) continue;
      say("edge",
          s_.question.nodes[e.from].entity + " sees its calls fail (" + number(e.errors_peak) +
              " robust deviations)",
          part);
    }
  }

  void stops() {
    for (const auto& [index, part] : t_.stops) {
      const stopped_calls& stop = s_.seen.stops[index];
      const std::string& callee = s_.question.nodes[stop.to].entity;
      const double ticks_s =
          seconds_between(stop.since, stop.until) + static_cast<double>(stop.tick_ms) / 1000;
      const std::string lasting = " for " + span_text(ticks_s);
      if (stop.from == r_)
        say("edge",
            (stop.may_hang ? "none of its calls to " + callee + " ended"
                           : "it did not call " + callee) +
                lasting + ", and it worked meanwhile",
            part);
      else if (stop.to == r_)
        say("edge", "no call of " + s_.question.nodes[stop.from].entity + " to it ended" + lasting,
            part);
      else
        say("edge",
            s_.question.nodes[stop.from].entity + ", which depends on it, did not come to call " +
                callee + lasting,
            part);
    }
  }

  void order() {
    if (!e_.onset) return;
    std::optional<event_time> first;
    std::size_t caller = 0;
    for (std::size_t n = 0; n < s_.question.nodes.size(); ++n) {
      const node_evidence& e = s_.seen.nodes[n];
      if (n == r_ || s_.passing[r_][n] <= 0 || !e.onset || e.external < shown) continue;
      if (first && *first <= *e.onset) continue;
      first = e.onset;
      caller = n;
    }
    if (!first) return;
    const double late = seconds_between(*first, *e_.onset);
    if (late > 0) {
      say("onset",
          "it began " + span_text(late) + " after " + s_.question.nodes[caller].entity +
              ", which depends on it",
          t_.order);
    } else if (late <= -told_apart_s) {
      cause_.evidence.push_back(
          {"onset", "it began " + span_text(late) + " before " + s_.question.nodes[caller].entity,
           0});
    }
  }

  void change() {
    if (!t_.change_index) return;
    const change_note& c = s_.question.changes[*t_.change_index];
    const double age = seconds_between(c.at, s_.question.onset);
    std::string text = std::string{to_string(c.kind)} + " " + span_text(age) +
                       (age >= 0 ? " before" : " after") + " the onset";
    if (!c.summary.empty()) text += ": " + c.summary;
    say("change", std::move(text), t_.change);
  }

  void ranker() {
    if (!s_.posterior.ranked || s_.scores == nullptr) return;
    double top = s_.scores->null_logit, sum = 0;
    for (const float l : s_.scores->node_logit) top = std::max(top, static_cast<double>(l));
    for (const float l : s_.scores->node_logit) sum += std::exp(l - top);
    sum += std::exp(s_.scores->null_logit - top);
    const double share = std::exp(s_.scores->node_logit[r_] - top) / sum;
    std::string text =
        "the learned ranker gives it " + std::to_string(std::lround(100 * share)) + " %";
    say("ranker", text + looked_at(), t_.ranker);
  }

  /// When the ranker looked, where there was something to see.
  std::string looked_at() const {
    const entity_window& w = s_.question.nodes[r_].window;
    if (w.ts.empty() || r_ >= s_.scores->attention.size()) return {};
    const auto& a = s_.scores->attention[r_];
    const auto peak = static_cast<std::size_t>(std::max_element(a.begin(), a.end()) - a.begin());
    const auto age = milliseconds{w.tick_ms * static_cast<std::int64_t>(a.size() - 1 - peak)};
    if (s_.question.as_of - age < w.ts.front()) return {};
    return "; it looked most at what was " + span_text(static_cast<double>(age.count()) / 1000) +
           " ago (" + number(100 * static_cast<double>(a[peak])) + " % of its attention)";
  }

  const cause_story& s_;
  std::size_t r_;
  const node_evidence& e_;
  const cause_terms& t_;
  ranked_cause& cause_;
};

}  // namespace

std::string some_names(const rca_question& question, const std::vector<std::size_t>& nodes) {
  std::string text;
  const std::size_t told = nodes.size() <= most_names ? nodes.size() : most_names - 1;
  for (std::size_t n = 0; n < told; ++n)
    text += (n == 0 ? "" : ", ") + question.nodes[nodes[n]].entity;
  if (told < nodes.size()) text += " and " + std::to_string(nodes.size() - told) + " more";
  return text;
}

void tell_cause(const cause_story& story, std::size_t r, ranked_cause& cause) {
  teller{story, r, cause}.tell();
}

}  // namespace faultline
