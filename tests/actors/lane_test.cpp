// SPDX-License-Identifier: Apache-2.0
#include "actors/lane.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <random>
#include <thread>

#include "tests/actors/fake_models.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

/// So long that a lane which waits for it is seen to wait.
constexpr auto for_ever = std::chrono::microseconds{24h};

/// Another one: answers with a hundred times as much.
struct shouting_model final : forecaster {
  std::size_t capacity() const noexcept override { return 4; }
  const model_identity& identity() const noexcept override { return who; }
  outcome<void> step(const forecast_row* const* rows, forecast_result* const* results,
                     std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      *results[i] = {};
      results[i]->mu[0][0] = 100 * rows[i]->input[0];
    }
    return {};
  }
  model_identity who{"shout", "1", "other"};
};

struct Lane : ::testing::Test {
  void open(std::size_t capacity, lane_options options = {}) {
    auto owned = std::make_unique<fake_model>(capacity);
    model = owned.get();
    under_test = std::make_unique<lane>(std::move(owned), options, counters);
  }
  std::shared_ptr<lane_slot> submit(float value, std::uint32_t by = 0) {
    auto slot = std::make_shared<lane_slot>();
    slot->model = by;
    slot->begin_row().input[0] = value;
    slot->asked = {1, static_cast<std::uint64_t>(value)};
    slot->loud_threshold = 1e9F;
    slot->state.store(lane_slot::submitted);
    under_test->submit(slot);
    return slot;
  }
  static bool until(const std::function<bool()>& holds) {
    for (int i = 0; i < 20'000 && !holds(); ++i) std::this_thread::sleep_for(1ms);
    return holds();
  }
  static bool is_done(const std::shared_ptr<lane_slot>& slot) {
    return until([&] { return slot->state.load(std::memory_order_acquire) == lane_slot::done; });
  }
  node_counters counters;
  fake_model* model = nullptr;
  std::unique_ptr<lane> under_test;
};

TEST_F(Lane, AnswersALoneRowWithoutWaitingWhenNobodyElseCanCome) {
  lane_options patient;
  patient.max_wait = for_ever;
  open(4, patient);
  auto slot = submit(7);
  ASSERT_TRUE(is_done(slot));
  EXPECT_FALSE(slot->failed);
  EXPECT_EQ(slot->result().mu[0][0], 7);
  EXPECT_EQ(slot->result().h[0], 1);
  EXPECT_EQ(slot->answered, slot->asked);
  EXPECT_EQ(counters.lane_waits.load(), 0U);
}

TEST_F(Lane, WaitsForCompanyWhileSomebodyCanComeAndGoesWhenItIsFull) {
  lane_options patient;
  patient.max_wait = for_ever;
  patient.batch = 3;
  counters.in_flight = 1;
  open(4, patient);
  std::vector<std::shared_ptr<lane_slot>> slots;
  for (const float v : {1.0F, 2.0F, 3.0F}) slots.push_back(submit(v));
  for (const auto& slot : slots) ASSERT_TRUE(is_done(slot));
  EXPECT_EQ(model->passes(), (std::vector<std::vector<float>>{{1, 2, 3}}));
}

TEST_F(Lane, GoesAtOnceWhenTheLastThatCouldComeIsGone) {
  lane_options patient;
  patient.max_wait = for_ever;
  counters.in_flight = 1;
  open(4, patient);
  auto slot = submit(1);
  ASSERT_TRUE(until([&] { return counters.lane_waits.load() == 1; }));
  counters.in_flight = 0;
  ASSERT_TRUE(is_done(slot));
}

TEST_F(Lane, GoesWithoutCompanyAfterItsWait) {
  counters.in_flight = 1;
  open(4);
  EXPECT_TRUE(is_done(submit(1)));
  EXPECT_EQ(counters.lane_waits.load(), 1U);
}

TEST_F(Lane, AnswersEveryRowOfManyAndNeverExceedsTheModelsShape) {
  open(4);
  std::vector<std::shared_ptr<lane_slot>> slots;
  for (int i = 0; i < 100; ++i) slots.push_back(submit(static_cast<float>(i)));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(is_done(slots[i])) << i;
    EXPECT_EQ(slots[i]->result().mu[0][0], static_cast<float>(i));
  }
  for (const auto& pass : model->passes()) EXPECT_LE(pass.size(), 4U);
  EXPECT_EQ(counters.lane_rows.load(), 100U);
}

TEST_F(Lane, TakesRowsOfMoreThreadsThanItHasBuffers) {
  open(256);
  std::vector<std::thread> threads;
  std::vector<std::vector<std::shared_ptr<lane_slot>>> slots(80);
  for (int t = 0; t < 80; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) slots[t].push_back(submit(static_cast<float>(20 * t + i)));
    });
  for (auto& t : threads) t.join();
  for (int t = 0; t < 80; ++t)
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(is_done(slots[t][i])) << t;
      EXPECT_EQ(slots[t][i]->result().mu[0][0], static_cast<float>(20 * t + i));
    }
}

TEST_F(Lane, SaysSoWhenThePassFails) {
  open(4);
  model->fail(true);
  auto slot = submit(1);
  ASSERT_TRUE(is_done(slot));
  EXPECT_TRUE(slot->failed);
  EXPECT_EQ(counters.model_faults.load(), 1U);
}

TEST_F(Lane, AnswersEachRowByTheModelItNames) {
  under_test = std::make_unique<lane>(
      std::make_unique<fake_model>(4), lane_options{}, counters,
      [](const std::string& sha256) -> outcome<std::unique_ptr<forecaster>> {
        if (sha256 != "other") return failure{ec::not_found, sha256};
        return std::unique_ptr<forecaster>{std::make_unique<shouting_model>()};
      });
  const auto other = under_test->model_number("other");
  EXPECT_EQ(under_test->model_number("other"), other);
  EXPECT_EQ(under_test->model_number(""), 0U);
  std::vector<std::shared_ptr<lane_slot>> slots;
  for (int i = 0; i < 40; ++i) slots.push_back(submit(2, i % 2 == 0 ? 0 : other));
  const auto lost = submit(2, under_test->model_number("lost"));
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(until([&] { return slots[i]->state.load() == lane_slot::done; })) << i;
    EXPECT_EQ(slots[i]->result().mu[0][0], i % 2 == 0 ? 2 : 200) << i;
  }
  ASSERT_TRUE(until([&] { return lost->state.load() == lane_slot::done; }));
  EXPECT_TRUE(lost->failed);
}

TEST_F(Lane, ARowThatFailsFailsAlone) {
  open(8);
  model->spoil(2);
  model->close_gate();
  submit(100);  // holds the lane while the others gather
  model->wait_for_pass(1);
  std::vector<std::shared_ptr<lane_slot>> slots;
  for (int i = 0; i < 5; ++i) slots.push_back(submit(static_cast<float>(i)));
  model->open_gate();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(is_done(slots[i]));
    EXPECT_EQ(slots[i]->failed, i == 2) << i;
  }
  EXPECT_EQ(model->passes().back().size(), 5U) << "they went together";
  EXPECT_EQ(counters.model_faults.load(), 1U);
}

TEST_F(Lane, ANamedAnswerIsOfTheRowThatWasAsked) {
  open(4);
  auto slot = submit(3);
  ASSERT_TRUE(is_done(slot));
  EXPECT_EQ(slot->answered, (row_name{1, 3}));
  EXPECT_NE(slot->answered, (row_name{2, 3}));
  EXPECT_NE(slot->answered, (row_name{1, 4}));
}

TEST_F(Lane, KnocksForTheRowThatIsWaitedForAndLeavesTheWishForALaterOne) {
  open(4);
  model->close_gate();
  auto waited_for = submit(3);
  auto moved_on = submit(4);
  waited_for->want_knock({1, 3});
  moved_on->want_knock({1, 5});  // its entity has its result, and has asked for the next row
  model->open_gate();
  under_test->stop();
  EXPECT_EQ(counters.knocks.load(), 1U);
  EXPECT_FALSE(waited_for->take_knock({1, 3})) << "once";
  EXPECT_TRUE(moved_on->take_knock({1, 5}));
}

TEST_F(Lane, FinishesWhatWaitsWhenItIsStopped) {
  open(4);
  std::vector<std::shared_ptr<lane_slot>> slots;
  for (int i = 0; i < 50; ++i) slots.push_back(submit(1));
  under_test->stop();
  for (auto& slot : slots) EXPECT_EQ(slot->state.load(), lane_slot::done);
}

forecast_row random_row(std::mt19937& random) {
  std::normal_distribution<float> value;
  forecast_row row;
  for (std::size_t s = 0; s < forecast_shape::slots; ++s) {
    row.input[s] = value(random);
    row.input[forecast_shape::slots + s] = 1;
  }
  for (auto& v : row.lagged) v = value(random);
  for (auto& v : row.h) v = std::tanh(value(random));
  for (auto& v : row.c) v = value(random);
  return row;
}

// Through the real model: whatever company chance gives a row, its bits are those it has alone.
TEST_F(Lane, CompanyDoesNotChangeABit) {
  auto alone = load_forecaster("models/lstm.flm", 1);
  auto shared = load_forecaster("models/lstm.flm", 256);
  ASSERT_TRUE(alone && shared);
  std::mt19937 random{3};
  constexpr std::size_t rows = 200;
  std::vector<forecast_row> in;
  std::vector<forecast_result> expected(rows);
  for (std::size_t i = 0; i < rows; ++i) in.push_back(random_row(random));
  for (std::size_t i = 0; i < rows; ++i) {
    const forecast_row* row = &in[i];
    forecast_result* result = &expected[i];
    ASSERT_TRUE((*alone)->step(&row, &result, 1));
  }
  under_test = std::make_unique<lane>(std::move(*shared), lane_options{}, counters);
  counters.in_flight = 1;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::size_t> order(rows);
    for (std::size_t i = 0; i < rows; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    order.resize(1 + random() % rows);
    std::vector<std::shared_ptr<lane_slot>> slots;
    for (const auto i : order) {
      auto slot = std::make_shared<lane_slot>();
      slot->begin_row() = in[i];
      slot->loud_threshold = 1e9F;
      slot->state.store(lane_slot::submitted);
      under_test->submit(slot);
      slots.push_back(std::move(slot));
    }
    for (std::size_t k = 0; k < order.size(); ++k) {
      ASSERT_TRUE(is_done(slots[k]));
      ASSERT_EQ(std::memcmp(&slots[k]->result(), &expected[order[k]], sizeof(forecast_result)), 0)
          << "round " << round << " row " << order[k] << " of " << order.size();
    }
  }
}

}  // namespace
}  // namespace faultline
