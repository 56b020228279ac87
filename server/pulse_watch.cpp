// SPDX-License-Identifier: Apache-2.0
#include "server/pulse_watch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace faultline {

pulse_watch::pulse_watch(std::chrono::milliseconds period, hooks h)
    : period_{period}, hooks_{std::move(h)} {
  thread_ = std::thread{[this] { run([this] { ask(); }); }};
}

pulse_watch::~pulse_watch() { end_thread(); }

void pulse_watch::end_thread() {
  {
    const std::lock_guard lock{mutex_};
    ended_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

// On another thread: CAF keeps a part of its system in every thread that has asked an actor, and
// waits for the end of such a thread at its own.
void pulse_watch::stop_asking() {
  end_thread();
  ended_ = false;
  thread_ = std::thread{[this] { run(hooks_.alive); }};
}

void pulse_watch::ask() const {
  const auto late = hooks_.ask(period_);
  if (late.empty()) return hooks_.alive();
  constexpr std::size_t most = 8;
  std::string who;
  for (std::size_t i = 0; i < std::min(late.size(), most); ++i)
    who += (i == 0 ? "" : " ") + late[i];
  spdlog::error("actors do not answer late={} after_ms={} who=\"{}\"", late.size(), period_.count(),
                who);
}

void pulse_watch::run(const std::function<void()>& look) {
  std::unique_lock lock{mutex_};
  do {
    lock.unlock();
    look();
    lock.lock();
  } while (!wake_.wait_for(lock, period_, [this] { return ended_; }));
}

}  // namespace faultline
