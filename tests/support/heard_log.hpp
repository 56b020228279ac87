// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

namespace faultline::testing {

/// The log of this process while it lives, from any thread.
class heard_log {
public:
  heard_log() {
    auto logger = std::make_shared<spdlog::logger>("heard", lines_);
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~heard_log() { spdlog::set_default_logger(std::move(before_)); }
  heard_log(const heard_log&) = delete;
  heard_log& operator=(const heard_log&) = delete;

  /// Lines of "LEVEL MESSAGE", the oldest first.
  std::string text() const {
    std::string all;
    for (const auto& line : lines_->last_formatted()) all += line;
    return all;
  }

private:
  static constexpr std::size_t most_lines = 100;

  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> lines_ =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(most_lines);
};

}  // namespace faultline::testing
