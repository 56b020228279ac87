// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_probe.hpp"

#include "messages/feed.hpp"
#include "transport/feed_client.hpp"

namespace faultline {

namespace {

std::string key_of(const std::string& entity, std::int64_t ts_ms) {
  return std::to_string(ts_ms) + "/" + entity;
}

}  // namespace

outcome<std::unique_ptr<decision_probe>> decision_probe::start(const std::string& publish,
                                                               const std::string& replay) {
  feed_client_options options;
  options.publish = publish;
  options.replay = replay;
  options.prefixes = {"alert/"};
  options.high_water_mark = 100'000;
  auto connected = feed_client::connect(options);
  if (!connected) return connected.error();
  std::shared_ptr<feed_client> feed{std::move(*connected)};
  if (auto live = feed->wait_until_live(std::chrono::seconds{30}); !live) return live.error();
  std::unique_ptr<decision_probe> probe{new decision_probe};
  probe->thread_ = std::thread{[self = probe.get(), feed] {
    while (!self->over_) {
      const auto message = feed->next(std::chrono::milliseconds{50});
      if (!message || !*message) continue;  // a replay that is late is asked for again
      const auto now = clock::now();
      const auto item = read_feed_payload((*message)->payload);
      if (item && item->kind == "alert" && item->alert.state == alert_state::firing)
        self->hear(item->alert.entity, unix_ms(item->alert.updated), now);
    }
  }};
  return probe;
}

decision_probe::~decision_probe() { (void)stop(); }

void decision_probe::sent(const std::string& entity, std::int64_t ts_ms, clock::time_point at) {
  const std::lock_guard guard{mutex_};
  sent_.emplace(key_of(entity, ts_ms), at);
}

void decision_probe::hear(const std::string& entity, std::int64_t ts_ms, clock::time_point now) {
  const std::lock_guard guard{mutex_};
  const auto at = sent_.find(key_of(entity, ts_ms));
  if (at == sent_.end()) return;
  latency_ms_.push_back(std::chrono::duration<double, std::milli>(now - at->second).count());
  sent_.erase(at);
}

std::vector<double> decision_probe::stop() {
  over_ = true;
  if (thread_.joinable()) thread_.join();
  const std::lock_guard guard{mutex_};
  return std::move(latency_ms_);
}

}  // namespace faultline
