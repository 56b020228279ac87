// SPDX-License-Identifier: Apache-2.0
#include "lab/injector.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "lab/injection_shapes.hpp"
#include "lab/metric_habits.hpp"
#include "tests/lab/folder.hpp"

namespace faultline {
namespace {

constexpr std::int64_t minute = 60'000;
const event_time start = event_time_of(1'704'067'200'000);

/// Twenty days of a host whose memory and disk move together; the other metrics are on their own.
telemetry normal_host() {
  telemetry t;
  t.name = "test/host";
  t.interval_s = 60;
  entity_series s;
  s.id = "host/a";
  s.metrics = {"cpu.util", "memory.used", "errors.rate", "constant"};
  random_source rng{7};
  for (int i = 0; i < 20 * 1440; ++i) {
    const double day = portable_sin_turns(i / 1440.0);
    s.ts.push_back(start + milliseconds{i * minute});
    s.values.push_back(six_digits(0.4 + 0.1 * day + 0.02 * rng.normal()));
    s.values.push_back(six_digits(5e9 + 1e8 * rng.normal()));
    s.values.push_back(six_digits(rng.poisson(3)));
    s.values.push_back(1);
  }
  t.entities.push_back(std::move(s));
  t.train_until = start + milliseconds{6 * 1440 * minute};
  return t;
}

injected_recording inject(const labels& l, const injection_options& o) {
  auto made = inject_faults(normal_host(), l, o);
  EXPECT_TRUE(made) << made.error().what;
  return std::move(*made);
}

TEST(Injector, TouchesNoRowBeforeTrainUntilWithoutNightlyBackups) {
  injection_options o;
  o.repeated_backups = false;
  const auto made = inject({}, o);
  const auto was = normal_host();
  ASSERT_FALSE(made.truth.faults.empty());
  for (std::size_t i = 0; i < was.entities[0].rows(); ++i) {
    if (was.entities[0].ts[i] >= was.train_until) break;
    for (std::size_t c = 0; c < 4; ++c)
      ASSERT_EQ(made.observed.entities[0].row(i)[c], was.entities[0].row(i)[c]);
  }
  for (const auto& f : made.truth.faults) EXPECT_GT(f.start, was.train_until);
}

TEST(Injector, MovesOnlyTheMetricsItNamesAndOnlyWithinTheFault) {
  injection_options o;
  o.look_alikes = 0;
  o.repeated_backups = false;
  const auto made = inject({}, o);
  const auto was = normal_host();
  const auto& series = made.observed.entities[0];
  for (std::size_t i = 0; i < series.rows(); ++i) {
    const auto in = std::find_if(
        made.truth.faults.begin(), made.truth.faults.end(),
        [&](const fault_label& f) { return series.ts[i] > f.start && series.ts[i] <= f.end; });
    for (std::size_t c = 0; c < 4; ++c) {
      if (series.row(i)[c] == was.entities[0].row(i)[c]) continue;
      ASSERT_NE(in, made.truth.faults.end()) << series.metrics[c];
      EXPECT_EQ(std::count(in->metrics.begin(), in->metrics.end(), series.metrics[c]), 1);
    }
  }
}

TEST(Injector, FaultsKeepAwayFromLabelledOnesWhichBecomeIgnoredTime) {
  labels l;
  fault_label old;
  old.id = "old";
  old.start = start + milliseconds{8 * 1440 * minute};
  old.end = old.start + milliseconds{600 * minute};
  l.faults = {old};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    injection_options o;
    o.seed = seed;
    const auto made = inject(l, o);
    ASSERT_EQ(made.truth.ignore.size(), 1U);
    EXPECT_EQ(made.truth.ignore[0].start, old.start);
    for (const auto& f : made.truth.faults)
      EXPECT_TRUE(f.end < old.start || f.start > old.end) << f.id;
  }
}

TEST(Injector, SaysWhatCanBeSeenAndWhatCannot) {
  std::size_t visible = 0, hidden = 0;
  std::set<std::string> forms, types;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    injection_options o;
    o.seed = seed;
    for (const auto& f : inject({}, o).truth.faults) {
      ASSERT_TRUE(f.visible && f.impact && f.full_effect && f.ramp_end);
      (*f.visible ? visible : hidden) += 1;
      forms.insert(f.form);
      types.insert(f.type);
      EXPECT_EQ(*f.visible, f.visible_from.has_value());
      if (f.visible_from) {
        EXPECT_GT(*f.visible_from, f.start);
      }
      EXPECT_TRUE(!*f.impact || *f.visible);
      EXPECT_EQ(f.form == "abrupt", *f.ramp_end == f.start);
      EXPECT_EQ(f.unseen.empty(), !is_held_out(*fault_type_of(f.type)));
    }
  }
  EXPECT_GT(visible, 2 * hidden);
  EXPECT_GT(hidden, 10U);
  EXPECT_EQ(forms.size(), 4U);
  EXPECT_EQ(types.size(), every_fault_type().size());
}

TEST(Injector, AVisibleFaultIsAsFarOutAsItsNoiseTells) {
  const auto was = normal_host();
  const auto habits = habits_of(was.entities[0], was.train_until);
  injection_options o;
  o.look_alikes = 0;
  o.repeated_backups = false;
  o.types = {fault_type::cpu_hog};
  const auto made = inject({}, o);
  for (const auto& f : made.truth.faults) {
    if (!f.visible.value_or(false)) continue;
    double furthest = 0;
    for (std::size_t i = 0; i < was.entities[0].rows(); ++i) {
      if (was.entities[0].ts[i] < *f.visible_from || was.entities[0].ts[i] > f.end) continue;
      const double moved = made.observed.entities[0].row(i)[0] - was.entities[0].row(i)[0];
      furthest = std::max(furthest, moved / habits[0].scale);
    }
    EXPECT_GE(furthest, 3) << f.id;
  }
}

TEST(Injector, LookAlikesStayWithinTheUsualRangeAndAreFiveForEachFault) {
  injection_options o;
  o.seed = 3;
  o.repeated_backups = false;  // nights do not ask whether there is a fault
  const auto was = normal_host();
  const auto habits = habits_of(was.entities[0], was.train_until);
  const auto made = inject({}, o);
  EXPECT_GE(made.truth.benign.size(), 5 * made.truth.faults.size());
  for (const auto& b : made.truth.benign) {
    for (const auto& f : made.truth.faults) EXPECT_TRUE(b.end < f.start || b.start > f.end);
    for (std::size_t i = 0; i < was.entities[0].rows(); ++i) {
      if (was.entities[0].ts[i] < b.start || was.entities[0].ts[i] > b.end) continue;
      for (std::size_t c = 0; c < 3; ++c) {
        const double now = made.observed.entities[0].row(i)[c];
        const double before = was.entities[0].row(i)[c];
        if (std::isnan(now)) continue;
        EXPECT_LE(now, std::max(habits[c].high, before) * 1.0001);
        EXPECT_GE(now, std::min(habits[c].low, before) * 0.9999);
      }
    }
  }
}

TEST(Injector, TheSameSeedGivesTheSameBytesAndAnotherOthers) {
  const test::folder dir;
  for (const char* name : {"a", "b", "c"}) {
    injection_options o;
    o.seed = name[0] == 'c' ? 2 : 1;
    const auto made = inject({}, o);
    ASSERT_TRUE(write_recording(dir.path() / name, made.observed, made.truth));
  }
  const auto bytes = [&](const char* name) {
    return test::bytes_of(dir.path() / name / "recording.json") +
           test::bytes_of(dir.path() / name / "metrics" / "a.csv.gz");
  };
  EXPECT_EQ(bytes("a"), bytes("b"));
  EXPECT_NE(bytes("a"), bytes("c"));
}

TEST(Injector, WhatItWritesIsReadBackWithItsExtraKeys) {
  const test::folder dir;
  const auto made = inject({}, {});
  ASSERT_TRUE(write_recording(dir.path() / "r", made.observed, made.truth));
  const auto back = read_labels(dir.path() / "r");
  ASSERT_TRUE(back) << back.error().what;
  ASSERT_EQ(back->faults.size(), made.truth.faults.size());
  EXPECT_EQ(back->benign.size(), made.truth.benign.size());
  for (std::size_t i = 0; i < back->faults.size(); ++i) {
    EXPECT_EQ(back->faults[i].form, made.truth.faults[i].form);
    EXPECT_EQ(back->faults[i].visible, made.truth.faults[i].visible);
    EXPECT_EQ(back->faults[i].visible_from, made.truth.faults[i].visible_from);
    EXPECT_EQ(back->faults[i].impact, made.truth.faults[i].impact);
    EXPECT_EQ(back->faults[i].ramp_end, made.truth.faults[i].ramp_end);
    EXPECT_EQ(back->faults[i].unseen, made.truth.faults[i].unseen);
  }
}

TEST(Injector, ASystemIsSplitIntoRecordingsOfItsEntities) {
  auto t = normal_host();
  t.entities.push_back(t.entities[0]);
  t.entities[1].id = "host/b";
  for (const char* id : {"host/a", "host/b"}) {
    t.spans.emplace_back();
    t.spans.back().entity = id;
  }
  auto made = inject_faults(t, {}, {});
  ASSERT_TRUE(made);
  const auto parts = split_entities(made->observed, made->truth);
  ASSERT_EQ(parts.size(), 2U);
  std::size_t faults = 0;
  for (const auto& p : parts) {
    ASSERT_EQ(p.observed.entities.size(), 1U);
    for (const auto& f : p.truth.faults)
      EXPECT_EQ(f.entities, std::vector<std::string>{p.observed.entities[0].id});
    faults += p.truth.faults.size();
    ASSERT_EQ(p.observed.spans.size(), 1U);
    EXPECT_EQ(p.observed.spans[0].entity, p.observed.entities[0].id);
  }
  EXPECT_EQ(faults, made->truth.faults.size());
}

TEST(Injector, ValuesNearTheLargestStayFinite) {
  auto t = normal_host();
  for (std::size_t row = 0; row < t.entities[0].rows(); ++row)
    t.entities[0].values[row * 4 + 1] *= 3e298;  // 1.5e308
  injection_options o;
  o.types = {fault_type::memory_leak};
  const auto made = inject_faults(t, {}, o);
  ASSERT_TRUE(made);
  ASSERT_FALSE(made->truth.faults.empty());
  EXPECT_EQ(made->truth.faults[0].root_metric, "memory.used");
  for (const double v : made->observed.entities[0].values) ASSERT_FALSE(std::isinf(v));
}

TEST(Injector, ARowOfALaterCenturyBringsNoFaultsBetween) {
  auto t = normal_host();
  const event_time last_but_one = t.entities[0].ts.back();
  t.entities[0].ts.push_back(event_time_of(4'070'908'700'000));
  for (const double v : {0.4, 5e9, 3., 1.}) t.entities[0].values.push_back(v);
  for (const std::uint64_t seed : {1, 2, 3}) {
    injection_options o;
    o.seed = seed;
    const auto made = inject_faults(t, {}, o);
    ASSERT_TRUE(made);
    ASSERT_FALSE(made->truth.faults.empty());
    EXPECT_LE(made->truth.faults.back().start, last_but_one);
  }
}

TEST(Injector, BehindAGapOfMoreThanAWeekThereIsQuietAsAtTheBegin) {
  auto t = normal_host();
  auto& ts = t.entities[0].ts;
  const std::size_t behind = ts.size() / 2;
  for (std::size_t row = behind; row < ts.size(); ++row) ts[row] += milliseconds{9 * 1440 * minute};
  injection_options o;
  o.quiet_hours = 1000;  // the first one falls into the gap, as a rule
  std::size_t faults = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    o.seed = seed;
    const auto made = inject_faults(t, {}, o);
    ASSERT_TRUE(made);
    faults += made->truth.faults.size();
    for (const auto& f : made->truth.faults)
      EXPECT_FALSE(f.start > ts[behind - 1] && f.start < ts[behind] + milliseconds{180 * minute})
          << seed;
  }
  EXPECT_GT(faults, 0u);
}

TEST(Injector, ARecordingThatNeverMovesGetsNoFault) {
  auto t = normal_host();
  for (double& v : t.entities[0].values) v = 1;
  const auto made = inject_faults(t, {}, {});
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->truth.faults.empty());
}

TEST(InjectionOptions, ThatMakeNoSenseAreRefused) {
  const auto refused = [](auto change) {
    injection_options o;
    change(o);
    const auto made = inject_faults(normal_host(), {}, o);
    return !made && made.error().code == ec::invalid;
  };
  EXPECT_TRUE(refused([](auto& o) { o.quiet_hours = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.look_alikes = -1; }));
  EXPECT_TRUE(refused([](auto& o) { o.longest_ramp = seconds{60}; }));
}

TEST(InjectedShape, RampsAreWholeAtTheirEndAndNothingBeforeTheirOnset) {
  random_source rng{3};
  for (int i = 0; i < 300; ++i) {
    const auto s = draw_injected_shape(rng, minute, 600'000, 48 * 60 * minute, 90 * 60 * minute);
    EXPECT_EQ(s.at(0), 0);
    EXPECT_EQ(s.at(-1), 0);
    EXPECT_EQ(s.at(s.end_ms + 1), 0);
    if (s.form == fault_shape::intermittent) continue;
    EXPECT_NEAR(s.at(s.ramp_ms + 1), 1, 1e-12);
    if (s.form != fault_shape::abrupt) {
      EXPECT_LT(s.at(s.ramp_ms / 2), 0.51);
      EXPECT_GE(s.ramp_ms, 600'000);
    }
  }
}

TEST(MetricHabits, KnowNoiseWithoutTheDayAndWhatNeverMoves) {
  const auto t = normal_host();
  const auto habits = habits_of(t.entities[0], t.train_until);
  EXPECT_NEAR(habits[0].scale, 0.025, 0.01);  // the day's swing is 0.1
  EXPECT_NEAR(habits[1].scale, 1e8, 2e7);
  EXPECT_FALSE(habits[3].moves);
  EXPECT_EQ(habits[0].most, 1);
  EXPECT_EQ(correlation(t.entities[0], habits, 0, 3, t.train_until), 0);
  EXPECT_NEAR(correlation(t.entities[0], habits, 0, 0, t.train_until), 1, 1e-9);
  EXPECT_LT(std::fabs(correlation(t.entities[0], habits, 0, 1, t.train_until)), 0.1);
}

}  // namespace
}  // namespace faultline
