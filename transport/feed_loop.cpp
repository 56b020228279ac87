// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/feed_loop.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "messages/request.hpp"
#include "transport/internal/authenticator.hpp"

namespace faultline {

namespace {

constexpr std::string_view json_topic = "json/";
constexpr std::string_view heartbeat_topic = "feed/heartbeat";
constexpr std::chrono::seconds heartbeat_every{1};
constexpr std::int64_t ask_again_ms = 2;

/// Where a message of @p frame came by: the descriptor of the connection, which no other has while
/// it is open.
int connection_of(zmq::message_t& frame) {
  const char* descriptor = zmq_msg_gets(frame.handle(), "__fd");
  return descriptor == nullptr ? subscriptions::closed : std::atoi(descriptor);
}

}  // namespace

feed_loop::feed_loop(zmq::socket_t publisher, zmq::socket_t replay, std::size_t capacity,
                     guards guard, door_tally& tally)
    : publisher_{std::move(publisher)},
      replay_{std::move(replay)},
      capacity_{std::max<std::size_t>(capacity, 1)},
      guard_{std::move(guard)},
      tally_{tally},
      held_{tally} {
  publisher_.set(zmq::sockopt::xpub_verboser, true);
  if (guard_.access == nullptr) return;
  served_ = guard_.access->get();
  served_since_ = key_clock_now();
}

void feed_loop::start(feed_handler& handler) {
  if (thread_.joinable() || stopping_) return;
  handler_ = &handler;
  thread_ = std::thread{[this] { run(); }};
}

void feed_loop::publish(const feed_record& record, const std::vector<std::string>& topics) {
  outgoing out{record.seq, {record.topic}, record.payload};
  for (const std::string& topic : topics)
    if (std::find(out.topics.begin(), out.topics.end(), topic) == out.topics.end())
      out.topics.push_back(topic);
  bool first = false;
  {
    const std::lock_guard lock{mutex_};
    if (waiting_.size() >= capacity_) {
      waiting_.pop_front();
      door_tally::add(tally_.publish_dropped);
    }
    first = waiting_.empty();
    waiting_.push_back(std::move(out));
  }
  if (first) wake_.ring();
}

void feed_loop::stop() noexcept {
  stopping_ = true;
  wake_.ring();
  if (thread_.joinable()) thread_.join();
  authenticator::forget_socket(publisher_);
  authenticator::forget_socket(replay_);
}

void feed_loop::run() {
  next_beat_ = clock::now();
  while (!stopping_) {
    zmq_pollitem_t items[] = {{nullptr, wake_.fd(), ZMQ_POLLIN, 0},
                              {publisher_.handle(), 0, ZMQ_POLLIN, 0},
                              {replay_.handle(), 0, ZMQ_POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_beat_ - clock::now());
    std::int64_t most = std::max<std::int64_t>(left.count(), 0);
    if (!held_.empty()) most = std::min<std::int64_t>(most, held_replies::retry_ms);
    if (!unanswered_.empty()) most = std::min(most, ask_again_ms);
    wait_for(items, has_room() ? 3 : 2, static_cast<int>(most));
    if (items[0].revents != 0) wake_.clear();
    look_for_lost_rights();
    if (stopping_) break;
    read_subscriptions();
    if (stopping_) break;  // the socket may be closed
    publish_waiting(records_per_turn);
    held_.again();
    answer_waiting();
    if (items[2].revents != 0) answer_requests();
    if (clock::now() >= next_beat_) beat();
  }
  if (publisher_) publish_waiting(capacity_);
}

void feed_loop::read_subscriptions() {
  if (last_cut_ && clock::now() - *last_cut_ >= quiet_after_cut) {
    last_cut_.reset();
    subscribed_bound_ = most_subscribed_bytes;
  }
  for (std::size_t n = 0;
       n < subscriptions_per_turn && receive_frame(publisher_, message_.frames[0]); ++n) {
    note_subscription(message_.frames[0]);
    if (wanted_.bytes() > subscribed_bound_) return cut_subscriptions();
  }
}

void feed_loop::cut_subscriptions() {
  const sender last = sender_of(message_.frames[0], guard_.publisher ? served_.get() : nullptr);
  spdlog::warn("subscriptions take more than {} bytes: all are cut last_by=\"{}\"",
               subscribed_bound_, last.rights == nullptr ? "" : last.rights->name);
  // Who is cut comes back with all it wanted: more room for those who want a little too much, so
  // that not everybody is cut again and again.
  if (last_cut_) subscribed_bound_ = std::min(2 * subscribed_bound_, 4 * most_subscribed_bytes);
  last_cut_ = clock::now();
  rebind_publisher();
}

// subscription := (0 | 1) prefix     -- 1 somebody wants it, 0 nobody does any more
void feed_loop::note_subscription(zmq::message_t& message) {
  const std::string_view text{static_cast<const char*>(message.data()), message.size()};
  if (text.empty()) return;
  if (text[0] == '\1') wanted_.begin(text.substr(1), connection_of(message));
  if (text[0] == '\0') wanted_.end(text.substr(1), connection_of(message));
}

void feed_loop::publish_waiting(std::size_t most) {
  std::deque<outgoing> now;
  {
    const std::lock_guard lock{mutex_};
    if (waiting_.size() <= most) {
      now.swap(waiting_);
    } else {
      const auto last = waiting_.begin() + static_cast<std::ptrdiff_t>(most);
      now.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(last));
      waiting_.erase(waiting_.begin(), last);
      wake_.ring();
    }
  }
  for (const outgoing& record : now) send_record(record);
}

void feed_loop::send_record(const outgoing& record) {
  door_tally::add(tally_.published);
  sent_seq_ = std::max(sent_seq_, record.seq);
  for (const std::string& topic : record.topics) send_frames(topic, record.payload);
  if (!wanted_.wants_json()) return;
  const outcome<std::string> json = msgpack_to_json(record.payload);
  if (!json) return;  // a payload of ours that is not msgpack: the binary twin has gone out
  for (const std::string& topic : record.topics)
    send_frames(std::string{json_topic}.append(topic), *json);
}

void feed_loop::send_frames(std::string_view topic, std::string_view payload) {
  const auto part = [&](std::string_view bytes, int flags) {
    while (zmq_send(publisher_.handle(), bytes.data(), bytes.size(), flags | ZMQ_DONTWAIT) < 0)
      if (errno != EINTR) throw zmq::error_t{};
  };
  part(topic, ZMQ_SNDMORE);
  part(payload, 0);
}

void feed_loop::answer_requests() {
  for (std::size_t n = 0; n < requests_per_turn && has_room() && receive(replay_, message_); ++n) {
    // One empty frame is a request that cannot be read, and no envelope.
    const std::size_t body = message_.count == 2 ? 1 : begin_of_request(message_);
    auto envelope = envelope_of(message_, body);
    // A request of several frames is answered like one that cannot be read.
    const std::string_view request =
        message_.count == body + 1 ? message_[body] : std::string_view{};
    door_tally::add(tally_.feed_requests);
    if (!may_ask()) {
      held_.send(
          replay_, 0, message_[0], envelope,
          error_reply("not_allowed", "this key has no right to the feed", 0, encoding_of(request)));
      continue;
    }
    asked by{std::string{message_[0]}, std::move(envelope), std::string{request}};
    if (!waits(by.route) && answer(by)) continue;
    unanswered_bytes_ += by.request.size();
    unanswered_.push_back(std::move(by));
  }
}

/// In their order, as many as have a reply by now and are no more than a turn's.
void feed_loop::answer_waiting() {
  for (std::size_t n = 0; n < requests_per_turn && !unanswered_.empty(); ++n) {
    if (!answer(unanswered_.front())) return;
    unanswered_bytes_ -= unanswered_.front().request.size();
    unanswered_.pop_front();
  }
}

/// Who asks gets the replies in the order in which he asked.
bool feed_loop::waits(std::string_view route) const {
  return std::any_of(unanswered_.begin(), unanswered_.end(),
                     [&](const asked& by) { return by.route == route; });
}

/// Whether there is a reply to it by now.
bool feed_loop::answer(asked& by) {
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - by.came);
  auto reply = handler_->on_feed_request(by.request, std::exchange(by.before, true), waited);
  if (!reply) return false;
  held_.send(replay_, 0, by.route, by.envelope, std::move(*reply));
  return true;
}

/// Whether the sender of the request that was just read has the right to the feed.
bool feed_loop::may_ask() {
  if (!guard_.replay) return true;
  const auto list = guard_.access->get();
  const std::size_t last = std::min(message_.count, frame_list::kept) - 1;
  const sender who = sender_of(message_.frames[last], list.get());
  if (who.rights != nullptr && who.rights->feed && !who.rights->expired(key_clock_now()))
    return true;
  door_tally::add(tally_.feed_refused);
  return false;
}

void feed_loop::look_for_lost_rights() {
  if (!guard_.publisher) return;
  auto list = guard_.access->get();
  if (list == served_ && clock::now() < next_look_) return;
  next_look_ = clock::now() + std::chrono::seconds{1};  // keys expire
  const auto now = key_clock_now();
  if (somebody_lost_the_feed(*served_, served_since_, *list, now)) rebind_publisher();
  served_ = std::move(list);
  served_since_ = now;
}

/// libzmq never asks again who subscribed once, and forgets no subscription of who stays. So
/// everybody has to come anew: what they miss meanwhile they see by `seq` and ask for.
void feed_loop::rebind_publisher() {
  constexpr std::chrono::milliseconds pause{5};
  constexpr std::chrono::seconds patience{10};
  authenticator::forget_socket(publisher_);
  publisher_.set(zmq::sockopt::linger, 0);
  publisher_.close();
  wanted_.clear();
  door_tally::add(tally_.feed_rebound);
  const auto until = clock::now() + patience;
  while (!stopping_ && clock::now() < until) {
    if (auto fresh = guard_.bind_publisher()) {
      publisher_ = std::move(*fresh);
      publisher_.set(zmq::sockopt::xpub_verboser, true);
      return;
    }
    std::this_thread::sleep_for(pause);  // libzmq closes the old one on a thread of its own
  }
  if (!stopping_ && guard_.give_up) guard_.give_up("feed.publish cannot be bound again");
  stopping_ = true;
}

void feed_loop::beat() {
  wanted_.look_again();
  const std::string payload = handler_->heartbeat(sent_seq_);
  send_frames(heartbeat_topic, payload);
  if (wanted_.wants_json())
    if (const outcome<std::string> json = msgpack_to_json(payload); json)
      send_frames(std::string{json_topic}.append(heartbeat_topic), *json);
  next_beat_ = std::max(next_beat_ + heartbeat_every, clock::now());
}

}  // namespace faultline
