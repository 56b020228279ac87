// SPDX-License-Identifier: Apache-2.0
#include "actors/feed_door.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <caf/event_based_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/correlator_questions.hpp"
#include "actors/keeper.hpp"
#include "messages/feed_reply.hpp"

namespace faultline {

namespace {

/// How long who asks for a snapshot waits for it.
constexpr std::chrono::seconds snapshot_deadline{5};
/// What an answer takes as a rule, and no more than the feed may be late by.
constexpr std::chrono::milliseconds answered_soon{1};

/// Messages that told what fires and is open last, by its key.
struct told_last {
  std::map<std::string, std::string> alerts;
  std::map<std::string, std::string> incidents;
};

outcome<void> note(told_last& told, std::string payload) {
  const auto item = read_feed_payload(payload);
  if (!item) return item.error();
  const auto keep = [&payload](auto& all, const std::string& key, bool holds) {
    all.erase(key);
    if (holds) all.emplace(key, std::move(payload));
  };
  if (item->kind == "alert")
    keep(told.alerts, record_key(item->alert), item->alert.state == alert_state::firing);
  else if (item->kind == "incident")
    keep(told.incidents, record_key(item->incident), item->incident.state == incident_state::open);
  return {};
}

std::map<std::string, std::string>& all_like(const alert&, told_last& told) { return told.alerts; }
std::map<std::string, std::string>& all_like(const incident&, told_last& told) {
  return told.incidents;
}

/// The feed's message that told @p record last; where it is beyond retention, the record with its
/// seq and without `published`. Nothing while no message of it is out, and where that one told its
/// end: the decision that brought it may be skipped since.
template <class Record>
outcome<void> note_last(told_last& told, store& from, const Record& record) {
  feed_store& feed = from.feed();
  const auto seq = feed.record_seq(record_key(record));
  if (!seq) return seq.error();
  if (*seq == 0) return {};
  if (*seq > feed.last()) {  // written, and not on the disk yet: read() does not show it
    if (auto synced = from.sync(); !synced) return synced.error();
  }
  auto page = feed.read(*seq, 1, "");
  if (!page) return page.error();
  if (!page->records.empty() && page->records.front().seq == *seq)
    return note(told, std::move(page->records.front().payload));
  if (*seq > feed.last())
    return failure{ec::store_unavailable, "a record is on its way to the disk: ask again"};
  auto made = json_to_msgpack(to_json(record, *seq));
  if (!made) return made.error();
  all_like(record, told).emplace(record_key(record), std::move(*made));
  return {};
}

template <class Record>
outcome<void> note_told(told_last& told, store& from, const std::vector<Record>& records) {
  for (const Record& record : records)
    if (auto noted = note_last(told, from, record); !noted) return noted;
  return {};
}

/// What the messages behind @p seq say, to @p last.
outcome<void> note_later(told_last& told, feed_store& feed, std::uint64_t seq, std::uint64_t last) {
  constexpr std::size_t at_once = 256;
  while (seq < last) {
    auto page = feed.read(seq + 1, at_once, "");
    if (!page) return page.error();
    if (page->records.empty()) return {};
    for (auto& record : page->records) {
      if (record.seq > last) return {};
      if (auto noted = note(told, std::move(record.payload)); !noted) return noted;
    }
    seq = page->next - 1;
  }
  return {};
}

std::vector<std::string> payloads_of(std::map<std::string, std::string>&& told) {
  std::vector<std::string> payloads;
  payloads.reserve(told.size());
  for (auto& [key, payload] : told) payloads.push_back(std::move(payload));
  return payloads;
}

}  // namespace

/// What the correlator was asked: answered on a thread of the actors, looked at on the feed's.
class feed_door::question {
public:
  void tell(outcome<correlator_view> view) {
    const std::lock_guard<std::mutex> lock{mutex_};
    told_ = std::move(view);
    came_.notify_one();
  }
  std::optional<outcome<correlator_view>> take(std::chrono::milliseconds patience) {
    std::unique_lock<std::mutex> lock{mutex_};
    came_.wait_for(lock, patience, [this] { return told_.has_value(); });
    return std::exchange(told_, std::nullopt);
  }

private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::optional<outcome<correlator_view>> told_;
};

std::optional<outcome<std::string>> feed_door::snapshot(wire_encoding encoding, bool again,
                                                        std::chrono::milliseconds waited) {
  // It came when all had given up who waited for it: by now it may be old.
  if (asked_ && waiting_ == 0 && asked_->take(std::chrono::milliseconds{0})) asked_.reset();
  const bool fresh = asked_ == nullptr;
  if (fresh) {
    asked_ = std::make_shared<question>();
    system_.spawn([to = asked_, whom = correlator_](caf::event_based_actor* self) {
      // Until it answers or ends: who waits gives up by himself, and who comes later goes on.
      self->request(whom, caf::infinite, alerts_and_incidents())
          .then([to](correlator_view& view) { to->tell(std::move(view)); },
                [to](const caf::error& why) { to->tell(from_caf_error(why)); });
    });
  }
  if (!told_) told_ = asked_->take(fresh ? answered_soon : std::chrono::milliseconds{0});
  const bool late = waited >= snapshot_deadline;
  if (!told_ && !late) {
    if (!again) ++waiting_;
    return std::nullopt;
  }
  if (again && waiting_ != 0) --waiting_;
  if (!told_) return outcome<std::string>{failure{ec::deadline_passed, "no answer in time"}};
  auto reply = *told_ ? snapshot_of(**told_, encoding) : outcome<std::string>{told_->error()};
  if (waiting_ == 0) {
    asked_.reset();
    told_.reset();
    snapshots_.clear();
  }
  return reply;
}

outcome<std::string> feed_door::snapshot_of(const correlator_view& view, wire_encoding encoding) {
  if (const auto made = snapshots_.find(encoding); made != snapshots_.end()) return made->second;
  told_last told;
  if (auto noted = note_told(told, from_, view.firing); !noted) return noted.error();
  if (auto noted = note_told(told, from_, view.open); !noted) return noted.error();
  // Meanwhile more may have been told, also of these: all of that counts, and nothing behind it.
  const auto as_of = std::max(view.feed_seq, from_.feed().last());
  if (auto noted = note_later(told, from_.feed(), view.feed_seq, as_of); !noted)
    return noted.error();
  std::string made = snapshot_reply(as_of, payloads_of(std::move(told.alerts)),
                                    payloads_of(std::move(told.incidents)), encoding);
  if (waiting_ != 0) snapshots_.emplace(encoding, made);
  return made;
}

outcome<std::string> feed_door::replay(const feed_request& request) {
  auto page = from_.feed().read(request.from, request.limit, request.prefix);
  if (!page) return page.error();
  return replay_reply(page->records, page->next, from_.feed().oldest(), from_.feed().last(),
                      request.encoding);
}

std::optional<std::string> feed_door::on_feed_request(std::string_view bytes, bool again,
                                                      std::chrono::milliseconds waited) {
  const auto request = decode_feed_request(bytes);
  if (!request) return error_reply("bad_request", request.error().what, 0, encoding_of(bytes));
  std::optional<outcome<std::string>> reply;
  if (request->what == feed_request::op::snapshot)
    reply = snapshot(request->encoding, again, waited);
  else
    reply = replay(*request);
  if (!reply) return std::nullopt;
  if (*reply) return std::move(**reply);
  const failure& why = reply->error();
  return error_reply(to_string(why.code), why.what, 0, request->encoding);
}

std::string feed_door::heartbeat(std::uint64_t published) {
  const auto now = now_();
  return heartbeat_payload(std::max(before_, published), event_time_of(unix_ms(now)), now);
}

}  // namespace faultline
