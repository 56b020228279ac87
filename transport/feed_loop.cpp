// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/feed_loop.hpp"

#include <algorithm>
#include <utility>

namespace faultline {

namespace {

constexpr std::string_view json_topic = "json/";
constexpr std::string_view heartbeat_topic = "feed/heartbeat";
constexpr std::chrono::seconds heartbeat_every{1};

/// A subscription to everything ("") wants no JSON by itself; one to "js" or "json/alert" does.
bool names_json(std::string_view prefix) {
  const std::size_t shared = std::min(prefix.size(), json_topic.size());
  return shared > 0 && prefix.substr(0, shared) == json_topic.substr(0, shared);
}

}  // namespace

feed_loop::feed_loop(zmq::socket_t publisher, zmq::socket_t replay, std::size_t capacity,
                     door_tally& tally)
    : publisher_{std::move(publisher)},
      replay_{std::move(replay)},
      capacity_{std::max<std::size_t>(capacity, 1)},
      tally_{tally} {}

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
}

void feed_loop::run() {
  zmq_pollitem_t items[] = {{nullptr, wake_.fd(), ZMQ_POLLIN, 0},
                            {publisher_.handle(), 0, ZMQ_POLLIN, 0},
                            {replay_.handle(), 0, ZMQ_POLLIN, 0}};
  next_beat_ = clock::now();
  while (!stopping_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_beat_ - clock::now());
    wait_for(items, 3, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (items[0].revents != 0) wake_.clear();
    read_subscriptions();
    publish_waiting(records_per_turn);
    if (items[2].revents != 0) answer_requests();
    if (clock::now() >= next_beat_) beat();
  }
  publish_waiting(capacity_);
}

void feed_loop::read_subscriptions() {
  for (std::size_t n = 0; n < subscriptions_per_turn && receive(publisher_, message_); ++n)
    if (message_.count == 1) note_subscription(message_[0]);
}

// subscription := (0 | 1) prefix     -- 1 somebody wants it, 0 nobody does any more
void feed_loop::note_subscription(std::string_view message) {
  if (message.empty()) return;
  const std::string_view prefix = message.substr(1);
  if (!names_json(prefix)) return;
  if (message[0] == '\1') {
    if (json_prefixes_.size() < max_json_prefixes)
      json_prefixes_.emplace(prefix);
    else
      json_overflow_ = true;
  } else if (message[0] == '\0') {
    const auto found = json_prefixes_.find(prefix);
    if (found != json_prefixes_.end()) json_prefixes_.erase(found);
  }
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
  if (!json_wanted()) return;
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
  for (std::size_t n = 0; n < requests_per_turn && receive(replay_, message_); ++n) {
    const bool delimiter = message_.count > 2 && message_[1].empty();
    const std::size_t body = delimiter ? 2 : 1;
    // A request of several frames is answered like one that cannot be read.
    const std::string_view request =
        message_.count == body + 1 ? message_[body] : std::string_view{};
    door_tally::add(tally_.feed_requests);
    const std::string answer = handler_->on_feed_request(request);
    if (send_to(replay_, message_[0], delimiter, answer) != send_result::sent)
      door_tally::add(tally_.replies_unroutable);
  }
}

void feed_loop::beat() {
  const std::string payload = handler_->heartbeat(sent_seq_);
  send_frames(heartbeat_topic, payload);
  if (json_wanted())
    if (const outcome<std::string> json = msgpack_to_json(payload); json)
      send_frames(std::string{json_topic}.append(heartbeat_topic), *json);
  next_beat_ = std::max(next_beat_ + heartbeat_every, clock::now());
}

}  // namespace faultline
