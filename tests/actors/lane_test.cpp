// SPDX-License-Identifier: Apache-2.0
#include "actors/lane.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

namespace faultline {
namespace {

using namespace std::chrono_literals;

/// A model that answers with the row's first value, and fails on request.
struct echo_model final : forecaster {
  std::size_t capacity() const noexcept override { return 4; }
  const model_identity& identity() const noexcept override { return who; }
  outcome<void> step(const forecast_row* const* rows, forecast_result* const* results,
                     std::size_t count) override {
    largest = std::max(largest.load(), count);
    if (fail) return failure{ec::model_failed, "asked to"};
    for (std::size_t i = 0; i < count; ++i) {
      results[i]->mu[0][0] = rows[i]->input[0];
      results[i]->h[0] = rows[i]->h[0] + 1;
    }
    return {};
  }
  model_identity who{"echo", "1", ""};
  std::atomic<bool> fail{false};
  std::atomic<std::size_t> largest{0};
};

struct Lane : ::testing::Test {
  Lane() {
    auto owned = std::make_unique<echo_model>();
    model = owned.get();
    under_test = std::make_unique<lane>(std::move(owned), lane_options{}, counters);
  }
  std::shared_ptr<lane_slot> submit(float value) {
    auto slot = std::make_shared<lane_slot>();
    slot->row.input[0] = value;
    slot->loud_threshold = 1e9F;
    slot->state.store(lane_slot::submitted);
    under_test->submit(slot);
    return slot;
  }
  static bool until(const std::function<bool()>& holds) {
    for (int i = 0; i < 5000 && !holds(); ++i) std::this_thread::sleep_for(1ms);
    return holds();
  }
  node_counters counters;
  echo_model* model = nullptr;
  std::unique_ptr<lane> under_test;
};

TEST_F(Lane, AnswersALoneRowWithoutWaitingForCompany) {
  auto slot = submit(7);
  ASSERT_TRUE(until([&] { return slot->state.load() == lane_slot::done; }));
  EXPECT_FALSE(slot->failed);
  EXPECT_EQ(slot->result.mu[0][0], 7);
  EXPECT_EQ(slot->result.h[0], 1);
}

TEST_F(Lane, AnswersEveryRowOfManyAndNeverExceedsTheModelsShape) {
  std::vector<std::shared_ptr<lane_slot>> slots;
  for (int i = 0; i < 100; ++i) slots.push_back(submit(static_cast<float>(i)));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(until([&] { return slots[i]->state.load() == lane_slot::done; })) << i;
    EXPECT_EQ(slots[i]->result.mu[0][0], static_cast<float>(i));
  }
  EXPECT_LE(model->largest.load(), 4U);
  EXPECT_EQ(counters.lane_rows.load(), 100U);
}

TEST_F(Lane, SaysSoWhenThePassFails) {
  model->fail = true;
  auto slot = submit(1);
  ASSERT_TRUE(until([&] { return slot->state.load() == lane_slot::done; }));
  EXPECT_TRUE(slot->failed);
  EXPECT_EQ(counters.model_faults.load(), 1U);
}

TEST_F(Lane, FinishesWhatWaitsWhenItIsStopped) {
  std::vector<std::shared_ptr<lane_slot>> slots;
  for (int i = 0; i < 50; ++i) slots.push_back(submit(1));
  under_test->stop();
  for (auto& slot : slots) EXPECT_EQ(slot->state.load(), lane_slot::done);
}

}  // namespace
}  // namespace faultline
