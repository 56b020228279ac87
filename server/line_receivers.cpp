// SPDX-License-Identifier: Apache-2.0
//
// Syslog and StatsD: what the line doors gathered, as bodies of frames.
#include <memory>
#include <string>
#include <utility>

#include "messages/event_codec.hpp"
#include "server/internal/receivers.hpp"
#include "transport/decode/frames.hpp"
#include "transport/decode/statsd.hpp"
#include "transport/decode/syslog_header.hpp"

namespace faultline {

namespace {

/// The event of a line of syslog.
class line_event final : public event_sink {
public:
  explicit line_event(payload_writer& to) : to_{to} {}
  void accept(std::size_t, const event_view& event) override {
    to_.add(event);
    taken = true;
  }
  void reject(std::size_t, reject_reason why, std::string_view) override { refused = why; }
  void drop_value(std::size_t, std::string_view) override {}
  bool taken = false;
  reject_reason refused{};

private:
  payload_writer& to_;
};

}  // namespace

receiver syslog_receiver() {
  receiver r;
  r.name = "syslog";
  r.door = event_door::syslog;
  r.read = [decoder = std::make_shared<payload_decoder>()](
               const http_request&, std::string_view body, post_tools& tools) -> outcome<void> {
    std::string_view sender, line;
    std::string made, readable;
    while (take_frame(body, sender, line)) {
      if (line.empty() || line.front() != '<') {
        tools.refuse_piece(line, "no line of syslog: it begins with no <PRI>");
        continue;
      }
      line_event to{tools.events};
      const auto whole = complete_syslog(line, sender, made);
      decoder->decode(whole, to);
      if (!to.taken && to.refused == reject_reason::bad_utf8)
        decoder->decode(readable_utf8(whole, readable), to);
      // One that breaks a rule is refused as by any other way: a dead letter with its reason.
      if (!to.taken) tools.events.add_payload(line);
    }
    return {};
  };
  return r;
}

receiver statsd_receiver() {
  receiver r;
  r.name = "statsd";
  r.door = event_door::statsd;
  struct state {
    statsd_gatherer gatherer;
    arrival_time flushed{};
  };
  r.read = [s = std::make_shared<state>()](const http_request& request, std::string_view body,
                                           post_tools& tools) -> outcome<void> {
    tools.namer.begin(naming_style::plain, {}, unix_ms(tools.now), tools.to_events);
    std::string_view sender, datagram;
    while (take_frame(body, sender, datagram)) {
      const auto taken = s->gatherer.take(datagram, sender);
      for (std::size_t i = 0; i < taken.malformed; ++i) tools.namer.leave_out(left_out::malformed);
      for (std::size_t i = 0; i < taken.too_many; ++i) tools.namer.leave_out(left_out::too_many);
    }
    if (s->flushed == arrival_time{}) s->flushed = tools.now;
    if (request.query.empty()) return {};  // not the end of an interval
    const auto passed_ms = unix_ms(tools.now) - unix_ms(s->flushed);
    if (passed_ms <= 0) return {};
    s->gatherer.flush(static_cast<double>(passed_ms) / 1000, unix_ms(tools.now), tools.namer);
    s->flushed = tools.now;
    return {};
  };
  return r;
}

}  // namespace faultline
