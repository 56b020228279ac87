// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messages/outcome.hpp"
#include "transport/options.hpp"

namespace faultline {

/// Fetches the metrics of targets, each at its interval,
/// spread over it, with libcurl on one thread.
///
/// Lives:  start() runs the thread; stop() breaks off what is under way and ends it.
/// Limits: a body has at most scrape_body_bytes once unpacked, an answer its target's timeout; it
///         is looked for at five further addresses at most, by http and https alone, and what
///         stands before an '@' is not told to other hosts. One that takes longer than its interval
///         is not asked again before it has answered.
class scraper {
public:
  /// What came of one fetch. On the scraper's thread; must not block.
  using taker = std::function<void(const scrape_target& from, outcome<std::string> body)>;
  static constexpr std::size_t scrape_body_bytes = std::size_t{16} * 1024 * 1024;

  explicit scraper(std::vector<scrape_target> targets);
  ~scraper();
  void start(taker take);
  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// host:port of @p url, as Prometheus calls an instance.
std::string instance_of(const std::string& url);

}  // namespace faultline
