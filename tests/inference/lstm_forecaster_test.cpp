// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <numeric>

#include "inference/forecaster.hpp"
#include "inference/internal/seeded_rng.hpp"
#include "tests/inference/made_models.hpp"
#include "tests/inference/scalar_step.hpp"
#include "tests/support/scratch_directory.hpp"

namespace faultline {
namespace {

class Forecaster : public ::testing::Test {
protected:
  Forecaster() { test::write_random_forecaster(file_, 5); }

  std::unique_ptr<forecaster> load(std::size_t batch) const {
    auto loaded = load_forecaster(file_, batch);
    EXPECT_TRUE(loaded);
    return std::move(*loaded);
  }

  /// Runs the rows named by @p order in one call; result [k] answers rows[order[k]].
  static outcome<std::vector<forecast_result>> run(forecaster& f,
                                                   const std::vector<forecast_row>& rows,
                                                   const std::vector<std::size_t>& order) {
    std::vector<forecast_result> results(order.size());
    std::vector<const forecast_row*> in;
    std::vector<forecast_result*> out;
    for (std::size_t k = 0; k < order.size(); ++k) {
      in.push_back(&rows[order[k]]);
      out.push_back(&results[k]);
    }
    const auto done = f.step(in.data(), out.data(), order.size());
    if (!done) return done.error();
    return results;
  }

  static std::vector<std::size_t> in_order(std::size_t n) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
  }

  testing::scratch_directory folder_;
  std::filesystem::path file_ = folder_.path() / "f.flm";
};

bool same_bits(const forecast_result& a, const forecast_result& b) {
  static_assert(std::is_trivially_copyable_v<forecast_result>);
  return std::memcmp(&a, &b, sizeof a) == 0;
}

TEST_F(Forecaster, CompanyDoesNotChangeTheBitsOfARow) {
  for (const std::size_t batch :
       {std::size_t{1}, std::size_t{64}, std::size_t{200}, std::size_t{256}}) {
    const auto f = load(batch);
    const auto rows = test::random_rows(batch, 21);
    const auto together = run(*f, rows, in_order(batch));
    ASSERT_TRUE(together);
    for (std::size_t i = 0; i < batch; ++i) {
      const auto alone = run(*f, rows, {i});
      ASSERT_TRUE(alone);
      ASSERT_TRUE(same_bits((*alone)[0], (*together)[i])) << "row " << i << " of " << batch;
    }
  }
}

TEST_F(Forecaster, NeitherPlaceNorNumberOfRowsChangesTheBitsOfARow) {
  const auto f = load(256);
  const auto rows = test::random_rows(256, 22);
  const auto first = run(*f, rows, in_order(256));
  ASSERT_TRUE(first);
  seeded_rng rng{4};
  for (int round = 0; round < 40; ++round) {
    auto order = in_order(256);
    rng.shuffle(order);
    order.resize(1 + rng.below(256));
    const auto again = run(*f, rows, order);
    ASSERT_TRUE(again);
    for (std::size_t k = 0; k < order.size(); ++k) {
      ASSERT_TRUE(same_bits((*again)[k], (*first)[order[k]])) << "row " << order[k];
    }
  }
}

TEST_F(Forecaster, TwoInstancesOfOneFileAgreeToTheBit) {
  const auto a = load(64);
  const auto b = load(256);
  const auto rows = test::random_rows(64, 23);
  const auto of_a = run(*a, rows, in_order(64));
  const auto of_b = run(*b, rows, in_order(64));
  ASSERT_TRUE(of_a && of_b);
  for (std::size_t i = 0; i < 64; ++i) ASSERT_TRUE(same_bits((*of_a)[i], (*of_b)[i]));
}

TEST_F(Forecaster, AgreesWithThePlainEquationsOverManySteps) {
  const auto f = load(64);
  const model_content model = test::random_forecaster(5);
  auto rows = test::random_rows(40, 24);
  for (int tick = 0; tick < 50; ++tick) {
    const auto results = run(*f, rows, in_order(rows.size()));
    ASSERT_TRUE(results);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const forecast_result expected = test::scalar_step(model, rows[i]);
      const auto& got = (*results)[i];
      for (std::size_t h = 0; h < forecast_shape::horizons; ++h) {
        for (std::size_t s = 0; s < forecast_shape::slots; ++s) {
          ASSERT_NEAR(got.mu[h][s], expected.mu[h][s], 1e-5);
          ASSERT_NEAR(got.log_b[h][s], expected.log_b[h][s], 1e-5);
        }
      }
      for (std::size_t j = 0; j < forecast_shape::hidden; ++j) {
        ASSERT_NEAR(got.h[j], expected.h[j], 1e-5);
        ASSERT_NEAR(got.c[j], expected.c[j], 1e-5);
      }
      ASSERT_NEAR(got.fault_logit, expected.fault_logit, 1e-5);
      rows[i].h = got.h;
      rows[i].c = got.c;
    }
  }
}

TEST_F(Forecaster, ALateTickFadesTheStateAndARegularOneDoesNot) {
  const auto f = load(1);
  std::vector<forecast_row> rows(2);
  rows[0].h.fill(0.5F);
  rows[1] = rows[0];
  rows[1].input[lstm::log_dt_index] = 0.2F;  // within the jitter that is let pass
  model_content model = test::random_forecaster(5);
  auto& weights = model.tensors[lstm::weight_input].values;
  for (std::size_t g = 0; g < lstm::gates; ++g) {
    weights[g * lstm::inputs + lstm::log_dt_index] = 0;  // leave the decay alone to act
  }
  ASSERT_TRUE(write_model_file(file_, model));
  const auto blind = load(1);
  const auto regular = run(*blind, rows, {0});
  const auto jitter = run(*blind, rows, {1});
  rows[1].input[lstm::log_dt_index] = 2.0F;
  const auto late = run(*blind, rows, {1});
  ASSERT_TRUE(regular && jitter && late);
  EXPECT_EQ((*regular)[0].h, (*jitter)[0].h);
  EXPECT_NE((*regular)[0].h, (*late)[0].h);
}

TEST_F(Forecaster, ARowThatIsNotFiniteIsAModelFaultAndTheOthersKeepTheirResults) {
  const auto f = load(256);
  auto rows = test::random_rows(100, 25);
  const auto good = run(*f, rows, in_order(100));
  ASSERT_TRUE(good);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto spoilt = rows;
    spoilt[70].input[3] = bad;
    std::vector<forecast_result> results(100);
    std::vector<const forecast_row*> in;
    std::vector<forecast_result*> out;
    for (std::size_t i = 0; i < 100; ++i) {
      in.push_back(&spoilt[i]);
      out.push_back(&results[i]);
    }
    const auto done = f->step(in.data(), out.data(), 100);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ec::model_failed);
    EXPECT_NE(done.error().what.find("row 70"), std::string::npos);
    for (std::size_t i = 0; i < 100; ++i) {
      if (i == 70) continue;
      ASSERT_TRUE(same_bits(results[i], (*good)[i])) << i;
    }
  }
  const auto after = run(*f, rows, in_order(100));
  ASSERT_TRUE(after);
  for (std::size_t i = 0; i < 100; ++i) ASSERT_TRUE(same_bits((*after)[i], (*good)[i]));
}

TEST_F(Forecaster, AStateThatIsNotFiniteIsAModelFault) {
  const auto f = load(4);
  auto rows = test::random_rows(4, 26);
  rows[2].c[31] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(run(*f, rows, in_order(4)).error().code, ec::model_failed);
  rows = test::random_rows(4, 26);
  rows[2].lagged[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(run(*f, rows, in_order(4)).error().code, ec::model_failed);
}

TEST_F(Forecaster, MoreRowsThanItsCapacityAreRefused) {
  const auto f = load(8);
  EXPECT_EQ(f->capacity(), 8U);
  const auto rows = test::random_rows(9, 27);
  EXPECT_EQ(run(*f, rows, in_order(9)).error().code, ec::invalid);
  EXPECT_TRUE(run(*f, rows, in_order(8)));
  EXPECT_TRUE(run(*f, rows, {}));
}

TEST_F(Forecaster, AFileOfAnotherShapeIsRefused) {
  model_content model = test::random_forecaster(5);
  model.tensors[lstm::bias].shape = {lstm::gates / 2, 2};
  ASSERT_TRUE(write_model_file(file_, model));
  EXPECT_EQ(load_forecaster(file_, 64).error().code, ec::model_failed);
  model = test::random_forecaster(5);
  model.tensors.pop_back();
  ASSERT_TRUE(write_model_file(file_, model));
  EXPECT_EQ(load_forecaster(file_, 64).error().code, ec::model_failed);
  model = test::random_forecaster(5);
  model.kind = model_kind::ranker;
  ASSERT_TRUE(write_model_file(file_, model));
  EXPECT_EQ(load_forecaster(file_, 64).error().code, ec::model_failed);
}

TEST_F(Forecaster, ABatchWithoutRowsIsRefused) {
  EXPECT_EQ(load_forecaster(file_, 0).error().code, ec::invalid);
}

}  // namespace
}  // namespace faultline
