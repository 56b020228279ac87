// SPDX-License-Identifier: Apache-2.0
#include "transport/publisher_client.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "transport/internal/client_socket.hpp"

namespace faultline {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t max_window = 512;
constexpr milliseconds unsent_pause{20};  ///< nobody connected: look again after this
constexpr milliseconds shortest_retry{5};
constexpr milliseconds longest_retry{30000};

struct pending_request {
  std::string payload;
  client_clock::time_point taken;
  client_clock::time_point due;  ///< to be sent (again) then
  bool was_sent = false;
};

}  // namespace

struct publisher_client::impl {
  impl(publisher_options o, std::shared_ptr<zmq::context_t> c, zmq::socket_t s, kept_connection k)
      : options{std::move(o)}, context{std::move(c)}, socket{std::move(s)}, kept{std::move(k)} {
    next_seq = options.first_seq;
  }
  ~impl() {
    // Stops the monitor before its pair goes; it cannot fail on a socket that is open.
    zmq_socket_monitor(socket.handle(), nullptr, 0);
  }

  std::string header(std::uint64_t seq, bool op_last) const;
  bool transmit(std::uint64_t seq, pending_request& request);
  void pump(client_clock::time_point until);
  std::size_t take_replies();
  void take_reply(const publish_reply& reply);
  void finish(std::map<std::uint64_t, pending_request>::iterator at, const publish_reply& reply);
  void hold_back(std::uint64_t seq, std::uint32_t after_ms);
  void note_reconnect();
  void send_due();
  failure late(const char* what) const;

  publisher_options options;
  std::shared_ptr<zmq::context_t> context;
  zmq::socket_t socket;
  kept_connection kept;
  reply_observer observer;
  std::map<std::uint64_t, pending_request> pending;  ///< by seq: oldest first
  std::uint64_t next_seq = 1;
  client_clock::time_point next_due = client_clock::time_point::max();
  client_clock::time_point held_until{};
  bool was_connected = false;
  std::optional<failure> broken;
  std::optional<publish_reply> last_reply;
  publisher_counters counters;
  frame_list message;
};

std::string publisher_client::impl::header(std::uint64_t seq, bool op_last) const {
  publish_header h;
  h.publisher = options.publisher;
  h.epoch = options.epoch;
  h.seq = seq;
  h.op_last = op_last;
  h.encoding = options.encoding;
  return encode_publish_header(h);
}

bool publisher_client::impl::transmit(std::uint64_t seq, pending_request& request) {
  const auto now = client_clock::now();
  const bool sent = try_send(socket, header(seq, false), true) && try_send(socket, request.payload);
  if (sent && request.was_sent) ++counters.resent;
  request.was_sent = request.was_sent || sent;
  request.due = now + (sent ? options.resend_after : unsent_pause);
  next_due = std::min(next_due, request.due);
  return sent;
}

/// Works until a reply was taken or @p until has passed.
void publisher_client::impl::pump(client_clock::time_point until) {
  for (;;) {
    note_reconnect();
    const bool taken = take_replies() > 0;
    send_due();
    if (taken || broken || client_clock::now() >= until) return;
    zmq_pollitem_t items[] = {{socket.handle(), 0, ZMQ_POLLIN, 0},
                              {kept.monitor().handle(), 0, ZMQ_POLLIN, 0}};
    const auto look = client_clock::now() + kept_connection::pause;
    wait_for(items, 2, poll_ms_until(std::min({until, next_due, look})));
  }
}

std::size_t publisher_client::impl::take_replies() {
  std::size_t taken = 0;
  while (!broken && receive(socket, message)) {
    const auto reply = decode_publish_reply(message[0]);
    ++taken;
    if (reply)
      take_reply(*reply);
    else
      broken = failure{ec::malformed, "the server's reply cannot be read: " + reply.error().what};
  }
  return taken;
}

void publisher_client::impl::take_reply(const publish_reply& reply) {
  using kind = publish_reply::kind;
  if (reply.what == kind::last) {
    last_reply = reply;
    return;
  }
  if (reply.what == kind::error && reply.seq == 0) {
    broken = failure{ec::invalid, reply.code + ": " + reply.text};
    return;
  }
  const auto at = pending.find(reply.seq);
  if (at == pending.end()) return;  // the answer to a resend that was answered before
  if (reply.what != kind::retry) return finish(at, reply);
  ++counters.retries;
  if (options.heed_retry) return hold_back(reply.seq, reply.after_ms);
  ++counters.given_up;
  pending.erase(at);
}

void publisher_client::impl::finish(std::map<std::uint64_t, pending_request>::iterator at,
                                    const publish_reply& reply) {
  using kind = publish_reply::kind;
  ++counters.answered;
  if (reply.what == kind::ack) {
    counters.accepted += reply.accepted;
    counters.rejected += reply.rejected.size();
  } else if (reply.what == kind::duplicate) {
    ++counters.duplicates;
  } else {
    ++counters.refused;
  }
  const nanoseconds since = client_clock::now() - at->second.taken;
  pending.erase(at);
  if (observer) observer(reply, since);
}

void publisher_client::impl::hold_back(std::uint64_t seq, std::uint32_t after_ms) {
  const auto wait = std::clamp(milliseconds{after_ms}, shortest_retry, longest_retry);
  const auto due = client_clock::now() + wait;
  pending[seq].due = due;
  held_until = std::max(held_until, due);
  next_due = std::min(next_due, due);
}

/// After a reconnect nothing that was under way is sure to have arrived: all of it is due.
void publisher_client::impl::note_reconnect() {
  for (auto agreed = kept.look_after(socket).agreed; agreed > 0; --agreed) {
    if (was_connected) {
      ++counters.reconnects;
      for (auto& [seq, request] : pending) request.due = client_clock::now();
    }
    was_connected = true;
    next_due = client_clock::now();
    for (auto& [seq, request] : pending)
      if (!request.was_sent) request.due = next_due;
  }
}

void publisher_client::impl::send_due() {
  const auto now = client_clock::now();
  if (now < next_due) return;
  next_due = client_clock::time_point::max();
  bool open = true;
  for (auto& [seq, request] : pending) {
    if (request.due <= now && open)
      open = transmit(seq, request);
    else
      next_due = std::min(next_due, std::max(request.due, now + milliseconds{open ? 0 : 20}));
  }
}

failure publisher_client::impl::late(const char* what) const {
  return failure{ec::deadline_passed, std::string{what} + ": " + std::to_string(pending.size()) +
                                          " requests to " + options.endpoint + " are not answered"};
}

publisher_client::publisher_client(std::unique_ptr<impl> made) : impl_{std::move(made)} {}
publisher_client::~publisher_client() = default;

outcome<std::unique_ptr<publisher_client>> publisher_client::connect(
    const publisher_options& options) {
  if (options.window < 1 || options.window > max_window || options.first_seq < 1)
    return failure{ec::invalid, "window must be 1..512 and first_seq at least 1"};
  try {
    auto context = client_context();
    // Nothing lingers: what is not acknowledged is the caller's to send again.
    std::optional<kept_connection> kept;
    auto socket = open_client_socket(*context,
                                     {zmq::socket_type::dealer,
                                      "publisher",
                                      options.endpoint,
                                      {2048, 4LL * 1024 * 1024, 0},
                                      options.keys.get()},
                                     &kept);
    if (!socket) return socket.error();
    auto made =
        std::make_unique<impl>(options, std::move(context), std::move(*socket), std::move(*kept));
    return std::unique_ptr<publisher_client>{new publisher_client{std::move(made)}};
  } catch (const zmq::error_t& why) {
    return failure{ec::io_failed, why.what()};
  }
}

void publisher_client::observe(reply_observer observer) { impl_->observer = std::move(observer); }

outcome<std::uint64_t> publisher_client::send(std::string payload, milliseconds deadline) {
  const auto until = client_clock::now() + deadline;
  for (;;) {
    impl_->pump({});
    if (impl_->broken) return *impl_->broken;
    const auto now = client_clock::now();
    const bool full = impl_->pending.size() >= impl_->options.window;
    if (!full && now >= impl_->held_until) break;
    if (now >= until) return impl_->late("no room");
    impl_->pump(full ? until : std::min(until, impl_->held_until));
  }
  const std::uint64_t seq = impl_->next_seq++;
  const auto now = client_clock::now();
  auto& request = impl_->pending[seq] = pending_request{std::move(payload), now, now, false};
  ++impl_->counters.requests;
  impl_->transmit(seq, request);
  return seq;
}

outcome<std::size_t> publisher_client::poll(milliseconds wait) {
  impl_->pump(client_clock::now() + wait);
  if (impl_->broken) return *impl_->broken;
  return impl_->pending.size();
}

outcome<void> publisher_client::flush(milliseconds deadline) {
  const auto until = client_clock::now() + deadline;
  while (!impl_->pending.empty()) {
    impl_->pump(until);
    if (impl_->broken) return *impl_->broken;
    if (!impl_->pending.empty() && client_clock::now() >= until) return impl_->late("flush");
  }
  return {};
}

outcome<publish_reply> publisher_client::last(milliseconds deadline) {
  const auto until = client_clock::now() + deadline;
  impl_->last_reply.reset();
  auto ask_again = client_clock::now();
  while (!impl_->last_reply) {
    const auto now = client_clock::now();
    if (now >= until) return impl_->late("last");
    if (now >= ask_again) {
      const bool sent =
          try_send(impl_->socket, impl_->header(0, true), true) && try_send(impl_->socket, {});
      ask_again = now + (sent ? impl_->options.resend_after : unsent_pause);
    }
    impl_->pump(std::min(until, ask_again));
    if (impl_->broken) return *impl_->broken;
  }
  return *impl_->last_reply;
}

std::size_t publisher_client::unanswered() const noexcept { return impl_->pending.size(); }
std::uint64_t publisher_client::next_seq() const noexcept { return impl_->next_seq; }
const publisher_counters& publisher_client::counters() const noexcept { return impl_->counters; }
std::string_view publisher_client::refusal() const noexcept { return impl_->kept.refusal(); }

}  // namespace faultline
