// SPDX-License-Identifier: Apache-2.0
#include "actors/ingress.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "messages/event_pieces.hpp"
#include "messages/identity.hpp"
#include "messages/text.hpp"
#include "processing/admission.hpp"

namespace faultline {

namespace {

/// New entities are taken in bursts of this many seconds' worth.
constexpr double burst_seconds = 10;

/// A publisher's window belongs to (user, publisher, epoch); lengths keep the parts apart. The user
/// is empty until doors authenticate.
std::string window_key(const publish_header& h) {
  std::string key;
  for (const std::string& part : {std::string{}, h.publisher, h.epoch}) {
    key += std::to_string(part.size());
    key += ':';
    key += part;
  }
  return key;
}

/// A topic is whatever bytes a publisher sends; as an attribute it goes out again in labels, which
/// are text: nothing is kept of one that is not.
std::string_view topic_text(std::string_view topic) {
  constexpr std::size_t most_bytes = 256;
  if (check_name(topic) != text_fault::none) return {};
  return cut_utf8(topic, most_bytes);
}

}  // namespace

struct ingress::taken {
  bool readable = true;
  std::size_t accepted = 0;
  std::vector<rejected_event> rejected;
};

/// Takes the events of one payload, one by one, into the group.
struct ingress::taker final : event_sink {
  taker(ingress& o, group_commit::intake& i, std::string_view s, std::string_view t,
        std::string_view p)
      : owner{o}, into{i}, source{s}, topic{topic_text(t)}, payload{p}, arrived{o.now_()} {}

  void accept(std::size_t index, const event_view& event) override {
    ++offered;
    const auto verdict = admit(event, arrived, owner.processing_);
    if (verdict.refused) {
      refuse(index, *verdict.refused, verdict.text);
      return;
    }
    if (!owner.admit_entity(event.entity, arrived)) {
      refuse(index, reject_reason::entity_limit,
             "too many new entities: see entities.max_new_per_second and entities.max_active");
      return;
    }
    auto& e = owner.scratch_;
    e = event;
    e.ts = verdict.ts;
    e.has_ts = true;
    e.arrived = arrived;
    if (!topic.empty()) add_topic(e);
    into.add(e);
    ++result.accepted;
  }

  void reject(std::size_t index, reject_reason reason, std::string_view text) override {
    ++offered;
    refuse(index, reason, text);
  }

  void refuse(std::size_t index, reject_reason reason, std::string_view text) {
    ++rejected[static_cast<std::size_t>(reason)];
    result.rejected.push_back(rejected_event{index, reason, std::string{text}});
    owner.letter(into, to_string(reason), source,
                 "event " + std::to_string(index) + ": " + std::string{text}, piece(index),
                 letter_content::event);
  }

  /// The event alone, as it was sent.
  std::string_view piece(std::size_t index) {
    if (pieces.empty()) pieces = event_pieces(payload);
    return index < pieces.size() ? pieces[index] : payload;
  }

  void drop_value(std::size_t, std::string_view) override { ++dropped_values; }

  /// An event that says zmq.topic itself keeps its own.
  void add_topic(event_view& e) const {
    const auto own = std::find_if(e.attributes.begin(), e.attributes.end(),
                                  [](const attribute& a) { return a.key == "zmq.topic"; });
    if (own == e.attributes.end()) e.attributes.push_back(attribute{"zmq.topic", topic});
  }

  ingress& owner;
  group_commit::intake& into;
  std::string_view source, topic, payload;
  arrival_time arrived;
  std::vector<std::string_view> pieces;  ///< of the payload, once one is refused
  taken result;
  std::size_t offered = 0;
  std::array<std::uint32_t, reject_reason_slots> rejected{};
  std::size_t dropped_values = 0;
};

ingress::ingress(group_commit& into, entity_registry& known, node_counters& counters,
                 processing_options processing, entity_options entities, intake_options intake,
                 std::function<arrival_time()> now)
    : into_{into},
      known_{known},
      counters_{counters},
      processing_{processing},
      entities_{entities},
      intake_{intake},
      now_{std::move(now)},
      new_tokens_{entities.max_new_per_second * burst_seconds},
      tokens_at_{now_()} {}

ingress::~ingress() = default;

bool ingress::admit_entity(std::string_view entity, arrival_time now) {
  const auto hash = stable_hash(entity);
  if (known_.knows(hash)) return true;
  const auto passed = std::chrono::duration<double>(now - tokens_at_).count();
  if (passed > 0) {
    tokens_at_ = now;
    new_tokens_ = std::min(new_tokens_ + passed * entities_.max_new_per_second,
                           entities_.max_new_per_second * burst_seconds);
  }
  // Let in but not yet there: known to the registry alone.
  const auto there = counters_.entities.load(std::memory_order_relaxed);
  const auto coming = known_.size() > there ? known_.size() - there : 0;
  const auto active = counters_.entities_active.load(std::memory_order_relaxed) + coming;
  if (new_tokens_ < 1) return false;
  if (entities_.max_active != 0 && active >= entities_.max_active) return false;
  new_tokens_ -= 1;
  known_.add(hash);
  return true;
}

void ingress::letter(group_commit::intake& into, std::string_view reason, std::string_view source,
                     std::string_view text, std::string_view payload, letter_content content) {
  into.add(dead_letter{std::string{reason}, now_(), std::string{source}, std::string{text},
                       std::string{payload}, content});
}

ingress::taken ingress::take(group_commit::intake& into, event_door door, std::string_view source,
                             std::string_view topic, std::string_view payload) {
  taker sink{*this, into, source, topic, payload};
  const auto read = decoder_.decode(payload, sink);
  if (!read.readable) {
    sink.result.readable = false;
    sink.result.rejected.push_back(rejected_event{std::nullopt, read.reason, read.text});
    letter(into, to_string(read.reason), source, read.text, payload, letter_content::payload);
    door_sums::add(counters_.doors.undecodable, read.reason);
  }
  count(into, door, sink);
  return std::move(sink.result);
}

/// One payload is one addition to each counter it touches.
void ingress::count(group_commit::intake& into, event_door door, const taker& sink) {
  auto& sums = counters_.doors;
  const auto accepted = sink.result.accepted;
  door_sums::add(sums.offered, door, sink.offered);
  if (accepted != 0) {
    door_sums::add(sums.admitted, door, accepted);
    into.count("accepted", accepted);
  }
  if (sink.offered != accepted) {
    for (std::size_t reason = 0; reason < sink.rejected.size(); ++reason)
      if (sink.rejected[reason] != 0) door_sums::add(sums.rejected, reason, sink.rejected[reason]);
    into.count("rejected", sink.offered - accepted);
  }
  if (sink.dropped_values != 0) {
    sums.values_dropped.fetch_add(sink.dropped_values, std::memory_order_relaxed);
    into.count("dropped_values", sink.dropped_values);
  }
}

void ingress::on_event_payload(const event_source& from, std::string_view topic,
                               std::string_view payload) {
  const auto door = from.door == "subscribe" ? event_door::subscribe : event_door::pull;
  auto into = into_.begin();
  door_sums::add(counters_.doors.messages, message_fate::taken);
  take(into, door, from.door, topic, payload);
  into.wake();
}

bool ingress::may_read_events() { return into_.has_room(); }

void ingress::on_bad_request(reply_address from, std::string_view header, std::string_view why_code,
                             std::string_view text) {
  const auto read = decode_publish_header(header);
  // One that breaks a rule could be read: its encoding is known.
  const bool readable = read || read.error().code == ec::invalid;
  const auto encoding = readable ? encoding_of(header) : wire_encoding::json;
  auto& sums = counters_.doors;
  if (from.socket == reply_address::no_reply)
    door_sums::add(sums.messages, message_fate::bad_frames);
  else if (why_code == to_string(reject_reason::bad_header))
    door_sums::add(sums.requests, request_fate::bad_header);
  else
    door_sums::add(sums.requests, request_fate::bad_frames);
  auto into = into_.begin();
  if (into_.has_room()) letter(into, why_code, "router", text, header);
  into.reply_when_durable(std::move(from),
                          error_reply(why_code, text, read ? read->seq : 0, encoding));
}

void ingress::on_request(reply_address from, std::string_view header, std::string_view payload) {
  const auto head = decode_publish_header(header);
  if (!head) {
    on_bad_request(std::move(from), header, to_string(reject_reason::bad_header),
                   head.error().what);
    return;
  }
  auto into = into_.begin();
  const auto key = window_key(*head);
  const auto fate = [this](request_fate f) { door_sums::add(counters_.doors.requests, f); };
  if (head->op_last) {
    fate(request_fate::last);
    const auto& w = into.window(key);
    into.reply_when_durable(std::move(from), last_reply(w.last(), w.missing(), head->encoding));
    return;
  }
  if (payload.size() > payload_limits::bytes) {
    fate(request_fate::too_large);
    if (into_.has_room())
      letter(into, "payload_too_large", "router " + head->publisher,
             "the payload has " + std::to_string(payload.size()) + " bytes", payload,
             letter_content::payload);
    into.reply_when_durable(std::move(from), error_reply("too_large", "a payload has at most 1 MiB",
                                                         head->seq, head->encoding));
    return;
  }
  const auto hash = stable_hash(payload);
  std::string answer;
  switch (into.window(key).check(head->seq, hash)) {
    case seq_verdict::fresh: {
      if (!into_.has_room()) {
        fate(request_fate::retry);
        into.reply_now(
            from, retry_reply(head->seq, intake_.retry_after_ms, into_.reason(), head->encoding));
        return;
      }
      fate(request_fate::taken);
      into.took(key, head->seq, hash);
      const auto result = take(into, event_door::router, "router " + head->publisher, {}, payload);
      answer = ack_reply(head->seq, result.accepted, result.rejected, head->encoding);
      break;
    }
    case seq_verdict::duplicate:
      fate(request_fate::duplicate);
      answer = duplicate_reply(head->seq, head->encoding);
      break;
    case seq_verdict::conflict:
      fate(request_fate::conflict);
      answer = error_reply("conflict", "this seq was taken with other content", head->seq,
                           head->encoding);
      break;
    case seq_verdict::too_old:
      fate(request_fate::too_old);
      answer = error_reply("too_old", "below the last 1,024 seqs: ask op last", head->seq,
                           head->encoding);
      break;
  }
  // Also a `duplicate` waits: the request it repeats may still be on its way to the disk.
  into.reply_when_durable(std::move(from), std::move(answer));
}

}  // namespace faultline
