// SPDX-License-Identifier: Apache-2.0
#include <prometheus/counter.h>

#include "server/internal/metrics.hpp"

namespace faultline {

namespace {

void add_listeners(prometheus::Registry& to, const listener_counters& c) {
  const auto family = [&to](const char* name, const char* help) -> auto& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(to);
  };
  auto& datagrams = family("faultline_line_datagrams_total",
                           "Datagrams of syslog and StatsD, by what became of them.");
  datagrams.Add({{"fate", "received"}}).Increment(static_cast<double>(c.lines.datagrams));
  datagrams.Add({{"fate", "dropped"}}).Increment(static_cast<double>(c.lines.dropped));
  datagrams.Add({{"fate", "kernel_dropped"}}).Increment(static_cast<double>(c.lines.kernel_drops));
  auto& messages = family("faultline_line_messages_total", "Messages of syslog by TCP.");
  messages.Add({{"fate", "whole"}}).Increment(static_cast<double>(c.lines.messages));
  messages.Add({{"fate", "cut"}}).Increment(static_cast<double>(c.lines.cut));
  auto& closed =
      family("faultline_line_connections_closed_total",
             "Connections of syslog that were closed: what they sent cannot be followed, "
             "or too many are open.");
  closed.Add({{"reason", "broken"}}).Increment(static_cast<double>(c.lines.broken));
  closed.Add({{"reason", "full"}}).Increment(static_cast<double>(c.lines.refused));
  auto& scrapes = family("faultline_scrapes_total", "Fetches of targets of ingest.scrape.");
  scrapes.Add({{"result", "ok"}}).Increment(static_cast<double>(c.scrapes));
  scrapes.Add({{"result", "failed"}}).Increment(static_cast<double>(c.scrapes_failed));
  scrapes.Add({{"result", "dropped"}}).Increment(static_cast<double>(c.scrapes_dropped));
}

}  // namespace

void add_receivers(prometheus::Registry& to, const post_desk& posts,
                   const listener_counters& listeners) {
  add_listeners(to, listeners);
  auto& fates = prometheus::BuildCounter()
                    .Name("faultline_posts_total")
                    .Help("Requests of other protocols, by receiver and what became of them.")
                    .Register(to);
  auto& samples = prometheus::BuildCounter()
                      .Name("faultline_samples_total")
                      .Help("Values, lines and spans of these that came in events.")
                      .Register(to);
  auto& left = prometheus::BuildCounter()
                   .Name("faultline_samples_left_out_total")
                   .Help("Values, lines and spans of these that came in none, by reason.")
                   .Register(to);
  for (const auto& [name, counted] : posts.counters()) {
    for (std::size_t i = 0; i < post_fates; ++i)
      fates.Add({{"receiver", name}, {"outcome", to_string(static_cast<post_fate>(i))}})
          .Increment(static_cast<double>(counted.posts[i]));
    samples.Add({{"receiver", name}}).Increment(static_cast<double>(counted.samples));
    for (std::size_t i = 0; i < left_out_reasons; ++i)
      if (counted.left_out[i] != 0)
        left.Add({{"receiver", name}, {"reason", to_string(static_cast<left_out>(i))}})
            .Increment(static_cast<double>(counted.left_out[i]));
  }
}

}  // namespace faultline
