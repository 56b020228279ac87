// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace faultline {

/// Asks the actors again and again whether they still answer, and passes it on as a sign of life.
/// While somebody does not answer there is none, and the log says who.
class pulse_watch {
public:
  struct hooks {
    /// Who has not answered within the patience; blocks no longer than a little beyond it.
    std::function<std::vector<std::string>(std::chrono::milliseconds patience)> ask;
    std::function<void()> alive;
  };

  /// Asks every @p period, with as much patience.
  pulse_watch(std::chrono::milliseconds period, hooks h);
  ~pulse_watch();
  pulse_watch(const pulse_watch&) = delete;
  pulse_watch& operator=(const pulse_watch&) = delete;

  /// The end has begun, and has a deadline of its own: a sign of life comes without a question from
  /// here on. Returns when the last question is answered, and the thread that asked has ended.
  void stop_asking();

private:
  void run(const std::function<void()>& look);
  void ask() const;
  void end_thread();

  const std::chrono::milliseconds period_;
  const hooks hooks_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;  ///< guarded by mutex_
  std::thread thread_;
};

}  // namespace faultline
