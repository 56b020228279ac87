// SPDX-License-Identifier: Apache-2.0
#include "actors/lane.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "actors/interfaces.hpp"
#include "actors/scheduling.hpp"

namespace faultline {

namespace {

/// Largest distance of the tick's values from what the model says comes next, in Laplace scales.
bool loud(const lane_slot& slot, const forecast_result& result) {
  const auto& input = slot.row().input;
  float worst = 0;
  for (std::size_t s = 0; s < forecast_shape::slots; ++s) {
    if (input[forecast_shape::slots + s] <= 0) continue;
    const float distance = std::fabs(input[s] - result.mu[0][s]);
    worst = std::max(worst, distance * std::exp(-result.log_b[0][s]));
  }
  return worst > slot.loud_threshold;
}

std::uint64_t next_serial() noexcept {
  static std::atomic<std::uint64_t> lanes{0};
  return lanes.fetch_add(1, std::memory_order_relaxed) + 1;
}

template <class Range>
bool all_finite(const Range& values) noexcept {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

/// After a pass that was not whole: is this row's part of it good?
bool whole(const forecast_row& row, const forecast_result& result) {
  return all_finite(row.input) && all_finite(row.lagged) && all_finite(row.h) &&
         all_finite(row.c) &&
         std::all_of(result.mu.begin(), result.mu.end(),
                     [](const auto& m) { return all_finite(m); }) &&
         std::all_of(result.log_b.begin(), result.log_b.end(),
                     [](const auto& b) { return all_finite(b); }) &&
         std::isfinite(result.fault_logit) && all_finite(result.h) && all_finite(result.c);
}

}  // namespace

lane::lane(std::unique_ptr<forecaster> model, lane_options options, node_counters& counters,
           model_source others, flight_recorder* flight)
    : model_{std::move(model)},
      source_{std::move(others)},
      options_{options},
      counters_{counters},
      flight_{flight},
      serial_{next_serial()} {
  if (flight_ != nullptr) suspects_ = flight_->pass_suspects();
  options_.batch = std::min(options_.batch, model_->capacity());
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread{[this] { run(); }};
}

lane::~lane() {
  stop();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

void lane::submit(std::shared_ptr<lane_slot> slot) {
  auto& b = buffers_[buffer_of_this_thread()];
  while (b.busy.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  const auto name = slot->asked;
  b.waiting.push_back({std::move(slot), name});
  b.busy.clear(std::memory_order_release);
  waiting_.fetch_add(1, std::memory_order_seq_cst);
  if (asleep_.load(std::memory_order_seq_cst) && asleep_.exchange(false)) {
    const std::uint64_t one = 1;
    if (::write(wake_fd_, &one, sizeof one) < 0) return;  // full counter: it wakes anyway
  }
}

std::size_t lane::buffer_of_this_thread() noexcept {
  struct place {
    std::uint64_t lane = 0;
    std::size_t index = 0;
  };
  static thread_local place mine;
  if (mine.lane != serial_)
    mine = {serial_, threads_.fetch_add(1, std::memory_order_relaxed) % buffer_count};
  return mine.index;
}

void lane::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  const std::uint64_t one = 1;
  if (::write(wake_fd_, &one, sizeof one) < 0) stopping_.store(true);
  thread_.join();
}

std::size_t lane::collect(std::vector<asked_row>& into) {
  const auto before = into.size();
  const auto used = std::min(threads_.load(std::memory_order_acquire), buffer_count);
  for (std::size_t i = 0; i < used; ++i) {
    auto& b = buffers_[i];
    while (b.busy.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
    std::move(b.waiting.begin(), b.waiting.end(), std::back_inserter(into));
    b.waiting.clear();
    b.busy.clear(std::memory_order_release);
  }
  waiting_.fetch_sub(into.size() - before);
  return into.size() - before;
}

bool lane::company_can_come() const noexcept {
  return waiting_.load(std::memory_order_relaxed) < options_.batch && !stopping_.load() &&
         counters_.in_flight.load(std::memory_order_relaxed) != 0;
}

void lane::wait_for_company() {
  if (!company_can_come()) return;
  counters_.lane_waits.fetch_add(1, std::memory_order_relaxed);
  const auto until = std::chrono::steady_clock::now() + options_.max_wait;
  while (company_can_come() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::microseconds{100});
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
  std::vector<asked_row> rows;
  rows.reserve(options_.batch);
  for (;;) {
    if (waiting_.load() == 0) {
      if (stopping_.load()) return;
      wait_for_rows();
      continue;
    }
    wait_for_company();
    collect(rows);
    answer(rows);
    rows.clear();
  }
}

std::uint32_t lane::model_number(const std::string& sha256) {
  if (sha256.empty() || sha256 == model_->identity().sha256) return 0;
  const std::lock_guard<std::mutex> lock{others_mutex_};
  for (std::size_t i = 0; i < others_.size(); ++i)
    if (others_[i].sha256 == sha256) return static_cast<std::uint32_t>(i + 1);
  others_.push_back({sha256, nullptr, false});
  other_count_.store(others_.size());
  return static_cast<std::uint32_t>(others_.size());
}

forecaster* lane::model_at(std::uint32_t number) {
  if (number == 0) return model_.get();
  other_model* other = nullptr;
  {
    const std::lock_guard<std::mutex> lock{others_mutex_};
    other = &others_[number - 1];
  }
  if (!other->asked_for && source_) {
    auto found = source_(other->sha256);
    if (found) other->model = std::move(*found);
  }
  other->asked_for = true;
  return other->model.get();
}

bool lane::suspect(const asked_row& row) const {
  return std::find(suspects_.begin(), suspects_.end(), row.slot->about) != suspects_.end();
}

void lane::answer(std::vector<asked_row>& rows) {
  std::size_t alone = 0;
  if (!suspects_.empty()) {
    std::stable_partition(rows.begin(), rows.end(), [this](const auto& r) { return suspect(r); });
    for (; alone < rows.size() && suspect(rows[alone]); ++alone) pass(rows, alone, 1);
  }
  answer_together(rows, alone, rows.size());
}

// Rows of one model make a pass together.
void lane::answer_together(std::vector<asked_row>& rows, std::size_t begin, std::size_t end) {
  if (other_count_.load(std::memory_order_relaxed) != 0)
    std::stable_sort(rows.begin() + static_cast<std::ptrdiff_t>(begin), rows.end(),
                     [](const auto& a, const auto& b) { return a.slot->model < b.slot->model; });
  while (begin < end) {
    std::size_t last = begin + 1;
    while (last < end && last - begin < options_.batch &&
           rows[last].slot->model == rows[begin].slot->model)
      ++last;
    pass(rows, begin, last - begin);
    begin = last;
  }
}

void lane::pass(const std::vector<asked_row>& rows, std::size_t begin, std::size_t count) {
  static thread_local std::vector<const forecast_row*> in;
  static thread_local std::vector<forecast_result> results;
  static thread_local std::vector<forecast_result*> out;
  static thread_local std::vector<record_address> about;
  in.clear();
  out.clear();
  about.clear();
  if (results.size() < count) results.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    results[i].fault_logit = std::numeric_limits<float>::quiet_NaN();  // until it is answered
    in.push_back(&rows[begin + i].slot->row());
    out.push_back(&results[i]);
    about.push_back(rows[begin + i].slot->about);
  }
  auto* model = model_at(rows[begin].slot->model);
  const auto step = [&] {
    const flight_recorder::pass_mark applying{flight_, about};
    return static_cast<bool>(model->step(in.data(), out.data(), count));
  };
  const bool ran = model != nullptr && step();
  counters_.lane_passes.fetch_add(1, std::memory_order_relaxed);
  counters_.lane_rows.fetch_add(count, std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) {
    const bool good = std::isfinite(out[i]->fault_logit) && (ran || whole(*in[i], *out[i]));
    if (!good) counters_.model_faults.fetch_add(1, std::memory_order_relaxed);
    finish(rows[begin + i], !good, results[i]);
  }
}

void lane::finish(const asked_row& row, bool failed, const forecast_result& result) {
  auto& slot = *row.slot;
  slot.failed = failed;
  slot.answered = row.name;
  const bool knock_now = !failed && loud(slot, result);
  slot.content = result;
  give_back(slot);
  slot.state.store(lane_slot::done, std::memory_order_seq_cst);
  if (!slot.take_knock(row.name)) {
    if (!knock_now) return;
    counters_.knocks_loud.fetch_add(1, std::memory_order_relaxed);
  }
  counters_.knocks.fetch_add(1, std::memory_order_relaxed);
  const urgent_sends first;
  if (auto strong = caf::actor_cast<caf::strong_actor_ptr>(slot.owner))
    caf::anon_send(caf::actor_cast<entity_actor>(strong), result_ready{});
}

void lane::give_back(lane_slot& slot) {
  if (slot.held == 0) return;
  const auto n = std::exchange(slot.held, 0);
  const auto counted = std::exchange(slot.held_counted, 0);
  if (!slot.cell->release(n, counted)) return;  // it died: its partition has given all back
  counters_.finished.fetch_add(counted, std::memory_order_relaxed);
  if (!slot.credit->give_back(n)) return;
  if (auto strong = caf::actor_cast<caf::strong_actor_ptr>(slot.partition))
    caf::anon_send(caf::actor_cast<partition_actor>(strong), credit_back{});
}

}  // namespace faultline
