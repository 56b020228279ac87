// SPDX-License-Identifier: Apache-2.0
#include "actors/feed_door.hpp"

#include <algorithm>
#include <chrono>

#include <caf/scoped_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "messages/feed_reply.hpp"

namespace faultline {

namespace {
constexpr std::chrono::seconds correlator_deadline{5};
}

outcome<std::string> feed_door::snapshot() {
  caf::scoped_actor asker{system_};
  outcome<std::string> reply{failure{ec::deadline_passed, "the correlator did not answer in time"}};
  asker->request(correlator_, correlator_deadline, correlator_question{true, true, false, false})
      .receive(
          [&](const correlator_view& view) {
            reply = snapshot_reply(view.feed_seq, view.firing, view.open, encoding_);
          },
          [&](const caf::error& why) { reply = from_caf_error(why); });
  return reply;
}

outcome<std::string> feed_door::replay(const feed_request& request) {
  auto page = from_.feed().read(request.from, request.limit, request.prefix);
  if (!page) return page.error();
  return replay_reply(page->records, page->next, from_.feed().oldest(), from_.feed().last(),
                      request.encoding);
}

std::string feed_door::on_feed_request(std::string_view bytes) {
  const auto request = decode_feed_request(bytes);
  if (!request) return error_reply("bad_request", request.error().what, 0, encoding_of(bytes));
  encoding_ = request->encoding;
  auto reply = request->what == feed_request::op::snapshot ? snapshot() : replay(*request);
  if (reply) return std::move(*reply);
  return error_reply(to_string(reply.error().code), reply.error().what, 0, request->encoding);
}

std::string feed_door::heartbeat(std::uint64_t published) {
  const auto now = now_();
  return heartbeat_payload(std::max(before_, published), event_time_of(unix_ms(now)), now);
}

}  // namespace faultline
