// SPDX-License-Identifier: Apache-2.0
// What is refused whole: of whom nothing is taken, and what cannot be read.
#include <mutex>
#include <utility>

#include "actors/ingress.hpp"

namespace faultline {

namespace {

/// Of whom no header could be read, and no key is asked for.
constexpr std::string_view unnamed = "(unnamed)";

}  // namespace

/// Socket and publisher, as dead letters name them. A connection is no name that says anything
/// later.
std::string ingress::source_of(const publisher_account& a) {
  const bool connection = a.door == event_door::pull || a.door == event_door::subscribe;
  if (connection || a.name == unnamed) return to_string(a.door);
  return std::string{to_string(a.door)} + " " + a.name;
}

/// Whether @p who may send events now, so far as its key goes.
bool ingress::may_send(const sender& who, arrival_time now) {
  return !who.proven || (who.rights != nullptr && who.rights->ingest && !who.rights->expired(now));
}

void ingress::refuse_sender(group_commit::intake& into, const reply_address& from,
                            std::string_view header) {
  const auto read = decode_publish_header(header);
  door_sums::add(counters_.doors.requests, request_fate::not_allowed);
  into.reply_now(from, error_reply("not_allowed", "this key may not send events, or not any more",
                                   read ? read->seq : 0, encoding_of(header)));
}

/// A dead letter, as long as its sender's key is within its rate and the sender has letters left;
/// counted always. It costs a key as much as an event does.
void ingress::refuse(group_commit::intake& into, const unreadable& what, arrival_time now) {
  publishers_.use(what.from, 0);
  const bool in_rate = what.rights == nullptr || clients_.within_rate(*what.rights, now);
  if (in_rate && what.rights != nullptr) clients_.use(*what.rights, 1, now);
  if (in_rate && into_.has_room() && may_keep_letter(what.from, reject_reason::bad_header, now))
    letter(into, what.reason, source_of(what.from), what.text, what.content, what.kind);
  else
    into.count((unlettered_prefix + std::string{what.reason}).c_str(), 1);
  into.wake();
}

void ingress::on_unreadable(event_door door, std::string_view from, reject_reason reason,
                            std::string_view text, std::string_view body) {
  const auto now = now_();
  const std::lock_guard<std::mutex> guard{publishers_.mutex()};
  auto into = into_.begin();
  refuse(into, {account(door, from, {}, now), nullptr, to_string(reason), text, body}, now);
  door_sums::add(counters_.doors.undecodable, reason);
}

void ingress::on_own_failure(event_door door, std::string_view from, std::string_view body) {
  const auto now = now_();
  const std::lock_guard<std::mutex> guard{publishers_.mutex()};
  auto into = into_.begin();
  refuse(into, {account(door, from, {}, now), nullptr, "internal_error", own_failure_text, body},
         now);
}

void ingress::on_bad_request(reply_address from, const sender& who, std::string_view header,
                             std::string_view why_code, std::string_view text) {
  const auto now = now_();
  const std::lock_guard<std::mutex> guard{publishers_.mutex()};
  auto into = into_.begin();
  if (!may_send(who, now)) return refuse_sender(into, from, header);
  const auto read = decode_publish_header(header);
  // One that breaks a rule could be read: its encoding is known.
  const bool readable = read || read.error().code == ec::invalid;
  const auto encoding = readable ? encoding_of(header) : wire_encoding::json;
  const bool bad_header = why_code == to_string(reject_reason::bad_header);
  door_sums::add(counters_.doors.requests,
                 bad_header ? request_fate::bad_header : request_fate::bad_frames);
  const auto name = read ? std::string_view{read->publisher} : unnamed;
  refuse(into, {account(event_door::router, name, who, now), who.rights, why_code, text, header},
         now);
  tell(into, std::move(from), error_reply(why_code, text, read ? read->seq : 0, encoding));
}

void ingress::on_bad_event(const event_source& from, std::string_view first,
                           std::string_view why_code, std::string_view text) {
  const auto now = now_();
  const std::lock_guard<std::mutex> guard{publishers_.mutex()};
  const bool may = may_send(from.who, now);
  door_sums::add(counters_.doors.messages,
                 may ? message_fate::bad_frames : message_fate::not_allowed);
  if (!may) return;
  auto into = into_.begin();
  auto& who = account(door_of(from), from.peer, from.who, now);
  refuse(into, {who, from.who.rights, why_code, text, first}, now);
}

}  // namespace faultline
