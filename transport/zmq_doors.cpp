// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <system_error>
#include <utility>

#include "transport/doors.hpp"
#include "transport/internal/feed_loop.hpp"
#include "transport/internal/ingest_loop.hpp"

namespace faultline {

namespace {

/// Subscriptions are short; a replay request is one small map. Answers that a replay client does
/// not fetch are large, so few of them wait.
constexpr std::int64_t subscription_bytes = 4 * 1024;
constexpr std::int64_t replay_request_bytes = 64 * 1024;
constexpr int replay_high_water_mark = 16;

class zmq_doors final : public doors {
public:
  outcome<void> open(const socket_options& o);

  void start(ingest_handler& ingest, feed_handler& feed) override {
    ingest_->start(ingest);
    feed_->start(feed);
  }
  void reply(const reply_address& to, std::string frame) override {
    ingest_->reply(to, std::move(frame));
  }
  void publish(const feed_record& record, const std::vector<std::string>& topics) override {
    feed_->publish(record, topics);
  }
  door_counters counters() const override;
  std::vector<std::string> bound_endpoints() const override { return bound_; }
  void stop_reading() override { ingest_->stop_reading(); }
  void stop() override {
    ingest_->stop();
    feed_->stop();
  }

private:
  outcome<zmq::socket_t> bound(zmq::socket_type type, std::string_view what,
                               const std::string& endpoint, const socket_limits& limits);
  outcome<zmq::socket_t> subscribed(const std::string& endpoint, const socket_limits& limits);

  // Destroyed in reverse order: the loops close their sockets, then the context ends.
  zmq::context_t context_{1};
  door_tally tally_;
  std::vector<std::string> bound_;
  std::unique_ptr<ingest_loop> ingest_;
  std::unique_ptr<feed_loop> feed_;
};

outcome<zmq::socket_t> zmq_doors::bound(zmq::socket_type type, std::string_view what,
                                        const std::string& endpoint, const socket_limits& limits) {
  zmq::socket_t socket{context_, type};
  set_limits(socket, limits, endpoint);
  if (type == zmq::socket_type::router) socket.set(zmq::sockopt::router_mandatory, true);
  if (auto done = bind_socket(socket, what, endpoint); !done) return done.error();
  bound_.push_back(socket.get(zmq::sockopt::last_endpoint));
  return socket;
}

outcome<zmq::socket_t> zmq_doors::subscribed(const std::string& endpoint,
                                             const socket_limits& limits) {
  zmq::socket_t socket{context_, zmq::socket_type::sub};
  set_limits(socket, limits, endpoint);
  socket.set(zmq::sockopt::subscribe, "");
  if (auto done = connect_socket(socket, "subscribe", endpoint); !done) return done.error();
  return socket;
}

outcome<void> zmq_doors::open(const socket_options& o) {
  const socket_limits limits{o.high_water_mark, o.max_message_bytes};
  std::vector<event_socket> events;
  for (const std::string& endpoint : o.pull) {
    auto socket = bound(zmq::socket_type::pull, "ingest.pull", endpoint, limits);
    if (!socket) return socket.error();
    events.push_back({std::move(*socket), "pull", {}});
  }
  std::vector<zmq::socket_t> routers;
  for (const std::string& endpoint : o.router) {
    auto socket = bound(zmq::socket_type::router, "ingest.router", endpoint, limits);
    if (!socket) return socket.error();
    routers.push_back(std::move(*socket));
  }
  for (const std::string& endpoint : o.subscribe) {
    auto socket = subscribed(endpoint, limits);
    if (!socket) return socket.error();
    events.push_back({std::move(*socket), "subscribe", endpoint});
  }
  auto publisher = bound(zmq::socket_type::xpub, "feed.publish", o.publish,
                         {o.feed_high_water_mark, subscription_bytes});
  if (!publisher) return publisher.error();
  auto replay = bound(zmq::socket_type::router, "feed.replay", o.replay,
                      {replay_high_water_mark, replay_request_bytes});
  if (!replay) return replay.error();
  ingest_ = std::make_unique<ingest_loop>(std::move(routers), std::move(events), tally_);
  feed_ = std::make_unique<feed_loop>(std::move(*publisher), std::move(*replay), o.publish_queue,
                                      tally_);
  return {};
}

door_counters zmq_doors::counters() const {
  const auto read = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  door_counters c;
  c.event_messages = read(tally_.event_messages);
  c.requests = read(tally_.requests);
  c.bad_requests = read(tally_.bad_requests);
  c.replies = read(tally_.replies);
  c.replies_unroutable = read(tally_.replies_unroutable);
  c.published = read(tally_.published);
  c.publish_dropped = read(tally_.publish_dropped);
  c.feed_requests = read(tally_.feed_requests);
  c.bytes_in = read(tally_.bytes_in);
  return c;
}

}  // namespace

outcome<std::unique_ptr<doors>> open_doors(const socket_options& options) {
  if (options.high_water_mark < 1 || options.feed_high_water_mark < 1 ||
      options.max_message_bytes < 1)
    return failure{ec::invalid,
                   "high-water marks and max_message_bytes must be at least 1: "
                   "no socket is without a limit"};
  try {
    auto made = std::make_unique<zmq_doors>();
    if (auto opened = made->open(options); !opened) return opened.error();
    return std::unique_ptr<doors>{std::move(made)};
  } catch (const zmq::error_t& why) {
    return failure{ec::io_failed, std::string{"cannot set up the ZeroMQ sockets: "} + why.what()};
  } catch (const std::system_error& why) {
    return failure{ec::io_failed, std::string{"cannot set up the ZeroMQ sockets: "} + why.what()};
  }
}

}  // namespace faultline
