// SPDX-License-Identifier: Apache-2.0
#include "inference/forecaster_training.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "tests/inference/made_models.hpp"
#include "tests/inference/synthetic_sequences.hpp"
#include "tests/support/scratch_directory.hpp"

namespace faultline {
namespace {

std::vector<training_sequence> sequences(std::size_t count, std::size_t ticks,
                                         std::uint64_t first_seed) {
  std::vector<training_sequence> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(test::synthetic_sequence(ticks, i % 2 ? 60 : 300, first_seed + i));
  }
  return out;
}

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

training_options quick(const std::filesystem::path& file) {
  training_options o;
  o.file = file;
  o.description.name = "lstm-h32";
  o.description.version = "test";
  o.max_epochs = 2;
  o.segment_ticks = 128;
  o.batch_segments = 16;
  return o;
}

TEST(ForecasterTraining, LearnsWavesAndAutoregressionBetterThanPersistence) {
  const testing::scratch_directory folder;
  training_options o = quick(folder.path() / "f.flm");
  o.max_epochs = 8;
  std::vector<training_progress> seen;
  const auto report = train_forecaster(sequences(24, 1500, 1), sequences(6, 1000, 500), o,
                                       [&](const training_progress& p) {
                                         seen.push_back(p);
                                         return true;
                                       });
  ASSERT_TRUE(report) << report.error().what;
  for (std::size_t h = 0; h < forecast_shape::horizons; ++h) {
    EXPECT_LT(report->error[h], 0.95 * report->persistence_error[h]) << "horizon " << h;
  }
  ASSERT_EQ(seen.size(), report->epochs);
  EXPECT_LT(report->validation_loss, seen.front().validation_loss);
  EXPECT_GT(seen.back().rows_per_second, 0);
  const auto loaded = load_forecaster(o.file, 64);
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ((*loaded)->identity().sha256, report->sha256);
  const auto card = read_model_card(o.file);
  ASSERT_TRUE(card);
  EXPECT_EQ(card->description.seed, o.seed);
  EXPECT_EQ(card->description.measures.at("validation_loss"), report->validation_loss);
}

/// Serving must see what training saw: the error measured through the forecaster on rows built
/// with the public functions is the error that the report claims.
TEST(ForecasterTraining, TheLoadedModelHasTheErrorThatTheReportClaims) {
  const testing::scratch_directory folder;
  const training_options o = quick(folder.path() / "f.flm");
  const auto validation = sequences(2, 400, 900);
  const auto report = train_forecaster(sequences(8, 600, 1), validation, o);
  ASSERT_TRUE(report) << report.error().what;
  const auto model = load_forecaster(o.file, 1);
  ASSERT_TRUE(model);
  double error = 0;
  double targets = 0;
  for (const training_sequence& sequence : validation) {
    lag_history history;
    forecast_row row;
    for (std::size_t t = 0; t + 1 < sequence.ticks.size(); ++t) {
      history.push(sequence.ticks[t].in);
      fill_input(row, sequence.ticks[t].in, sequence.entity_class);
      history.fill(row);
      forecast_result result;
      const forecast_row* const in[] = {&row};
      forecast_result* const out[] = {&result};
      ASSERT_TRUE((*model)->step(in, out, 1));
      row.h = result.h;
      row.c = result.c;
      const training_tick& next = sequence.ticks[t + 1];
      if (!next.usable || !sequence.ticks[t].usable) continue;
      for (std::size_t s = 0; s < forecast_shape::slots; ++s) {
        if (next.in.mask[s] == 0) continue;
        error +=
            std::fabs(static_cast<double>(result.mu[0][s]) - static_cast<double>(next.in.z[s]));
        ++targets;
      }
    }
  }
  EXPECT_NEAR(error / targets, report->error[0], 1e-4);
}

TEST(ForecasterTraining, TheSameSeedGivesTheSameFileAndAnotherSeedDoesNot) {
  const testing::scratch_directory folder;
  const auto train = sequences(4, 300, 1);
  training_options a = quick(folder.path() / "a.flm");
  training_options b = quick(folder.path() / "b.flm");
  training_options c = quick(folder.path() / "c.flm");
  c.seed = 2;
  ASSERT_TRUE(train_forecaster(train, {}, a));
  ASSERT_TRUE(train_forecaster(train, {}, b));
  ASSERT_TRUE(train_forecaster(train, {}, c));
  EXPECT_EQ(bytes_of(a.file), bytes_of(b.file));
  EXPECT_NE(bytes_of(a.file), bytes_of(c.file));
}

/// A value that only ever appears where ticks are not usable must leave no trace.
TEST(ForecasterTraining, TicksThatAreNotUsableAreNoTargets) {
  const testing::scratch_directory folder;
  auto train = sequences(2, 300, 1);
  for (auto& sequence : train) {
    for (training_tick& t : sequence.ticks) t.usable = false;
  }
  const auto report = train_forecaster(train, {}, quick(folder.path() / "f.flm"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ec::invalid);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "f.flm"));
}

TEST(ForecasterTraining, AValueThatIsNotANumberEndsItWithoutAFile) {
  const testing::scratch_directory folder;
  auto train = sequences(2, 300, 1);
  train[1].ticks[100].in.z.fill(std::numeric_limits<float>::quiet_NaN());
  train[1].ticks[100].in.mask.fill(1);
  const auto report = train_forecaster(train, {}, quick(folder.path() / "f.flm"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ec::model_failed);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "f.flm"));
}

TEST(ForecasterTraining, OptionsThatMakeNoSenseAreRefused) {
  const testing::scratch_directory folder;
  const auto train = sequences(1, 100, 1);
  EXPECT_EQ(train_forecaster({}, {}, quick(folder.path() / "f.flm")).error().code, ec::invalid);
  training_options o = quick(folder.path() / "f.flm");
  o.learning_rate = 0;
  EXPECT_EQ(train_forecaster(train, {}, o).error().code, ec::invalid);
  o = quick(folder.path() / "f.flm");
  o.channel_dropout = 1;
  EXPECT_EQ(train_forecaster(train, {}, o).error().code, ec::invalid);
  o = quick(folder.path() / "none" / "f.flm");
  EXPECT_EQ(train_forecaster(train, {}, o).error().code, ec::io_failed);
}

TEST(ForecasterTraining, TheCallbackCanStopIt) {
  const testing::scratch_directory folder;
  training_options o = quick(folder.path() / "f.flm");
  o.max_epochs = 50;
  const auto report = train_forecaster(sequences(2, 200, 1), {}, o,
                                       [](const training_progress& p) { return p.epoch < 2; });
  ASSERT_TRUE(report);
  EXPECT_EQ(report->epochs, 2U);
}

TEST(ForecastInput, HorizonsAreTimesInTicks) {
  EXPECT_EQ(horizon_ticks(0, 10), 1U);
  EXPECT_EQ(horizon_ticks(1, 10), 30U);
  EXPECT_EQ(horizon_ticks(2, 10), 180U);
  EXPECT_EQ(horizon_ticks(1, 300), 1U);
  EXPECT_EQ(horizon_ticks(2, 700), 3U);   // 2.57
  EXPECT_EQ(horizon_ticks(1, 3600), 1U);  // never less than a tick
}

TEST(ForecastInput, LagsRepeatTheLastValueOverAGap) {
  lag_history history;
  forecast_row row;
  history.fill(row);
  EXPECT_EQ(row.lagged[0], 0.0F);
  for (int t = 0; t < 20; ++t) {
    forecast_tick tick;
    tick.mask[0] = t == 19 ? 0.0F : 1.0F;  // the last is missing
    tick.z[0] = static_cast<float>(t) * 0.1F;
    tick.mask[1] = 1;
    tick.z[1] = static_cast<float>(t);
    history.push(tick);
  }
  history.fill(row);
  EXPECT_FLOAT_EQ(row.lagged[0], 1.8F);  // tick 18 stands in for 19
  EXPECT_FLOAT_EQ(row.lagged[1], 1.8F);
  EXPECT_FLOAT_EQ(row.lagged[2], 1.6F);
  EXPECT_FLOAT_EQ(row.lagged[3], 1.1F);
  EXPECT_FLOAT_EQ(row.lagged[4], forecast_clip);  // 19 is clipped
  EXPECT_FLOAT_EQ(row.lagged[7], 11.0F);
}

}  // namespace
}  // namespace faultline
