// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "config/config.hpp"
#include "messages/outcome.hpp"
#include "server/node.hpp"

namespace faultline {

/// True for keys that a running server takes from a reload; the others need a restart.
bool changes_live(const std::string& key);

/// Compares what the configuration says now with what the server runs with.
///
/// Threads: any, one after the other.
class reloader {
public:
  /// @p load reads the configuration again, flags included; @p startable says what a start would
  /// refuse of it; @p set_log_level takes a level's name.
  reloader(server_config running, std::function<outcome<server_config>()> load,
           std::function<outcome<void>(const server_config&)> startable,
           std::function<void(const std::string&)> set_log_level);

  /// For node_options::read_again. Fails with what is wrong with the file, also where that is said
  /// of what waits for a restart: it would fail. What it hands out counts as running once its
  /// `accepted` is called.
  outcome<fresh_settings> read_again();

private:
  void accept(const server_config& fresh);

  std::mutex mutex_;
  server_config running_;
  std::function<outcome<server_config>()> load_;
  std::function<outcome<void>(const server_config&)> startable_;
  std::function<void(const std::string&)> set_log_level_;
};

}  // namespace faultline
