// SPDX-License-Identifier: Apache-2.0
// Questions of every kind, each from its seed: an answer is sound whatever was measured.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "judgement/root_cause.hpp"

namespace faultline {
namespace {

class asker {
public:
  explicit asker(std::uint64_t seed) : engine_{seed} {}

  rca_question ask() {
    rca_question q;
    q.incident = "i";
    q.onset = event_time_of(1'700'000'000'000);
    q.as_of = q.onset + milliseconds{static_cast<std::int64_t>(below(20) * 60'000)};
    const auto count = 1 + below(12);
    for (std::uint64_t n = 0; n < count; ++n) q.nodes.push_back(node(q, n));
    for (auto left = below(3 * count); left > 0; --left)
      q.edges.push_back({name(below(count)), name(below(count)),
                         one_in(4) ? edge_kind::runs_on : edge_kind::calls,
                         one_in(5) ? 0 : 1.0 / static_cast<double>(1 + below(3))});
    for (auto left = below(4); left > 0; --left)
      q.changes.push_back(
          {name(below(count)), change_kind::deploy, one_in(2) ? "v2" : "",
           q.onset + milliseconds{static_cast<std::int64_t>(below(600'000)) - 300'000}});
    return q;
  }

private:
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  static std::string name(std::uint64_t n) { return "service/s" + std::to_string(n); }

  float value(double level, double spread) {
    constexpr float inf = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    constexpr float wild[] = {3.4e38F, -3.4e38F, 1e-45F, 0, nan, inf, -inf, -1e30F};
    if (one_in(100)) return wild[below(8)];
    return static_cast<float>(level + spread * (static_cast<double>(below(1000)) / 500 - 1));
  }

  rca_node node(const rca_question& q, std::uint64_t n) {
    static const std::vector<std::string> names{
        "cpu.utilization", "memory.used_bytes", "latency.p95_ms", "errors.rate", "requests.rate",
        "disk.free_bytes", "network.bytes",     "queue.depth",    "out_p50.s1",  "out_errors.s2",
        "in_p50.s0",       "something",         "availability",   "node.cpu_pct"};
    rca_node r;
    r.entity = name(n);
    r.incomplete = one_in(8);
    if (!one_in(6)) r.window = window(q, names);
    if (one_in(3))
      r.window.told =
          std::make_shared<entity_window>(window(q, {"log.lines", "log.errors", "span.latency_ms",
                                                     "span.errors", "out_latency_ms.service/s1"}));
    for (auto left = below(3); left > 0; --left) {
      alert& a = r.alerts.emplace_back();
      a.entity = r.entity;
      a.metric = one_in(2) ? names[below(names.size())] : "";
      a.score = one_in(3) ? 1 : one_in(2) ? 0 : 0.7;
      a.started = q.onset + milliseconds{static_cast<std::int64_t>(below(300'000)) - 60'000};
    }
    return r;
  }

  entity_window window(const rca_question& q, const std::vector<std::string>& names) {
    entity_window w;
    constexpr std::int64_t ticks[] = {1, 1'000, 10'000, 60'000, 86'400'000};
    w.tick_ms = ticks[one_in(4) ? below(5) : 2];
    w.watermark = one_in(4) ? q.onset : q.as_of;
    const auto before = below(150), after = below(30);
    for (std::uint64_t t = 0; t < before + after; ++t)
      w.ts.push_back(q.onset + milliseconds{(static_cast<std::int64_t>(t) -
                                             static_cast<std::int64_t>(before)) *
                                            w.tick_ms});
    for (auto left = below(6); left > 0; --left) {
      metric_window& m = w.metrics.emplace_back();
      m.name = names[below(names.size())];
      const double level = one_in(5) ? 0 : std::pow(10.0, static_cast<double>(below(12)) - 4);
      const double spread = one_in(3) ? 0 : level * 0.02;
      const double moved = one_in(2) ? level * (static_cast<double>(below(9)) - 4) : 0;
      const auto ends = one_in(6) ? before : before + after;
      for (std::uint64_t t = 0; t < before + after; ++t)
        m.values.push_back(t < ends ? value(level + (t >= before ? moved : 0), spread)
                                    : std::numeric_limits<float>::quiet_NaN());
    }
    return w;
  }

  std::mt19937_64 engine_;
};

/// What number_words wrote: "14", "10k", "-1.2M".
double number_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const std::size_t thousands = std::string{"\0kMGT", 5}.find(*end);
  return value * std::pow(1000.0, thousands == std::string::npos ? 0 : thousands);
}

/// "NAME rose 4 robust deviations, from 10 to 14".
bool goes_as_it_says(const std::string& text) {
  const auto from = text.find("robust deviations, from ");
  if (from == std::string::npos) return true;
  std::istringstream words{text.substr(from)};
  std::string skipped, told_before, told_after;
  words >> skipped >> skipped >> skipped >> told_before >> skipped >> told_after;
  if (told_after.empty()) return false;
  const double before = number_of(told_before), after = number_of(told_after);
  return text.find(" rose ") != std::string::npos ? after >= before : after <= before;
}

void is_sound(const rca_question& q, const root_cause_result& r) {
  std::set<std::string> asked, named;
  for (const auto& n : q.nodes) asked.insert(n.entity);
  double sum = r.unobserved, last = 1;
  for (const ranked_cause& c : r.causes) {
    ASSERT_TRUE(std::isfinite(c.probability) && c.probability >= 0 &&
                c.probability <= last + 1e-12);
    last = c.probability;
    sum += c.probability;
    ASSERT_EQ(asked.count(c.entity), 1U) << c.entity;
    ASSERT_TRUE(named.insert(c.entity).second) << c.entity << " twice";
    for (const auto* list : {&c.evidence, &c.counter_evidence}) {
      for (const evidence_item& e : *list) {
        ASSERT_TRUE(std::isfinite(e.weight)) << e.text;
        ASSERT_EQ(e.text.find("nan"), std::string::npos) << e.text;
        ASSERT_EQ(e.text.find(" inf"), std::string::npos) << e.text;
        ASSERT_TRUE(goes_as_it_says(e.text)) << e.text;
        ASSERT_TRUE(list == &c.evidence ? e.weight >= 0 : e.weight <= 0) << e.text << e.weight;
      }
    }
  }
  ASSERT_NEAR(sum, 1, 1e-9);
  ASSERT_TRUE(std::isfinite(r.support));
}

TEST(RootCauseStory, AnswersAreSoundWhateverWasMeasured) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const auto q = asker{seed}.ask();
    const auto r = find_root_cause(q, root_cause_options{}, {}, nullptr);
    is_sound(q, r);
    auto turned = q;
    std::reverse(turned.nodes.begin(), turned.nodes.end());
    const auto again = find_root_cause(turned, root_cause_options{}, {}, nullptr);
    ASSERT_EQ(r.causes.size(), again.causes.size());
    ASSERT_NEAR(r.unobserved, again.unobserved, 1e-9) << "seed " << seed;
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace faultline
