// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "dashboard/queries.hpp"

namespace faultline {

/// Reads of the store that may take long, one after the other on a thread of its own: neither the
/// thread that serves HTTP nor the actors wait for them, and many that ask at once take one core.
///
/// Threads: ask() from any.
/// Limits:  `most_waiting` questions; beyond them, and for who has waited longer than a client
///          would, the answer is ec::overloaded.
class reading_desk {
public:
  static constexpr std::size_t most_waiting = 64;

  explicit reading_desk(std::chrono::milliseconds patience = std::chrono::seconds{10});
  /// Who waits gets ec::shutting_down.
  ~reading_desk();
  reading_desk(const reading_desk&) = delete;
  reading_desk& operator=(const reading_desk&) = delete;

  /// @p done gets what @p read says, on the desk's thread, or the reason it was not asked.
  template <class Answer, class Read>
  void ask(Read read, answer<Answer> done) {
    job j;
    j.work = [read = std::move(read), done]() mutable { done(read()); };
    j.refuse = [done](failure why) { done(std::move(why)); };
    take(std::move(j));
  }

private:
  using clock = std::chrono::steady_clock;
  struct job {
    std::function<void()> work;
    std::function<void(failure)> refuse;
    clock::time_point until{};
  };
  void take(job j);
  void run();

  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<job> waiting_;  ///< guarded by mutex_
  bool stop_ = false;        ///< likewise
  std::thread thread_;
};

}  // namespace faultline
