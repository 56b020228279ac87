// SPDX-License-Identifier: Apache-2.0
#pragma once

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

  void push(Job* job, bool urgent) { push(&job, 1, urgent); }

  /// All of them under one lock, and as many workers are woken as have something to do.
  void push(Job* const* jobs, std::size_t count, bool urgent) {
    std::size_t wake = 0;
    {
      const std::lock_guard<std::mutex> lock{mutex_};
      auto& line = urgent ? urgent_ : others_;
      line.insert(line.end(), jobs, jobs + count);
      wake = count < asleep_ ? count : asleep_;
    }
    for (; wake != 0; --wake) there_is_work_.notify_one();
  }

  /// The next job; waits for one.
  Job* pop() {
    std::unique_lock<std::mutex> lock{mutex_};
    if (urgent_.empty() && others_.empty()) {
      ++asleep_;
      there_is_work_.wait(lock, [this] { return !urgent_.empty() || !others_.empty(); });
      --asleep_;
    }
    return take();
  }

  /// The next job, nullptr where none waits.
  Job* try_pop() {
    const std::lock_guard<std::mutex> lock{mutex_};
    return urgent_.empty() && others_.empty() ? nullptr : take();
  }

private:
  Job* take() {
    const bool others_turn = !others_.empty() && (urgent_.empty() || in_a_row_ >= most_in_a_row);
    in_a_row_ = others_turn ? 0 : in_a_row_ + 1;
    auto& line = others_turn ? others_ : urgent_;
    auto* job = line.front();
    line.pop_front();
    return job;
  }

  std::mutex mutex_;
  std::condition_variable there_is_work_;
  std::deque<Job*> urgent_;
  std::deque<Job*> others_;
  std::size_t asleep_ = 0;
  std::uint32_t in_a_row_ = 0;  ///< urgent ones, since the last of the others
};

}  // namespace faultline
