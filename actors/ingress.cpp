// SPDX-License-Identifier: Apache-2.0
#include "actors/ingress.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "messages/event_pieces.hpp"
#include "messages/identity.hpp"
#include "messages/payload_count.hpp"
#include "messages/text.hpp"
#include "processing/admission.hpp"

namespace faultline {

namespace {

/// A topic is whatever bytes a publisher sends; as an attribute it goes out again in labels, which
/// are text: nothing is kept of one that is not.
std::string_view topic_text(std::string_view topic) {
  constexpr std::size_t most_bytes = 256;
  if (check_name(topic) != text_fault::none) return {};
  return cut_utf8(topic, most_bytes);
}

}  // namespace

/// Takes the events of one payload, one by one, into the group.
struct ingress::taker final : event_sink {
  taker(ingress& o, group_commit::intake& i, publisher_account& f, const client_rights* r,
        std::string_view t, std::string_view p)
      : owner{o},
        into{i},
        from{f},
        rights{r},
        topic{topic_text(t)},
        payload{p},
        arrived{o.now_()} {}

  void accept(std::size_t index, const event_view& event) override {
    ++offered;
    const auto entity = owner.aliases_.of(event.entity);
    if (rights != nullptr && !rights->may_speak_of(entity)) {
      refuse(index, reject_reason::not_allowed, "this key may not speak of this entity");
      return;
    }
    const auto verdict = admit(event, arrived, owner.processing_);
    if (verdict.refused) {
      refuse(index, *verdict.refused, verdict.text);
      return;
    }
    if (const char* why = owner.refuse_entity(entity, from, rights, arrived)) {
      refuse(index, reject_reason::entity_limit, why);
      return;
    }
    if (event.has_ts && (!newest || *newest < event.ts)) newest = event.ts;
    auto& e = owner.scratch_;
    e = event;
    e.ts = verdict.ts;
    e.has_ts = true;
    e.arrived = arrived;
    e.entity = entity;
    name_others(e);
    if (!topic.empty()) add_topic(e);
    into.add(e);
    owner.joiner_.note(e, std::min(unix_ms(e.ts), unix_ms(arrived)));
    ++result.accepted;
  }

  void name_others(event_view& e) const {
    if (owner.aliases_.empty()) return;
    e.peer = owner.aliases_.of(e.peer);
    for (auto& d : e.depends_on) d = owner.aliases_.of(d);
  }

  void reject(std::size_t index, reject_reason reason, std::string_view text) override {
    ++offered;
    refuse(index, reason, text);
  }

  void refuse(std::size_t index, reject_reason reason, std::string_view text) {
    ++rejected[static_cast<std::size_t>(reason)];
    result.rejected.push_back(rejected_event{index, reason, std::string{text}});
    if (may_keep_letter(from, reason, arrived))
      owner.letter(into, to_string(reason), source_of(from),
                   "event " + std::to_string(index) + ": " + std::string{text}, piece(index),
                   letter_content::event);
    else
      ++unlettered[static_cast<std::size_t>(reason)];
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
  publisher_account& from;
  const client_rights* rights;  ///< none: no key was asked for
  std::string_view topic, payload;
  arrival_time arrived;
  std::vector<std::string_view> pieces;  ///< of the payload, once one is refused
  taken result;
  std::size_t offered = 0;
  std::array<std::uint32_t, reject_reason_slots> rejected{};
  std::array<std::uint32_t, reject_reason_slots> unlettered{};
  std::optional<event_time> newest;  ///< of those taken that name a time
  std::size_t dropped_values = 0;
};

ingress::ingress(ingress_peers peers, ingress_options options)
    : into_{peers.into},
      known_{peers.known},
      counters_{peers.counters},
      processing_{options.processing},
      entities_{options.entities},
      intake_{options.intake},
      now_{std::move(peers.now)},
      aliases_{std::move(options.aliases)},
      publishers_{intake_.max_lag_records / lag_parts},
      new_entities_{static_cast<double>(entities_.max_new_per_second), now_()},
      joiner_{intake_.join_memory_bytes} {}

ingress::~ingress() = default;

const char* ingress::refuse_entity(std::string_view entity, publisher_account& from,
                                   const client_rights* rights, arrival_time now) {
  const auto hash = stable_hash(entity);
  // After a start: whom the store knows is not read yet, so nobody can be said to be new.
  if (known_.knows(hash) || !counters_.entities_known()) return nullptr;
  // Let in but not yet there: known to the registry alone.
  const auto there = counters_.entities.load(std::memory_order_relaxed);
  const auto coming = known_.size() > there ? known_.size() - there : 0;
  const auto active = counters_.room_taken() + coming;
  if (entities_.max_active != 0 && active >= entities_.max_active)
    return "too many active entities: see entities.memory and entities.max_active";
  const auto number = rights == nullptr ? from.number : clients_.of(*rights, now).number;
  if (rights != nullptr && rights->max_entities != 0 &&
      known_.introduced(number) >= rights->max_entities)
    return "too many new entities of this key: see its max-entities";
  if (entities_.max_per_publisher != 0 && known_.introduced(number) >= entities_.max_per_publisher)
    return "too many new entities of this publisher: see entities.max_per_publisher";
  if (!new_entities_.take(from, now))
    return "too many new entities at once: see entities.max_new_per_second";
  known_.add(hash, number);
  return nullptr;
}

/// While partitions catch up, what comes is not applied yet, and taking it in delays them. So
/// requests beyond an eighth of the lag limit are taken at the pace of another eighth a second,
/// shared by their publishers as what is applied is; the rest is told `retry`. What needs no answer
/// is not slowed: it would be lost.
bool ingress::paced(const publisher_account& from) const {
  const bool answered = from.door == event_door::router || from.door == event_door::http;
  return answered && counters_.recovering() &&
         counters_.lag() >= intake_.max_lag_records / lag_parts;
}

void ingress::pass_time(arrival_time now) {
  constexpr double longest_s = 1;
  const auto passed_ms = std::llround(1000 * std::min(passed_since(paced_at_, now), longest_s));
  if (counters_.recovering())
    paced_ += intake_.max_lag_records / lag_parts * static_cast<std::uint64_t>(passed_ms);
  publishers_.pass_time(now,
                        counters_.finished.load(std::memory_order_relaxed) + paced_ / thousandths);
}

const char* ingress::reason() const {
  const bool room = into_.has_room() && counters_.recovering();
  return room ? "catching up after a restart" : into_.reason();
}

bool ingress::may_take(publisher_account& from, arrival_time now) {
  pass_time(now);
  const bool may = has_room_for(from);
  if (!may) no_room_.fetch_add(1, std::memory_order_relaxed);
  return may;
}

bool ingress::has_room_for(const publisher_account& from) const {
  const auto room = into_.room();
  if (room == group_commit::room_left::all && paced(from)) return publishers_.within_share(from);
  switch (room) {
    case group_commit::room_left::all:
      return true;
    case group_commit::room_left::fair:
      return publishers_.within_share(from);
    case group_commit::room_left::tight:
      return publishers_.is_first(from);
    case group_commit::room_left::none:
      break;
  }
  return false;
}

void ingress::letter(group_commit::intake& into, std::string_view reason, std::string_view source,
                     std::string_view text, std::string_view payload, letter_content content) {
  into.add(dead_letter{std::string{reason}, now_(), std::string{source}, std::string{text},
                       std::string{payload}, content});
}

publisher_account& ingress::account(event_door door, std::string_view said, const sender& who,
                                    arrival_time now) {
  return publishers_.of(door, who.rights != nullptr ? std::string_view{who.rights->name} : said,
                        now);
}

ingress::taken ingress::take(group_commit::intake& into, publisher_account& from,
                             const client_rights* rights, std::string_view topic,
                             std::string_view payload) {
  taker sink{*this, into, from, rights, topic, payload};
  const auto read = decoder_.decode(payload, sink);
  if (!read.readable) {
    sink.result.readable = false;
    sink.result.rejected.push_back(rejected_event{std::nullopt, read.reason, read.text});
    if (may_keep_letter(from, read.reason, sink.arrived))
      letter(into, to_string(read.reason), source_of(from), read.text, payload,
             letter_content::payload);
    else
      into.count((unlettered_prefix + to_string(read.reason)).c_str(), 1);
    door_sums::add(counters_.doors.undecodable, read.reason);
  }
  count(into, from, sink);
  count_spans();
  if (calls_due(sink.arrived)) tell_calls(into, sink.arrived);
  if (rights != nullptr) clients_.use(*rights, sink.offered, sink.arrived);
  return std::move(sink.result);
}

/// One payload is one addition to each counter it touches.
void ingress::count(group_commit::intake& into, publisher_account& from, const taker& sink) {
  auto& sums = counters_.doors;
  const auto accepted = sink.result.accepted;
  const auto refused = sink.offered - accepted;
  publishers_.use(from, sink.offered);
  from.accepted += accepted;
  from.rejected += refused;
  if (sink.newest)
    from.skew.add(milliseconds{unix_ms(sink.arrived) - unix_ms(*sink.newest)}, sink.arrived);
  door_sums::add(sums.offered, from.door, sink.offered);
  if (accepted != 0) {
    door_sums::add(sums.admitted, from.door, accepted);
    into.count("accepted", accepted);
  }
  if (refused != 0) into.count("rejected", refused);
  for (std::size_t i = 0; refused != 0 && i < sink.rejected.size(); ++i) {
    if (sink.rejected[i] != 0) door_sums::add(sums.rejected, i, sink.rejected[i]);
    if (sink.unlettered[i] != 0)
      into.count((unlettered_prefix + to_string(static_cast<reject_reason>(i))).c_str(),
                 sink.unlettered[i]);
  }
  if (sink.dropped_values != 0) {
    sums.values_dropped.fetch_add(sink.dropped_values, std::memory_order_relaxed);
    into.count("dropped_values", sink.dropped_values);
  }
}

void ingress::shed(publisher_account& from, std::string_view payload) {
  const auto events = claimed_events(payload);
  publishers_.use(from, 0);
  from.shed += events;
  door_sums::add(counters_.doors.messages, message_fate::shed);
  door_sums::add(counters_.doors.offered, from.door, events);
  door_sums::add(counters_.doors.shed, from.door, events);
}

void ingress::on_event_payload(const event_source& from, std::string_view topic,
                               std::string_view payload) {
  const auto now = now_();
  const std::lock_guard<std::mutex> guard{publishers_.mutex()};
  if (!may_send(from.who, now)) {
    door_sums::add(counters_.doors.messages, message_fate::not_allowed);
    return;
  }
  const client_rights* rights = from.who.rights;
  auto& who = account(door_of(from), from.peer, from.who, now);
  if (!may_take(who, now) || (rights != nullptr && !clients_.within_rate(*rights, now))) {
    shed(who, payload);
    return;
  }
  auto into = into_.begin();
  door_sums::add(counters_.doors.messages, message_fate::taken);
  take(into, who, rights, topic, payload);
  into.wake();
}

/// What promises nothing keeps the order of replies while something may wait.
void ingress::tell(group_commit::intake& into, reply_address to, std::string frame) {
  if (into_.room() == group_commit::room_left::none)
    into.reply_now(to, std::move(frame));
  else
    into.reply_when_durable(std::move(to), std::move(frame));
}

/// What was taken may still be on its way to the disk, so what is said of it waits. While nothing
/// more may wait, nothing is said.
void ingress::promise(group_commit::intake& into, reply_address to, const publish_header& head,
                      request_fate fate, std::string frame) {
  const bool full = into_.room() == group_commit::room_left::none;
  door_sums::add(counters_.doors.requests, full ? request_fate::retry : fate);
  if (full) no_room_.fetch_add(1, std::memory_order_relaxed);
  if (full)
    into.reply_now(to, retry_reply(head.seq, intake_.retry_after_ms, reason(), head.encoding));
  else
    into.reply_when_durable(std::move(to), std::move(frame));
}

void ingress::on_request(reply_address from, const sender& who, std::string_view header,
                         std::string_view payload) {
  const auto head = decode_publish_header(header);
  const auto now = now_();
  const bool may = may_send(who, now);
  if (!head && may) {
    on_bad_request(std::move(from), who, header, to_string(reject_reason::bad_header),
                   head.error().what);
    return;
  }
  const std::lock_guard<std::mutex> guard{publishers_.mutex()};
  auto into = into_.begin();
  const auto fate = [this](request_fate f) { door_sums::add(counters_.doors.requests, f); };
  if (!may) return refuse_sender(into, from, header);
  const auto key = window_key(*head, who.rights == nullptr ? std::string{} : who.rights->name);
  if (head->op_last) {
    const auto& w = into.window(key);
    promise(into, std::move(from), *head, request_fate::last,
            last_reply(w.last(), w.missing(), head->encoding));
    return;
  }
  if (payload.size() > payload_limits::bytes) {
    fate(request_fate::too_large);
    const auto text = "the payload has " + std::to_string(payload.size()) + " bytes";
    refuse(into,
           {account(event_door::router, head->publisher, who, now), who.rights, "payload_too_large",
            text, payload, letter_content::payload},
           now);
    tell(into, std::move(from),
         error_reply("too_large", "a payload has at most 1 MiB", head->seq, head->encoding));
    return;
  }
  answer(into, asked{std::move(from), who, *head, key, payload});
}

void ingress::answer(group_commit::intake& into, asked request) {
  const auto hash = stable_hash(request.payload);
  auto& from = request.from;
  const auto& head = request.head;
  const auto fate = [this](request_fate f) { door_sums::add(counters_.doors.requests, f); };
  switch (into.window(request.key).check(head.seq, hash)) {
    case seq_verdict::fresh: {
      auto ack = take_fresh(into, request, hash);
      if (ack) into.reply_when_durable(std::move(from), std::move(*ack));
      return;
    }
    case seq_verdict::duplicate:
      promise(into, std::move(from), head, request_fate::duplicate,
              duplicate_reply(head.seq, head.encoding));
      return;
    case seq_verdict::conflict:
      fate(request_fate::conflict);
      tell(into, std::move(from),
           error_reply("conflict", "this seq was taken with other content", head.seq,
                       head.encoding));
      return;
    case seq_verdict::too_old:
      fate(request_fate::too_old);
      tell(into, std::move(from),
           error_reply("too_old", "below the last 1,024 seqs: ask op last", head.seq,
                       head.encoding));
      return;
  }
}

/// @returns the acknowledgement, or nothing when the publisher was told to send again.
std::optional<std::string> ingress::take_fresh(group_commit::intake& into, const asked& request,
                                               std::uint64_t hash) {
  const auto now = now_();
  const auto& head = request.head;
  const client_rights* rights = request.who.rights;
  auto& who = account(event_door::router, head.publisher, request.who, now);
  const bool in_rate = rights == nullptr || clients_.within_rate(*rights, now);
  if (!in_rate || !may_take(who, now)) {
    publishers_.use(who, 0);
    ++who.retried;
    door_sums::add(counters_.doors.requests, request_fate::retry);
    const char* why = in_rate ? reason() : "over the rate of this key";
    into.reply_now(request.from, retry_reply(head.seq, intake_.retry_after_ms, why, head.encoding));
    return std::nullopt;
  }
  door_sums::add(counters_.doors.requests, request_fate::taken);
  into.took(request.key, head.seq, hash);
  const auto result = take(into, who, rights, {}, request.payload);
  return ack_reply(head.seq, result.accepted, result.rejected, head.encoding);
}

}  // namespace faultline
