// SPDX-License-Identifier: Apache-2.0
//
// Influx lines and collectd's JSON, by HTTP.
#include <string>
#include <utility>

#include "server/internal/receivers.hpp"
#include "transport/decode/collectd.hpp"
#include "transport/decode/influx.hpp"

namespace faultline {

namespace {

outcome<void> influx_lines(const http_request& request, std::string_view body, post_tools& tools) {
  std::string precision;
  for (const auto& [name, value] : request.query)
    if (name == "precision") precision = value;
  const auto unit = influx_precision_ns(precision);
  if (unit == 0) return failure{ec::malformed, "precision is none of ns, u, ms, s, m, h"};
  tools.namer.begin(naming_style::plain, {}, unix_ms(tools.now), tools.to_events);
  return read_influx(body, unit, tools.namer);
}

// As InfluxDB says it: 204, or 400 with what was wrong; the other lines are there.
http_response influx_answer(const http_request&, const post_result& result,
                            std::uint64_t rejected) {
  http_response r;
  r.status = 204;
  if (rejected == 0) return r;
  const bool none = result.accepted == 0;
  return http_error(400, none ? "refused" : "partial_write",
                    (none ? "nothing was taken: " : "partial write: ") + std::to_string(rejected) +
                        " values or lines refused" +
                        (result.why.empty() ? "" : ", first " + result.why));
}

}  // namespace

void add_influx(receiver_routes& to) {
  for (const char* path : {"/write", "/api/v2/write"}) {
    receiver r;
    r.name = "influx";
    r.read = influx_lines;
    r.answer = influx_answer;
    r.refuse = plain_refusal;
    to.add(path, std::move(r));
  }
}

void add_collectd(receiver_routes& to) {
  receiver r;
  r.name = "collectd";
  r.read = [](const http_request&, std::string_view body, post_tools& tools) {
    tools.namer.begin(naming_style::plain, {}, unix_ms(tools.now), tools.to_events);
    return read_collectd(body, tools.namer);
  };
  r.answer = nothing_or_400;
  r.refuse = plain_refusal;
  to.add("/collectd", std::move(r));
}

}  // namespace faultline
