// SPDX-License-Identifier: Apache-2.0
#include "server/reload.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "judgement/inhibition.hpp"
#include "server/options_of.hpp"

namespace faultline {

namespace {

constexpr std::array<std::string_view, 16> live_keys{"limits",
                                                     "inhibit",
                                                     "correlation.inhibit_consequences",
                                                     "maintenance",
                                                     "edges",
                                                     "detection.false_pages_per_entity_month",
                                                     "detection.learning",
                                                     "correlation.window",
                                                     "correlation.hops",
                                                     "correlation.settle",
                                                     "correlation.false_incidents_per_entity_month",
                                                     "retention.log",
                                                     "retention.log_bytes",
                                                     "retention.feed",
                                                     "retention.dead_letters",
                                                     "log.level"};

}  // namespace

bool changes_live(const std::string& key) {
  return std::find(live_keys.begin(), live_keys.end(), key) != live_keys.end();
}

reloader::reloader(server_config running, std::function<outcome<server_config>()> load,
                   std::function<outcome<void>(const server_config&)> startable,
                   std::function<void(const std::string&)> set_log_level)
    : running_{std::move(running)},
      load_{std::move(load)},
      startable_{std::move(startable)},
      set_log_level_{std::move(set_log_level)} {}

outcome<fresh_settings> reloader::read_again() {
  auto fresh = load_();
  if (!fresh) return fresh.error();
  const std::lock_guard<std::mutex> lock{mutex_};
  fresh_settings s;
  s.detection = fresh->detection;
  s.correlation = fresh->correlation;
  auto windows = windows_of(fresh->maintenance, true);
  if (!windows) return windows.error();
  s.maintenance = std::move(*windows);
  if (auto good = check_inhibit(fresh->correlation.inhibit); !good) return good.error();
  if (auto good = check_edges(fresh->correlation.edges); !good) return good.error();
  s.storage = fresh->storage;
  for (auto& key : changed_keys(running_, *fresh))
    (changes_live(key) ? s.applied : s.restart).push_back(std::move(key));
  if (!s.restart.empty())
    if (auto good = startable_(*fresh); !good) return good.error();
  s.accepted = [this, config = *fresh] { accept(config); };
  return s;
}

// What needs a restart stays what it was: the next reload names it again.
void reloader::accept(const server_config& fresh) {
  const std::lock_guard<std::mutex> lock{mutex_};
  running_.detection = fresh.detection;
  running_.correlation = fresh.correlation;
  running_.maintenance = fresh.maintenance;
  running_.storage.log_retention = fresh.storage.log_retention;
  running_.storage.log_bytes = fresh.storage.log_bytes;
  running_.storage.feed_retention = fresh.storage.feed_retention;
  running_.storage.dead_letter_retention = fresh.storage.dead_letter_retention;
  running_.log.level = fresh.log.level;
  set_log_level_(fresh.log.level);
}

}  // namespace faultline
