// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "inference/forecaster.hpp"

namespace faultline {

/// A model that answers with the row's first value, remembers who went with whom, and does what it
/// is told: fail whole, spoil one row, hold every pass at a gate.
class fake_model final : public forecaster {
public:
  explicit fake_model(std::size_t capacity) : capacity_{capacity} {}
  std::size_t capacity() const noexcept override { return capacity_; }
  const model_identity& identity() const noexcept override { return who_; }

  outcome<void> step(const forecast_row* const* rows, forecast_result* const* results,
                     std::size_t count) override {
    std::unique_lock<std::mutex> lock{mutex_};
    ++at_gate_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    std::vector<float> company;
    bool whole = true;
    for (std::size_t i = 0; i < count; ++i) {
      company.push_back(rows[i]->input[0]);
      states_.push_back(rows[i]->h[0]);
    }
    passes_.push_back(company);
    if (fails_) return failure{ec::model_failed, "asked to"};
    for (std::size_t i = 0; i < count; ++i) {
      *results[i] = {};
      for (auto& horizon : results[i]->mu)
        std::copy_n(rows[i]->input.begin(), forecast_shape::slots, horizon.begin());
      results[i]->h[0] = rows[i]->h[0] + 1;
      if (spoiled_.count(rows[i]->input[0]) == 0) continue;
      results[i]->c[3] = std::numeric_limits<float>::quiet_NaN();
      whole = false;
    }
    return whole ? outcome<void>{} : outcome<void>{failure{ec::model_failed, "not finite"}};
  }

  void fail(bool on) {
    const std::lock_guard<std::mutex> lock{mutex_};
    fails_ = on;
  }
  /// The row whose first value this is gets a result that is not finite.
  void spoil(float first) {
    const std::lock_guard<std::mutex> lock{mutex_};
    spoiled_.insert(first);
  }
  void close_gate() {
    const std::lock_guard<std::mutex> lock{mutex_};
    open_ = false;
  }
  void open_gate() {
    const std::lock_guard<std::mutex> lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  /// Until the @p n-th pass has come to the gate.
  void wait_for_pass(std::size_t n) {
    std::unique_lock<std::mutex> lock{mutex_};
    changed_.wait(lock, [&] { return at_gate_ >= n; });
  }
  std::vector<std::vector<float>> passes() {
    const std::lock_guard<std::mutex> lock{mutex_};
    return passes_;
  }

  /// What h each row brought, in order: one more each time it was answered.
  std::vector<float> states() {
    const std::lock_guard<std::mutex> lock{mutex_};
    return states_;
  }

private:
  std::size_t capacity_;
  model_identity who_{"fake", "1", ""};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  bool fails_ = false;
  std::set<float> spoiled_;
  std::size_t at_gate_ = 0;
  std::vector<std::vector<float>> passes_;
  std::vector<float> states_;
};

}  // namespace faultline
