// SPDX-License-Identifier: Apache-2.0
// Alerts that other programs post.
#include <utility>

#include "processing/posted_entity.hpp"
#include "server/node_life_cycle.hpp"

namespace faultline {
namespace {

constexpr std::size_t most_posted = 10'000;  ///< alerts of one request

}  // namespace

void node_life_cycle::post_alerts(std::vector<posted_alert> alerts, answer<std::size_t> done) {
  if (alerts.size() > most_posted) return done(failure{ec::too_large, "more than 10,000 alerts"});
  const event_time now = event_time_of(unix_ms(parts_.now()));
  complete(alerts, now);
  for (posted_alert& a : alerts)
    a.entity = std::string{
        parts_.aliases.of(a.entity.empty() ? posted_entity(a.labels, parts_.names) : a.entity)};
  const std::size_t count = alerts.size();
  parts_.posted->post(
      std::move(alerts), now,
      [this](std::vector<operator_command> c, answer<bool> said) { record(std::move(c), said); },
      [done, count](outcome<bool> ok) {
        if (!ok) return done(ok.error());
        done(count);
      });
}

void node_life_cycle::tend_posts() {
  parts_.posted->tend(
      event_time_of(unix_ms(parts_.now())),
      [this](std::vector<operator_command> c, answer<bool> said) { record(std::move(c), said); });
}

void node_life_cycle::close_posts(answer<bool> done) {
  parts_.posted->close(
      event_time_of(unix_ms(parts_.now())),
      [this](std::vector<operator_command> c, answer<bool> said) { record(std::move(c), said); },
      std::move(done));
}

}  // namespace faultline
