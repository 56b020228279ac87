// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/feed.hpp"
#include "messages/outcome.hpp"
#include "transport/access.hpp"
#include "transport/options.hpp"
#include "transport/reload_step.hpp"

namespace faultline {

/// Who an acknowledged request came from: where its reply goes. Copyable, small, valid for ever (a
/// reply to a peer that has gone is dropped and counted).
struct reply_address {
  std::uint32_t socket = 0;
  std::string route;  ///< routing id
  /// Goes in front of the reply: what a REQ client, and proxies on the way, put before the request,
  /// up to the empty delimiter.
  std::vector<std::string> envelope;

  /// `socket` of a message that nobody waits for an answer to (PULL, SUB): a reply is dropped.
  static constexpr std::uint32_t no_reply = 0xffffffff;
  /// `socket` of a post by another protocol: `route` is its number, and the doors know it not.
  static constexpr std::uint32_t posted = 0xfffffffe;
};

/// Where an event message came from.
struct event_source {
  std::string_view door;  ///< "pull" or "subscribe"
  /// Who sent it, as far as ZeroMQ tells: host:port of the connection, or the PUB endpoint we are
  /// connected to. A name to share fairly by, not one to trust. May be empty.
  std::string_view peer;
  sender who{};
};

/// What comes in. Called on the ingest thread; views are valid during the call only. The handler
/// must not block: it decodes, validates, hands over and returns.
class ingest_handler {
public:
  virtual ~ingest_handler() = default;
  /// One payload from PULL or SUB. @p topic may be empty.
  virtual void on_event_payload(const event_source& from, std::string_view topic,
                                std::string_view payload) = 0;
  /// One acknowledged request; it is answered by doors::reply() sooner or later, exactly once.
  virtual void on_request(reply_address from, const sender& who, std::string_view header,
                          std::string_view payload) = 0;
  /// A message on the ROUTER with too few or too many frames, to be answered. @p header is the
  /// first of them where there is one.
  virtual void on_bad_request(reply_address from, const sender& who, std::string_view header,
                              std::string_view why_code, std::string_view text) = 0;
  /// A message on PULL or SUB with too many frames. @p first of them.
  virtual void on_bad_event(const event_source& from, std::string_view first,
                            std::string_view why_code, std::string_view text) = 0;
  /// Asked before fire-and-forget sockets are read: false = leave the messages in ZeroMQ's buffers,
  /// whose high-water mark then pushes back on the publishers. Asked again every few milliseconds.
  virtual bool may_read_events() = 0;
};

/// Answers of the replay socket. Called on the feed thread, which may read the store and waits for
/// nothing else: it publishes and beats meanwhile.
class feed_handler {
public:
  virtual ~feed_handler() = default;
  /// @returns the reply for one request frame, in its encoding. Never fails: errors are replies.
  /// Nothing while there is none yet: asked the same @p again within milliseconds, until there is.
  /// Others may be asked before that; those without a reply are asked again in their order, the
  /// first before any other. @p waited: since the request came.
  virtual std::optional<std::string> on_feed_request(std::string_view request, bool again,
                                                     std::chrono::milliseconds waited) = 0;
  /// Payload of the heartbeat, msgpack; called once a second. @p published: seq of the newest
  /// record that has gone out, 0 for none since the start. One that is still on its way is not
  /// named: who compares would miss what is about to come.
  virtual std::string heartbeat(std::uint64_t published) = 0;
};

/// What became of a handshake on a socket that asks for keys.
enum class handshake : std::uint8_t {
  accepted,
  unknown_key,       ///< no file of security.clients holds it
  expired,           ///< after its not-after
  not_allowed,       ///< a key without the right to this domain
  no_keys,           ///< another mechanism: a client without keys
  wrong_server_key,  ///< sealed for somebody else
  malformed,         ///< ZMTP that breaks a rule
  broken_off,        ///< gone, or silent for three seconds
  not_zmtp,          ///< bytes that are no ZMTP; counted up to four seconds later
  no_authenticator,  ///< nobody answered: refused
  canary,            ///< our own, at the start: refused
};
inline constexpr std::size_t handshake_outcomes = 11;
const char* to_string(handshake outcome) noexcept;

/// What a reload of the clients' files changed: names.
struct client_changes {
  std::vector<std::string> added, changed, removed;
  bool empty() const noexcept { return added.empty() && changed.empty() && removed.empty(); }
};

struct door_counters {
  std::uint64_t event_messages = 0;
  std::uint64_t requests = 0;
  std::uint64_t bad_requests = 0;
  std::uint64_t replies = 0;
  std::uint64_t replies_unroutable = 0;
  std::uint64_t published = 0;
  std::uint64_t publish_dropped = 0;  ///< local queue full: subscribers see the gap and replay
  std::uint64_t feed_requests = 0;
  std::uint64_t feed_refused = 0;  ///< of these, of keys without the right
  std::uint64_t feed_rebound = 0;  ///< times the XPUB was bound anew: somebody lost the right
  /// Connections of `subscribe` that broke the protocol (a message that is too large) and were
  /// begun anew.
  std::uint64_t subscriptions_broken = 0;
  std::uint64_t bytes_in = 0;
  bool keys = false;  ///< some socket asks for keys
  /// By domain (ingest, feed) and outcome.
  std::array<std::array<std::uint64_t, handshake_outcomes>, 2> handshakes{};
};

/// All ZeroMQ sockets: one context, one thread for ingest (PULL, ROUTER, SUB) and one for the feed
/// (XPUB without NODROP, replay ROUTER).
///
/// Sockets that are not local, or all with curve_mode::always, ask for keys: a third thread, the
/// authenticator, lets in those whose key is in `clients`, and nobody when it cannot.
///
/// Lives:  bound by open(); reads nothing before start(); stop() ends both threads.
/// Fails:  ec::io_failed naming the endpoint that cannot be bound or connected; ec::invalid where
///         keys are asked for and there are none, or where a stranger was let in.
/// Limits: see socket_options; heartbeats and finite high-water marks on every socket.
class doors {
public:
  virtual ~doors() = default;
  virtual void start(ingest_handler& ingest, feed_handler& feed) = 0;
  /// From any thread. The queue of replies is bounded by the requests in flight.
  virtual void reply(const reply_address& to, std::string frame) = 0;
  /// From any thread. Publishes @p record under its topic and the further @p topics; JSON twins
  /// under "json/" + topic while somebody subscribes to such a prefix.
  virtual void publish(const feed_record& record, const std::vector<std::string>& topics) = 0;
  virtual door_counters counters() const = 0;
  /// Endpoints as bound (for port 0 in tests): pull, router, publish, replay in this order.
  virtual std::vector<std::string> bound_endpoints() const = 0;
  /// Reads the clients' files again. Who is gone from them is not served any more once it is in
  /// force, also in sessions that are open. Fails as load_clients(). One reload at a time.
  virtual outcome<reload_step<client_changes>> read_clients_again() = 0;
  /// Stops reading ingest sockets; replies still go out until stop().
  virtual void stop_reading() = 0;
  virtual void stop() = 0;
};

/// @p give_up is called at most once, from any thread: the authenticator has ended, so that nobody
/// can be let in any more.
outcome<std::unique_ptr<doors>> open_doors(const socket_options& options,
                                           std::function<void(const std::string&)> give_up = {});

}  // namespace faultline
