// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/ingest_loop.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "transport/internal/authenticator.hpp"

namespace faultline {

namespace {

/// While fire-and-forget sockets are closed their credit is looked at this often.
constexpr int closed_poll_ms = 2;
constexpr int idle_poll_ms = 1000;

class turn_of_a_socket {
public:
  bool goes_on(std::size_t messages) const noexcept {
    using clock = std::chrono::steady_clock;
    return messages == 0 || (messages < ingest_loop::messages_per_turn &&
                             clock::now() - begin_ < ingest_loop::time_per_turn);
  }

private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

void event_socket::close_to_peers() {
  const std::string endpoint = peer.empty() ? socket.get(zmq::sockopt::last_endpoint) : peer;
  const int done = peer.empty() ? zmq_unbind(socket.handle(), endpoint.c_str())
                                : zmq_disconnect(socket.handle(), endpoint.c_str());
  // One that is not there (any more) is closed.
  if (done != 0 && errno != ENOENT)
    spdlog::warn("socket stays open to its peers endpoint={} reason=\"{}\"", endpoint,
                 zmq_strerror(errno));
}

ingest_loop::ingest_loop(std::vector<request_socket> routers, std::vector<event_socket> events,
                         const current_access& access, door_tally& tally)
    : routers_{std::move(routers)},
      events_{std::move(events)},
      access_{access},
      tally_{tally},
      held_{tally} {
  items_.push_back({nullptr, wake_.fd(), ZMQ_POLLIN, 0});
  for (request_socket& router : routers_)
    items_.push_back({router.socket.handle(), 0, ZMQ_POLLIN, 0});
  for (event_socket& event : events_) items_.push_back({event.socket.handle(), 0, ZMQ_POLLIN, 0});
}

void ingest_loop::start(ingest_handler& handler) {
  if (thread_.joinable() || stopping_) return;
  handler_ = &handler;
  thread_ = std::thread{[this] { run(); }};
}

void ingest_loop::reply(const reply_address& to, std::string frame) {
  if (to.socket >= routers_.size()) return;  // reply_address::no_reply
  bool first = false;
  {
    const std::lock_guard lock{mutex_};
    if (replies_.size() >= max_replies) {
      door_tally::add(tally_.replies_unroutable);
      return;
    }
    first = replies_.empty();
    replies_.push_back({to, std::move(frame)});
  }
  if (first) wake_.ring();
}

void ingest_loop::stop_reading() {
  constexpr std::chrono::seconds patience{5};  // with who takes what is read
  if (quiet_.exchange(true) || !thread_.joinable()) return;
  wake_.ring();
  if (ended_.get_future().wait_for(patience) != std::future_status::ready)
    spdlog::warn("events that have come are not read to their end: they are not taken");
}

void ingest_loop::stop() noexcept {
  stopping_ = true;
  wake_.ring();
  if (thread_.joinable()) thread_.join();
  for (request_socket& router : routers_) authenticator::forget_socket(router.socket);
  for (event_socket& event : events_) authenticator::forget_socket(event.socket);
}

void ingest_loop::run() {
  while (!stopping_) {
    const bool reading = !quiet_;
    const bool events_open = reading && !events_.empty() && handler_->may_read_events();
    wait(reading, events_open);
    if (items_.front().revents != 0) wake_.clear();
    send_replies();
    if (!reading) {
      end_events();
      continue;
    }
    look_after_connections();
    for (std::size_t i = 0; i < routers_.size(); ++i)
      if ((items_[1 + i].revents & ZMQ_POLLIN) != 0) read_requests(i);
    if (!events_open) continue;
    for (std::size_t i = 0; i < events_.size(); ++i)
      if ((items_[1 + routers_.size() + i].revents & ZMQ_POLLIN) != 0) read_events(events_[i]);
  }
  send_replies();
}

void ingest_loop::wait(bool reading, bool events_open) {
  std::size_t count = 1;
  if (reading) count += routers_.size();
  if (events_open) count += events_.size();
  const bool closed = reading && !events_open && !events_.empty();
  const int idle = closed ? closed_poll_ms : idle_poll_ms;
  wait_for(items_.data(), count, held_.empty() ? idle : held_replies::retry_ms);
}

void ingest_loop::look_after_connections() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + kept_connection::pause;
  for (event_socket& event : events_) {
    if (!event.kept) continue;
    const auto heard = event.kept->look_after(event.socket);
    if (heard.refused)
      spdlog::warn(
          "subscription refused by its publisher, it is tried again endpoint={} reason=\"{}\"",
          event.peer, event.kept->refusal());
    if (!heard.broken) continue;
    door_tally::add(tally_.subscriptions_broken);
    spdlog::warn(
        "subscription ended by a message above ingest.max_message, or that is no ZMTP: it is begun "
        "anew endpoint={}",
        event.peer);
  }
}

void ingest_loop::read_requests(std::size_t router) {
  if (routers_[router].secured) list_ = access_.get();
  const turn_of_a_socket turn;
  for (std::size_t n = 0; turn.goes_on(n) && receive(routers_[router].socket, message_); ++n)
    take_request(router);
  send_replies();
}

// request := route envelope? header payload?     -- the envelope ends with an empty frame
void ingest_loop::take_request(std::size_t router) {
  door_tally::add(tally_.bytes_in, bytes_of_message());
  reply_address from;
  from.socket = static_cast<std::uint32_t>(router);
  from.route = message_[0];
  const std::size_t header = begin_of_request(message_);
  from.envelope = envelope_of(message_, header);
  const std::size_t frames = message_.count - header;
  const sender who = sender_of(last_frame(), routers_[router].secured ? list_.get() : nullptr);
  if (message_.count <= header || frames > 2) {
    door_tally::add(tally_.bad_requests);
    handler_->on_bad_request(std::move(from), who,
                             frames > 2 ? message_[header] : std::string_view{}, "bad_frames",
                             "a request is [header][payload]");
    return;
  }
  door_tally::add(tally_.requests);
  handler_->on_request(std::move(from), who, message_[header],
                       frames == 2 ? message_[header + 1] : std::string_view{});
}

void ingest_loop::read_events(event_socket& from) {
  if (from.secured) list_ = access_.get();
  const turn_of_a_socket turn;
  for (std::size_t n = 0; turn.goes_on(n); ++n) {
    if (n > 0 && !handler_->may_read_events()) break;
    if (!receive(from.socket, message_)) break;
    take_event(from);
  }
  send_replies();
}

/// What has come is read, the kernel's too, for a second at most; then nothing more comes in, and
/// what libzmq still hands over is read.
void ingest_loop::end_events() {
  constexpr std::chrono::seconds patience{2};
  if (events_ended_) return;
  events_ended_ = true;
  const auto begin = std::chrono::steady_clock::now();
  for (event_socket& event : events_) read_until_still(event, begin + patience / 2);
  for (event_socket& event : events_) event.close_to_peers();
  std::size_t left = 0;
  for (event_socket& event : events_)
    if (!read_until_still(event, begin + patience)) left += throw_away(event);
  if (left != 0)
    spdlog::warn("event messages had no room at the end and are lost messages={}", left);
  for (event_socket& event : events_) authenticator::forget_socket(event.socket);
  events_.clear();
  ended_.set_value();
}

/// @returns how many there were, as many as its sockets hold at most.
std::size_t ingest_loop::throw_away(event_socket& from) {
  constexpr std::size_t most = 1'000'000;
  std::size_t messages = 0;
  while (messages < most && receive(from.socket, message_)) ++messages;
  return messages;
}

/// @returns whether nothing more came before @p until.
bool ingest_loop::read_until_still(event_socket& from,
                                   std::chrono::steady_clock::time_point until) {
  constexpr int still_ms = 20;  // libzmq hands over what it was reading
  if (from.secured) list_ = access_.get();
  zmq_pollitem_t item{from.socket.handle(), 0, ZMQ_POLLIN, 0};
  for (;;) {
    wait_for(&item, 1, still_ms);
    send_replies();
    if ((item.revents & ZMQ_POLLIN) == 0) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
    if (!handler_->may_read_events())
      std::this_thread::sleep_for(std::chrono::milliseconds{closed_poll_ms});
    else if (receive(from.socket, message_))
      take_event(from);
  }
}

void ingest_loop::take_event(const event_socket& from) {
  door_tally::add(tally_.bytes_in, bytes_of_message());
  sender who = sender_of(last_frame(), from.secured ? list_.get() : nullptr);
  if (!from.proven_key.empty()) who.rights = list_->find(from.proven_key);
  const std::string_view peer =
      from.peer.empty() ? peers_.of(message_.frames[0]) : std::string_view{from.peer};
  const event_source source{from.source, peer, who};
  if (message_.count > 2) {
    door_tally::add(tally_.bad_requests);
    handler_->on_bad_event(source, message_[0], "bad_frames",
                           "an event message is [payload] or [topic][payload]");
    return;
  }
  door_tally::add(tally_.event_messages);
  const bool topic = message_.count == 2;
  handler_->on_event_payload(source, topic ? message_[0] : std::string_view{},
                             message_[topic ? 1 : 0]);
}

void ingest_loop::send_replies() {
  {
    const std::lock_guard lock{mutex_};
    sending_.swap(replies_);
  }
  held_.again();
  for (outgoing& out : sending_)
    held_.send(routers_[out.to.socket].socket, out.to.socket, out.to.route, out.to.envelope,
               std::move(out.frame));
  sending_.clear();
}

/// After a poll the first frame of a ROUTER has lost what ZAP said of its sender; the last has not.
zmq::message_t& ingest_loop::last_frame() noexcept {
  return message_.frames[std::min(message_.count, frame_list::kept) - 1];
}

std::size_t ingest_loop::bytes_of_message() const noexcept {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < message_.count && i < frame_list::kept; ++i)
    bytes += message_[i].size();
  return bytes;
}

}  // namespace faultline
