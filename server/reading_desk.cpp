// SPDX-License-Identifier: Apache-2.0
#include "server/reading_desk.hpp"

namespace faultline {

reading_desk::reading_desk(std::chrono::milliseconds patience)
    : patience_{patience}, thread_{[this] { run(); }} {}

reading_desk::~reading_desk() {
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  for (auto& j : waiting_) j.refuse({ec::shutting_down, "the server is ending"});
}

void reading_desk::take(job j) {
  j.until = clock::now() + patience_;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    if (waiting_.size() < most_waiting) {
      waiting_.push_back(std::move(j));
      wake_.notify_one();
      return;
    }
  }
  j.refuse({ec::overloaded, "too many questions wait for the store"});
}

void reading_desk::run() {
  std::unique_lock<std::mutex> lock{mutex_};
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    job next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    if (clock::now() > next.until)
      next.refuse({ec::overloaded, "it waited too long for the store"});
    else
      next.work();
    next = {};
    lock.lock();
  }
}

}  // namespace faultline
