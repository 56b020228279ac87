// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

#include "transport/addresses.hpp"
#include "transport/doors.hpp"
#include "transport/internal/authenticator.hpp"
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
  zmq_doors(const socket_options& options, std::function<void(const std::string&)> give_up)
      : options_{options}, give_up_{std::move(give_up)} {}
  ~zmq_doors() override { stop(); }

  outcome<void> open();

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
  outcome<reload_step<client_changes>> read_clients_again() override;
  void stop_reading() override { ingest_->stop_reading(); }
  void stop() override;

private:
  struct place {
    zmq::socket_type type;
    std::string_view what;
    std::string endpoint;
    socket_limits limits;
    curve_domain domain;
  };
  bool asks(std::string_view endpoint) const {
    return options_.security.curve == curve_mode::always || !is_local(endpoint);
  }
  outcome<void> open_security();
  outcome<void> open_ingest();
  outcome<void> open_feed();
  outcome<void> send_canaries();
  outcome<zmq::socket_t> bound(const place& at);
  outcome<event_socket> subscribed(const std::string& endpoint, const socket_limits& limits);
  std::optional<zmq::socket_t> publisher_anew(const place& at, bool secured);

  socket_options options_;
  std::function<void(const std::string&)> give_up_;
  // Destroyed in reverse order: the loops close their sockets, then nobody asks the authenticator
  // any more, then the context ends.
  zmq::context_t context_{1};
  door_tally tally_;
  std::vector<std::string> bound_;
  curve_identity own_;
  current_access access_{std::make_shared<access_list>()};
  std::unique_ptr<authenticator> authenticator_;                  ///< none: no socket asks for keys
  std::vector<std::pair<zmq::socket_type, std::string>> asking_;  ///< sockets that ask for keys
  std::vector<request_socket> routers_;  ///< until there is a loop, like the next
  std::vector<event_socket> events_;
  std::unique_ptr<ingest_loop> ingest_;
  std::unique_ptr<feed_loop> feed_;
};

outcome<zmq::socket_t> zmq_doors::bound(const place& at) {
  zmq::socket_t socket{context_, at.type};
  socket_limits limits = at.limits;
  limits.always_read = at.type != zmq::socket_type::pull;
  set_limits(socket, limits, at.endpoint);
  if (at.type == zmq::socket_type::router) socket.set(zmq::sockopt::router_mandatory, true);
  const bool secured = asks(at.endpoint);
  if (secured) {
    ask_for_keys(socket, own_, at.domain);
    authenticator_->watch_socket(socket, at.domain);
  }
  if (auto done = bind_socket(socket, at.what, at.endpoint); !done) {
    authenticator::forget_socket(socket);
    return done.error();
  }
  bound_.push_back(socket.get(zmq::sockopt::last_endpoint));
  if (secured) asking_.emplace_back(at.type, bound_.back());
  return socket;
}

outcome<event_socket> zmq_doors::subscribed(const std::string& endpoint,
                                            const socket_limits& limits) {
  const auto list = access_.get();
  const client_rights* publisher = list->behind(endpoint);
  if (publisher == nullptr && !is_local(endpoint))
    return failure{ec::invalid, "ingest.subscribe " + no_client_behind(endpoint)};
  zmq::socket_t socket{context_, zmq::socket_type::sub};
  socket_limits of_events = limits;
  of_events.always_read = false;
  set_limits(socket, of_events, endpoint);
  if (publisher != nullptr) prove_keys(socket, own_, publisher->public_key);
  socket.set(zmq::sockopt::subscribe, "");
  kept_connection kept{context_, socket, endpoint};
  if (auto done = connect_socket(socket, "subscribe", endpoint); !done) {
    authenticator::forget_socket(socket);
    return done.error();
  }
  return event_socket{std::move(socket),
                      "subscribe",
                      endpoint,
                      publisher != nullptr,
                      publisher == nullptr ? std::string{} : publisher->public_key,
                      std::move(kept)};
}

outcome<void> zmq_doors::open() {
  if (auto done = open_security(); !done) return done;
  if (auto done = open_ingest(); !done) return done;
  if (auto done = open_feed(); !done) return done;
  return send_canaries();
}

outcome<void> zmq_doors::open_security() {
  if (const auto wrong = address_problems(options_); !wrong.empty())
    return failure{ec::invalid, wrong.front().key + " " + wrong.front().text};
  const auto& s = options_.security;
  if (s.key.empty()) return {};
  auto own = load_identity(s.key);
  if (!own) return own.error();
  own_ = std::move(*own);
  auto list = load_clients(s.clients);
  if (!list) return list.error();
  access_.set(std::make_shared<const access_list>(std::move(*list)));
  const auto asking = [this](const std::string& endpoint) { return asks(endpoint); };
  const bool any = std::any_of(options_.pull.begin(), options_.pull.end(), asking) ||
                   std::any_of(options_.router.begin(), options_.router.end(), asking) ||
                   asks(options_.publish) || asks(options_.replay);
  if (!any) return {};
  authenticator_ = std::make_unique<authenticator>(context_, access_, give_up_);
  authenticator_->open();
  return {};
}

outcome<void> zmq_doors::open_ingest() {
  const socket_limits limits{options_.high_water_mark, options_.max_message_bytes};
  for (const std::string& endpoint : options_.pull) {
    auto socket =
        bound({zmq::socket_type::pull, "ingest.pull", endpoint, limits, curve_domain::ingest});
    if (!socket) return socket.error();
    events_.push_back({std::move(*socket), "pull", {}, asks(endpoint), {}, {}});
  }
  for (const std::string& endpoint : options_.router) {
    auto socket =
        bound({zmq::socket_type::router, "ingest.router", endpoint, limits, curve_domain::ingest});
    if (!socket) return socket.error();
    routers_.push_back({std::move(*socket), asks(endpoint)});
  }
  for (const std::string& endpoint : options_.subscribe) {
    auto socket = subscribed(endpoint, limits);
    if (!socket) return socket.error();
    events_.push_back(std::move(*socket));
  }
  ingest_ = std::make_unique<ingest_loop>(std::move(routers_), std::move(events_), access_, tally_);
  return {};
}

outcome<void> zmq_doors::open_feed() {
  place at{zmq::socket_type::xpub,
           "feed.publish",
           options_.publish,
           {options_.feed_high_water_mark, subscription_bytes},
           curve_domain::feed};
  auto publisher = bound(at);
  if (!publisher) return publisher.error();
  at.endpoint = bound_.back();  // with the port that was given
  auto replay = bound({zmq::socket_type::router,
                       "feed.replay",
                       options_.replay,
                       {replay_high_water_mark, replay_request_bytes},
                       curve_domain::feed});
  if (!replay) {
    authenticator::forget_socket(*publisher);
    return replay.error();
  }
  feed_loop::guards guard;
  guard.publisher = asks(options_.publish);
  guard.replay = asks(options_.replay);
  guard.access = &access_;
  guard.bind_publisher = [this, at, secured = guard.publisher] {
    return publisher_anew(at, secured);
  };
  guard.give_up = give_up_;
  feed_ = std::make_unique<feed_loop>(std::move(*publisher), std::move(*replay),
                                      options_.publish_queue, std::move(guard), tally_);
  return {};
}

/// On the feed thread. @p at names the address that was bound, which may look local where what was
/// configured (a name, an interface) did not: who had to show a key still has to.
std::optional<zmq::socket_t> zmq_doors::publisher_anew(const place& at, bool secured) {
  zmq::socket_t socket{context_, at.type};
  set_limits(socket, at.limits, at.endpoint);
  if (secured) ask_for_keys(socket, own_, at.domain);
  if (!bind_socket(socket, at.what, at.endpoint)) return std::nullopt;
  if (secured) authenticator_->watch_socket(socket, at.domain);
  return socket;
}

outcome<void> zmq_doors::send_canaries() {
  for (const auto& [type, endpoint] : asking_) {
    const auto made_up = new_identity();
    authenticator_->expect_canary(made_up.public_key);
    if (auto refused = send_canary(context_, type, endpoint, made_up, own_.public_key); !refused)
      return refused;
  }
  return {};
}

outcome<reload_step<client_changes>> zmq_doors::read_clients_again() {
  client_changes changes;
  if (options_.security.key.empty()) return reload_step<client_changes>{changes, [] {}};
  auto read = load_clients(options_.security.clients);
  if (!read) return read.error();
  const auto before = access_.get();
  for (const auto& [key, client] : read->all()) {
    const client_rights* was = before->find(key);
    if (was == nullptr)
      changes.added.push_back(client.name);
    else if (client_text(*was) != client_text(client))
      changes.changed.push_back(client.name);
  }
  for (const auto& [key, client] : before->all())
    if (read->find(key) == nullptr) changes.removed.push_back(client.name);
  return reload_step<client_changes>{
      std::move(changes), [this, now = std::make_shared<const access_list>(std::move(*read))] {
        access_.set(now);
        feed_->look_again();
      }};
}

void zmq_doors::stop() {
  for (request_socket& router : routers_) authenticator::forget_socket(router.socket);
  for (event_socket& event : events_) authenticator::forget_socket(event.socket);
  if (ingest_) ingest_->stop();
  if (feed_) feed_->stop();
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
  c.feed_refused = read(tally_.feed_refused);
  c.feed_rebound = read(tally_.feed_rebound);
  c.subscriptions_broken = read(tally_.subscriptions_broken);
  c.bytes_in = read(tally_.bytes_in);
  c.keys = authenticator_ != nullptr;
  for (std::size_t d = 0; c.keys && d < curve_domains; ++d)
    for (std::size_t o = 0; o < handshake_outcomes; ++o)
      c.handshakes[d][o] =
          authenticator_->count(static_cast<curve_domain>(d), static_cast<handshake>(o));
  return c;
}

}  // namespace

outcome<std::unique_ptr<doors>> open_doors(const socket_options& options,
                                           std::function<void(const std::string&)> give_up) {
  if (options.high_water_mark < 1 || options.feed_high_water_mark < 1 ||
      options.max_message_bytes < 1)
    return failure{ec::invalid,
                   "high-water marks and max_message_bytes must be at least 1: "
                   "no socket is without a limit"};
  try {
    auto made = std::make_unique<zmq_doors>(options, std::move(give_up));
    if (auto opened = made->open(); !opened) return opened.error();
    return std::unique_ptr<doors>{std::move(made)};
  } catch (const zmq::error_t& why) {
    return failure{ec::io_failed, std::string{"cannot set up the ZeroMQ sockets: "} + why.what()};
  } catch (const std::system_error& why) {
    return failure{ec::io_failed, std::string{"cannot set up the ZeroMQ sockets: "} + why.what()};
  }
}

}  // namespace faultline
