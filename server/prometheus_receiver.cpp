// SPDX-License-Identifier: Apache-2.0
//
// Prometheus: remote write 1.0, and what the scraper fetched.
#include <memory>
#include <string>
#include <utility>

#include "server/internal/receivers.hpp"
#include "transport/decode/prometheus.hpp"

namespace faultline {

namespace {

std::string_view query_of(const http_request& request, std::string_view key) {
  for (const auto& [name, value] : request.query)
    if (name == key) return value;
  return {};
}

}  // namespace

// Of what is answered with 4xx Prometheus gives the samples up, of 5xx it sends them again. So a
// request is refused with 400 only when something of it was refused and nothing taken: what is left
// out on purpose (staleness markers, buckets, what naming.drop names) is no reason, nor is what is
// beyond our bounds: of a large target whole requests are, with each scrape.
http_response nothing_or_400(const http_request&, const post_result& result,
                             std::uint64_t rejected) {
  const bool on_purpose = rejected == 0 || result.beyond_bounds != 0;
  if (result.accepted != 0 || (result.rejected == 0 && on_purpose)) {
    http_response taken;
    taken.status = 204;
    return taken;
  }
  return http_error(400, "refused", result.why);
}

void add_remote_write(receiver_routes& to) {
  receiver r;
  r.name = "remote_write";
  r.encoding = "snappy";
  r.read = [types = std::make_shared<prometheus_types>()](const http_request& request,
                                                          std::string_view body,
                                                          post_tools& tools) -> outcome<void> {
    const auto type = header_of(request, "Content-Type");
    if (type.find("io.prometheus.write.v2") != std::string_view::npos)
      return failure{ec::unsupported, "remote write 2.0 is not spoken here: send 1.0"};
    tools.namer.begin(naming_style::prometheus, {}, unix_ms(tools.now), tools.to_events);
    return read_remote_write(body, *types, tools.namer);
  };
  r.answer = nothing_or_400;
  r.refuse = plain_refusal;
  to.add("/api/v1/write", std::move(r));
}

namespace {

sample_labels target_of(const http_request& request) {
  return {{"instance", query_of(request, "instance")}, {"job", query_of(request, "job")}};
}

void tell_up(bool up, const http_request& request, post_tools& tools) {
  tools.namer.begin(naming_style::prometheus, {}, unix_ms(tools.now), tools.to_events);
  metric_sample s;
  s.name = "up";
  s.value = up ? 1 : 0;
  tools.namer.metric(s, target_of(request));
}

}  // namespace

receiver scrape_receiver() {
  receiver r;
  r.name = "scrape";
  r.door = event_door::scrape;
  r.unread = [](const http_request& request, post_tools& tools) { tell_up(false, request, tools); };
  r.read = [types = std::make_shared<prometheus_types>()](const http_request& request,
                                                          std::string_view body,
                                                          post_tools& tools) -> outcome<void> {
    tell_up(query_of(request, "up") == "1", request, tools);
    return read_exposition(body, target_of(request), *types, tools.namer);
  };
  return r;
}

}  // namespace faultline
