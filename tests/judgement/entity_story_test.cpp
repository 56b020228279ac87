// SPDX-License-Identifier: Apache-2.0
// Everything that may come to an entity, in any order and size, each story from its seed: what
// holds after every record, and that it is the same for one that starts again in between.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "messages/decision.hpp"
#include "processing/partition_time.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

class entity_story {
public:
  explicit entity_story(std::uint64_t seed) : n_{seed}, breaks_{seed + 7'919}, seed_{seed} {
    constexpr std::int64_t ticks[] = {10'000, 10'000, 1'000, 1, 60'000, 86'400'000};
    tick_ = ticks[below(6)];
    rules_ = rules();
    straight_ = std::make_unique<entity_core>("service/cart", rules_);
    stopped_ = std::make_unique<entity_core>("service/cart", rules_);
  }

  void tell(int records) {
    for (int i = 0; i < records && !testing::Test::HasFatalFailure(); ++i) record();
  }

private:
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>(n_.uniform() * static_cast<double>(n)) % n;
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  std::shared_ptr<const judgement_rules> rules() {
    judgement_rules r;
    r.processing.tick = milliseconds{tick_};
    r.processing.accept_past = past_;
    r.processing.lateness_ticks = static_cast<std::uint32_t>(lateness_);
    r.detection.learning = milliseconds{one_in(2) ? 60 * tick_ : 3'600'000};
    r.model = {"test", "1", std::string(64, 'a')};
    if (one_in(2)) {
      operator_limit l;
      l.metric = one_in(2) ? "m1*" : "*";
      l.above = one_in(2) ? 120 : 1e308;
      if (one_in(3)) l.below = -1e300;
      l.severity = one_in(2) ? "critical" : "warning";
      r.detection.limits.push_back(l);
    }
    if (one_in(3)) {
      maintenance_window w;
      w.name = "w";
      w.entities = {"service/*"};
      w.starts = event_time_of(now_ + 5 * tick_);
      w.ends = event_time_of(now_ + 40 * tick_);
      r.maintenance.push_back(w);
    }
    return std::make_shared<const judgement_rules>(r);
  }

  double value() {
    if (one_in(60)) {
      constexpr double wild[] = {1e308, -1e308, 1.7e308, 5e-324, 0,
                                 -0.0,  1e-300, -1e15,   3.4e38, 1e39};
      return wild[below(10)];
    }
    return level_ + n_.normal();
  }

  void record() {
    if (one_in(400)) level_ = one_in(2) ? 50 : 50 + 100 * n_.uniform();
    if (one_in(300)) burst_ = 30;
    if (one_in(3000)) now_ += static_cast<std::int64_t>(n_.uniform() * 5e8);
    if (one_in(500)) now_ -= static_cast<std::int64_t>(n_.uniform() * 300'000);
    now_ += 1 + static_cast<std::int64_t>(n_.uniform() * static_cast<double>(tick_));
    if (burst_ > 0) --burst_;
    if (one_in(1500)) {
      rules_ = rules();
      straight_->set_rules(rules_);
      stopped_->set_rules(rules_);
    }
    event_view e;
    e.entity = "service/cart";
    e.has_ts = true;
    e.ts = event_time_of(
        now_ + (one_in(20) ? static_cast<std::int64_t>((n_.uniform() - 0.8) * 300'000) : 0));
    e.arrived = arrival_time_of(now_ + 20);
    const auto kind = below(16);
    if (kind < 8) return metrics(e);
    if (kind == 8) return clock();
    if (kind < 11) return log(e);
    if (kind < 14) return span(e);
    if (kind == 14) return calls(e);
    words(e);
  }

  void metrics(event_view& e) {
    static const std::vector<std::string> names = [] {
      std::vector<std::string> all;
      for (int i = 0; i < 300; ++i)
        all.push_back("m" + std::to_string(i) +
                      (i % 5 == 0   ? "_percent"
                       : i % 5 == 1 ? "_errors"
                                    : ""));
      for (const char* le : {"0.1", "1", "10", "+Inf"})
        all.push_back(std::string{"req_seconds_bucket{le="} + le + "}");
      all.emplace_back("req_seconds_sum"), all.emplace_back("req_seconds_count");
      return all;
    }();
    const std::size_t most = one_in(40) ? 290 : 12;
    for (std::size_t i = 0; i < 12; ++i) {
      const auto& name = names[row_ ? i : below(most)];
      const auto kind = i == 3                ? metric_kind::counter
                        : i == 4 && one_in(2) ? metric_kind::rate
                                              : metric_kind::gauge;
      double v = value() + (burst_ > 0 ? 60 : 0);
      if (kind == metric_kind::counter)
        v = one_in(100) || counted_ > 1e307 ? counted_ = 0
                                            : counted_ = std::min(counted_ + std::fabs(v), 1.7e308);
      e.metrics.push_back({name, v, kind});
    }
    if (one_in(3)) {
      double c = total_;
      for (std::size_t b = 0; b < 4; ++b)
        e.metrics.push_back({names[300 + b], one_in(200) ? -1.0 : c *= 1.4, metric_kind::counter});
      e.metrics.push_back({names[304], total_ * 0.3, metric_kind::counter});
      e.metrics.push_back({names[305], c, metric_kind::counter});
      total_ = one_in(100) ? 0 : total_ + 20 * n_.uniform();
    }
    if (one_in(100)) row_ = !row_;
    if (one_in(20))
      e.attributes = {{"zone", one_in(2) ? "a" : "b"}, {"ephemeral", one_in(9) ? "true" : "false"}};
    give(e);
  }
  void log(event_view& e) {
    e.type = event_type::log;
    text_ = one_in(20) ? "cannot write block " + std::to_string(below(1'000'000)) + " of " +
                             std::string(1 + below(60), static_cast<char>('a' + below(26)))
                       : "GET /cart/" + std::to_string(below(100'000)) + " 200 in " +
                             std::to_string(below(90)) + " ms";
    e.body = text_;
    e.severity = one_in(10) || burst_ > 0 ? log_severity::error : log_severity::info;
    give(e);
  }
  void span(event_view& e) {
    e.type = event_type::span;
    text_ = "op" + std::to_string(below(one_in(10) ? 60 : 3));
    peer_ = "service/p" + std::to_string(below(one_in(10) ? 40 : 3));
    e.trace = "a", e.span = "b", e.operation = text_;
    if (one_in(2)) e.peer = peer_;
    e.duration_us = one_in(100) ? std::numeric_limits<std::uint64_t>::max()
                                : 1'000 + below(2'000) * (burst_ > 0 ? 20 : 1);
    e.status = one_in(20) ? span_status::error : span_status::ok;
    give(e);
  }
  void calls(event_view& e) {
    e.type = event_type::calls;
    peer_ = "service/p" + std::to_string(below(30));
    e.peer = one_in(3) ? e.entity : peer_;
    e.calls = one_in(50) ? 100'000'000U : static_cast<std::uint32_t>(1 + below(20));
    e.failed = static_cast<std::uint32_t>(below(2));
    e.duration_us = e.calls * 1'000ULL;
    give(e);
  }
  void words(event_view& e) {
    e.type = one_in(2) ? event_type::edge : event_type::change;
    peer_ = "db/" + std::to_string(below(40));
    text_ = "v" + std::to_string(below(5));
    if (e.type == event_type::edge)
      e.depends_on = {peer_}, e.remove = one_in(3);
    else
      e.summary = text_;
    give(e);
  }

  void give(const event_view& e) {
    const record_address where{0, ++position_, 0};
    clocks();
    restart();
    for (auto* c : {straight_.get(), stopped_.get()}) {
      auto& out = c == straight_.get() ? told_ : again_;
      c->observe(e, where, out);
      pump(*c, out);
    }
    look();
  }
  void clock() {
    clocks();
    look();
  }
  void clocks() {
    clock_.follow({event_time_of(now_), arrival_time_of(now_ + 20)}, false, rules_->processing);
    const record_address where{0, position_, 0};
    for (auto* c : {straight_.get(), stopped_.get()}) {
      auto& out = c == straight_.get() ? told_ : again_;
      c->advance(clock_, where, out);
      pump(*c, out);
    }
  }
  static void pump(entity_core& core, std::vector<entity_decision>& out) {
    forecast_row row;
    while (core.row_waiting()) {
      core.begin_tick(row);
      for (const float v : row.input) ASSERT_TRUE(std::isfinite(v));
      for (const float v : row.lagged) ASSERT_TRUE(std::isfinite(v));
      forecast_result r{};
      for (auto& horizon : r.mu)
        std::copy_n(row.input.begin(), forecast_shape::slots, horizon.begin());
      core.finish_tick(&r, out);
    }
  }
  void restart() {
    if (breaks_.uniform() > 0.05) return;
    auto fresh = std::make_unique<entity_core>("service/cart", rules_);
    const auto bytes = stopped_->save();
    ASSERT_TRUE(fresh->restore(bytes)) << "seed " << seed_ << " record " << position_;
    ASSERT_EQ(fresh->save(), bytes) << "seed " << seed_ << " record " << position_;
    stopped_ = std::move(fresh);
  }
  static void is_sound(const alert& a) {
    for (const auto& c : a.contributors)
      for (const double v : {c.actual, c.expected, c.lower, c.upper, c.score})
        ASSERT_TRUE(std::isfinite(v)) << c.metric << " " << a.explanation;
    ASSERT_TRUE(a.score >= 0 && a.score <= 1) << a.score;
    const double lead = a.lead_time_s.value_or(0);
    ASSERT_TRUE(std::isfinite(lead) && lead >= 0) << lead;
    for (const auto& [name, v] : a.detectors) ASSERT_TRUE(std::isfinite(v)) << name;
    ASSERT_GE(a.updated, a.started);
    ASSERT_EQ(a.explanation.find("nan"), std::string::npos) << a.explanation;
    ASSERT_EQ(a.explanation.find("inf "), std::string::npos) << a.explanation;
    if (a.state == alert_state::resolved) {
      ASSERT_TRUE(a.ended && *a.ended >= a.started);
      ASSERT_FALSE(a.lead_time_s);
    }
    ASSERT_TRUE(a.contributors.empty() || a.metric == a.contributors.front().metric);
  }
  void look() {
    ASSERT_EQ(told_.size(), again_.size()) << "seed " << seed_ << " record " << position_;
    for (std::size_t i = 0; i < told_.size(); ++i) {
      const auto& d = told_[i];
      ASSERT_EQ(encode_decision(d.what), encode_decision(again_[i].what))
          << "seed " << seed_ << " record " << position_;
      ASSERT_EQ(d.key, again_[i].key);
      if (d.what.kind != decision_kind::alert) continue;
      const alert& a = d.what.alert;
      is_sound(a);
      ASSERT_TRUE(a.transition == last_.transition + 1 ||
                  (a.transition == 1 && last_.state == alert_state::resolved))
          << a.transition;
      last_ = a;
      ++alerts;
    }
    told_.clear(), again_.clear();
    if (position_ % 50 != 0) return;
    ASSERT_EQ(straight_->save(), stopped_->save()) << "seed " << seed_ << " record " << position_;
    const auto w = straight_->window(event_time::max());
    for (const auto& m : w.metrics)
      for (const auto* all : {&m.expected, &m.lower, &m.upper})
        for (const float v : *all) ASSERT_TRUE(std::isfinite(v)) << m.name << " seed " << seed_;
    const auto v = straight_->last_verdict();
    ASSERT_TRUE(std::isfinite(v.score) && std::isfinite(v.excess)) << "seed " << seed_;
    for (const auto& m : straight_->status().metrics) {
      const bool usual =
          std::isfinite(m.expected) && !std::isnan(m.lower) && std::isfinite(m.upper);
      const bool unknown = std::isnan(m.expected) && std::isnan(m.lower) && std::isnan(m.upper);
      ASSERT_TRUE((usual || unknown) && std::isfinite(m.off)) << m.name << " seed " << seed_;
    }
    straight_->take_blocks(), stopped_->take_blocks();
  }

  noise n_, breaks_;
  std::uint64_t seed_;
  std::int64_t tick_ = 10'000, now_ = test_start;
  bool past_ = false, row_ = true;
  int lateness_ = 1, burst_ = 0;
  double level_ = 50, counted_ = 0, total_ = 1;
  std::string text_, peer_;
  partition_time clock_;
  log_position position_ = 0;
  std::shared_ptr<const judgement_rules> rules_;
  std::unique_ptr<entity_core> straight_, stopped_;
  std::vector<entity_decision> told_, again_;
  alert last_ = [] {
    alert a;
    a.state = alert_state::resolved;
    a.transition = 0;
    return a;
  }();

public:
  int alerts = 0;
};

TEST(EntityStory, HoldsTogetherAndAcrossRestarts) {
  int alerts = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    entity_story story{seed};
    story.tell(3000);
    if (HasFatalFailure()) return;
    alerts += story.alerts;
  }
  EXPECT_GT(alerts, 0);
}

}  // namespace
}  // namespace faultline
