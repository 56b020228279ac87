// SPDX-License-Identifier: Apache-2.0
#include "actors/lane.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "actors/interfaces.hpp"

namespace faultline {

namespace {

/// Largest distance of the tick's values from what the model says comes next, in Laplace scales.
bool loud(const lane_slot& slot) {
  float worst = 0;
  for (std::size_t s = 0; s < forecast_shape::slots; ++s) {
    if (slot.row.input[forecast_shape::slots + s] <= 0) continue;
    const float distance = std::fabs(slot.row.input[s] - slot.result.mu[0][s]);
    worst = std::max(worst, distance * std::exp(-slot.result.log_b[0][s]));
  }
  return worst > slot.loud_threshold;
}

}  // namespace

lane::lane(std::unique_ptr<forecaster> model, lane_options options, node_counters& counters)
    : model_{std::move(model)}, options_{options}, counters_{counters} {
  options_.batch = std::min(options_.batch, model_->capacity());
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread{[this] { run(); }};
}

lane::~lane() {
  stop();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

void lane::submit(std::shared_ptr<lane_slot> slot) {
  static thread_local const std::size_t mine =
      std::hash<std::thread::id>{}(std::this_thread::get_id()) % buffer_count;
  auto& b = buffers_[mine];
  while (b.busy.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  b.waiting.push_back(std::move(slot));
  b.busy.clear(std::memory_order_release);
  waiting_.fetch_add(1, std::memory_order_seq_cst);
  if (asleep_.load(std::memory_order_seq_cst) && asleep_.exchange(false)) {
    const std::uint64_t one = 1;
    if (::write(wake_fd_, &one, sizeof one) < 0) return;  // full counter: it wakes anyway
  }
}

void lane::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  const std::uint64_t one = 1;
  if (::write(wake_fd_, &one, sizeof one) < 0) stopping_.store(true);
  thread_.join();
}

std::size_t lane::collect(std::vector<std::shared_ptr<lane_slot>>& into) {
  const auto before = into.size();
  for (auto& b : buffers_) {
    while (b.busy.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
    std::move(b.waiting.begin(), b.waiting.end(), std::back_inserter(into));
    b.waiting.clear();
    b.busy.clear(std::memory_order_release);
  }
  waiting_.fetch_sub(into.size() - before);
  return into.size() - before;
}

void lane::wait_for_rows() {
  asleep_.store(true, std::memory_order_seq_cst);
  if (waiting_.load(std::memory_order_seq_cst) == 0 && !stopping_.load()) {
    pollfd p{wake_fd_, POLLIN, 0};
    ::poll(&p, 1, 100);
    std::uint64_t count = 0;
    if (::read(wake_fd_, &count, sizeof count) < 0) count = 0;  // timed out: nothing to read
  }
  asleep_.store(false, std::memory_order_seq_cst);
}

void lane::run() {
  std::vector<std::shared_ptr<lane_slot>> rows;
  rows.reserve(options_.batch);
  for (;;) {
    if (waiting_.load() == 0) {
      if (stopping_.load()) return;
      wait_for_rows();
      continue;
    }
    const auto until = std::chrono::steady_clock::now() + options_.max_wait;
    while (waiting_.load(std::memory_order_relaxed) < options_.batch && !stopping_.load() &&
           counters_.in_flight.load(std::memory_order_relaxed) != 0 &&
           std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::microseconds{100});
    collect(rows);
    for (std::size_t begin = 0; begin < rows.size(); begin += options_.batch)
      pass(rows, begin, std::min(options_.batch, rows.size() - begin));
    rows.clear();
  }
}

void lane::pass(const std::vector<std::shared_ptr<lane_slot>>& rows, std::size_t begin,
                std::size_t count) {
  static thread_local std::vector<const forecast_row*> in;
  static thread_local std::vector<forecast_result*> out;
  in.clear();
  out.clear();
  for (std::size_t i = begin; i < begin + count; ++i) {
    in.push_back(&rows[i]->row);
    out.push_back(&rows[i]->result);
  }
  const auto ran = model_->step(in.data(), out.data(), count);
  counters_.lane_passes.fetch_add(1, std::memory_order_relaxed);
  counters_.lane_rows.fetch_add(count, std::memory_order_relaxed);
  if (!ran) counters_.model_faults.fetch_add(count, std::memory_order_relaxed);
  for (std::size_t i = begin; i < begin + count; ++i) finish(*rows[i], !ran);
}

void lane::finish(lane_slot& slot, bool failed) {
  slot.failed = failed;
  const bool knock_now = !failed && loud(slot);
  give_back(slot);
  slot.state.store(lane_slot::done, std::memory_order_seq_cst);
  if (!slot.knock_wanted.exchange(false, std::memory_order_seq_cst)) {
    if (!knock_now) return;
    counters_.knocks_loud.fetch_add(1, std::memory_order_relaxed);
  }
  counters_.knocks.fetch_add(1, std::memory_order_relaxed);
  if (auto strong = caf::actor_cast<caf::strong_actor_ptr>(slot.owner))
    caf::anon_send(caf::actor_cast<entity_actor>(strong), result_ready{});
}

void lane::give_back(lane_slot& slot) {
  if (slot.held == 0) return;
  slot.cell->released.fetch_add(slot.held, std::memory_order_relaxed);
  slot.cell->finished.fetch_add(slot.held_counted, std::memory_order_relaxed);
  counters_.finished.fetch_add(slot.held_counted, std::memory_order_relaxed);
  const auto n = slot.held;
  slot.held = slot.held_counted = 0;
  if (!slot.credit->give_back(n)) return;
  if (auto strong = caf::actor_cast<caf::strong_actor_ptr>(slot.partition))
    caf::anon_send(caf::actor_cast<partition_actor>(strong), credit_back{});
}

}  // namespace faultline
