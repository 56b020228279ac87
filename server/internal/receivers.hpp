// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/receivers.hpp"

namespace faultline {

void add_otlp(receiver_routes& to);
void add_remote_write(receiver_routes& to);
void add_influx(receiver_routes& to);
void add_collectd(receiver_routes& to);

/// Of the bodies that line doors and scraper hand over; nobody waits for their answer.
receiver syslog_receiver();
receiver statsd_receiver();
receiver scrape_receiver();

/// 204, or 400 where nothing could be taken: for senders that give up what is answered 4xx.
http_response nothing_or_400(const http_request& request, const post_result& result,
                             std::uint64_t rejected);

/// {error: {code, message}}, for protocols that have no form of their own.
http_response plain_refusal(const http_request& request, int status, std::string_view message);

}  // namespace faultline
