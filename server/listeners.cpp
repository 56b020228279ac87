// SPDX-License-Identifier: Apache-2.0
#include "server/listeners.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "server/internal/receivers.hpp"

namespace faultline {

outcome<void> other_listeners::open(const receiver_options& options) {
  syslog_ = syslog_receiver();
  statsd_ = statsd_receiver();
  scrape_ = scrape_receiver();
  std::vector<line_listener> all;
  for (const auto& endpoint : options.syslog) all.push_back({"syslog", endpoint});
  for (const auto& endpoint : options.statsd) all.push_back({"statsd", endpoint});
  gathers_ = !options.statsd.empty();
  if (!all.empty()) {
    auto opened = open_line_doors(all, {options.unproven_networks});
    if (!opened) return opened.error();
    lines_ = std::move(*opened);
  }
  if (!options.scrape.empty()) scraper_ = std::make_unique<scraper>(options.scrape);
  return {};
}

void other_listeners::start(post_desk& desk, std::chrono::milliseconds flush) {
  desk_ = &desk;
  flush_ = flush;
  if (lines_)
    lines_->start([this](const std::string& name, std::string& frames) {
      http_request request;
      request.body = std::move(frames);
      request.address = "lines";
      if (desk_->offer(name == "syslog" ? syslog_ : statsd_, request)) return true;
      frames = std::move(request.body);
      return false;
    });
  if (scraper_)
    scraper_->start([this](const scrape_target& from, outcome<std::string> body) {
      fetched(from, std::move(body));
    });
}

void other_listeners::fetched(const scrape_target& from, outcome<std::string> body) {
  http_request request;
  const auto instance = instance_of(from.url);
  request.address = instance;
  request.query = {{"instance", instance}, {"job", from.job}, {"up", body ? "1" : "0"}};
  auto* count = &scrapes_;
  tell_change(from, body);
  if (body) {
    request.body = std::move(*body);
  } else {
    count = &scrapes_failed_;
  }
  if (!desk_->offer(scrape_, request)) count = &scrapes_dropped_;
  count->fetch_add(1, std::memory_order_relaxed);
}

/// Logs that a target does not answer any more, or does again; its URL may hold a password.
void other_listeners::tell_change(const scrape_target& from, const outcome<std::string>& body) {
  auto& is_down = down_[from.job + " " + from.url];
  if (is_down == !body) return;
  is_down = !body;
  if (body)
    spdlog::info("scraped again job={} instance={}", from.job, instance_of(from.url));
  else
    spdlog::warn("scrape failed job={} instance={} reason=\"{}\"", from.job, instance_of(from.url),
                 body.error().what);
}

void other_listeners::tick(std::chrono::steady_clock::time_point now) {
  if (!gathers_ || desk_ == nullptr || now - flushed_ < flush_) return;
  http_request request;
  request.address = "lines";
  request.query = {{"flush", "1"}};
  if (desk_->offer(statsd_, request)) flushed_ = now;
}

void other_listeners::stop() {
  if (scraper_) scraper_->stop();
  if (lines_) {
    lines_->stop();
    if (const auto left = lines_->counters().left; left != 0)
      spdlog::warn("lines of syslog or StatsD had no room at the end and are lost left={}", left);
  }
  if (gathers_ && desk_ != nullptr) {
    flushed_ = {};
    tick(std::chrono::steady_clock::now());
  }
}

listener_counters other_listeners::counters() const {
  listener_counters c;
  if (lines_) c.lines = lines_->counters();
  c.scrapes = scrapes_.load(std::memory_order_relaxed);
  c.scrapes_failed = scrapes_failed_.load(std::memory_order_relaxed);
  c.scrapes_dropped = scrapes_dropped_.load(std::memory_order_relaxed);
  return c;
}

std::vector<std::string> other_listeners::bound_endpoints() const {
  return lines_ ? lines_->bound_endpoints() : std::vector<std::string>{};
}

}  // namespace faultline
