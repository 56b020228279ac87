// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace faultline {

/// Jobs that wait for a worker, in two lines: what is urgent goes first, but for every so many of
/// them one of the others, so that nobody waits for ever. Within a line the order is that of the
/// pushes. For any number of threads on both ends.
template <class Job>
class run_queue {
public:
  /// Urgent jobs in a row, while others wait.
  static constexpr std::uint32_t most_in_a_row = 64;
  /// Others that must wait before a worker takes several.
  static constexpr std::size_t many = 64;

  void push(Job* job, bool urgent) { push(&job, 1, urgent); }

  /// All of them under one lock, and as many workers are woken as have something to do.
  void push(Job* const* jobs, std::size_t count, bool urgent) {
    std::size_t wake = 0;
    {
      const std::lock_guard<std::mutex> lock{mutex_};
      auto& line = urgent ? urgent_ : others_;
      line.insert(line.end(), jobs, jobs + count);
      if (urgent) urgent_waits_.store(true, std::memory_order_relaxed);
      wake = count < asleep_ ? count : asleep_;
    }
    for (; wake != 0; --wake) there_is_work_.notify_one();
  }

  /// The next job; waits for one.
  Job* pop() {
    Job* job = nullptr;
    pop(&job, 1);
    return job;
  }

  /// The next jobs, at most @p most; waits for one. More than one only where all are of the second
  /// line and so many wait that other workers have enough. @returns how many.
  std::size_t pop(Job** into, std::size_t most) {
    std::unique_lock<std::mutex> lock{mutex_};
    if (urgent_.empty() && others_.empty()) {
      ++asleep_;
      there_is_work_.wait(lock, [this] { return !urgent_.empty() || !others_.empty(); });
      --asleep_;
    }
    into[0] = take();
    std::size_t count = 1;
    if (in_a_row_ != 0) return count;
    while (count < most && others_.size() > many) {
      into[count++] = others_.front();
      others_.pop_front();
    }
    return count;
  }

  /// Whether an urgent job waits: a glance, without the lock.
  bool has_urgent() const noexcept { return urgent_waits_.load(std::memory_order_relaxed); }

  /// An urgent job; nullptr where none waits, or where it is the others' turn.
  Job* try_pop_urgent() {
    const std::lock_guard<std::mutex> lock{mutex_};
    if (urgent_.empty()) return nullptr;
    if (in_a_row_ < most_in_a_row) return take_urgent();
    in_a_row_ = 0;
    return nullptr;
  }

  /// The next job, nullptr where none waits.
  Job* try_pop() {
    const std::lock_guard<std::mutex> lock{mutex_};
    return urgent_.empty() && others_.empty() ? nullptr : take();
  }

private:
  Job* take() {
    const bool others_turn = !others_.empty() && (urgent_.empty() || in_a_row_ >= most_in_a_row);
    if (!others_turn) return take_urgent();
    in_a_row_ = 0;
    auto* job = others_.front();
    others_.pop_front();
    return job;
  }

  Job* take_urgent() {
    ++in_a_row_;
    auto* job = urgent_.front();
    urgent_.pop_front();
    urgent_waits_.store(!urgent_.empty(), std::memory_order_relaxed);
    return job;
  }

  std::mutex mutex_;
  std::condition_variable there_is_work_;
  std::deque<Job*> urgent_;
  std::deque<Job*> others_;
  std::atomic<bool> urgent_waits_{false};
  std::size_t asleep_ = 0;
  std::uint32_t in_a_row_ = 0;  ///< urgent ones, since the last of the others
};

}  // namespace faultline
