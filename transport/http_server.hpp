// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/outcome.hpp"
#include "transport/options.hpp"
#include "transport/reload_step.hpp"
#include "transport/tokens.hpp"

namespace faultline {

struct http_request {
  std::string method;  ///< GET, POST, DELETE ...; HEAD arrives as GET, its body is left out
  std::string path;    ///< begins with '/'; decoded per segment only by the router; raw here
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string address;  ///< of the peer, without its port
  /// Whose token came with it; empty where none is asked for, and everything is allowed.
  std::string user;
  web_role role = web_role::admin;
};

/// An answer without an end. It is asked for its next piece when the connection has taken the last
/// one, so nothing piles up for a slow reader; `done` is called once, from any thread, with a piece
/// that is not empty or, at the end, with nothing.
using http_live = std::function<void(std::function<void(std::optional<std::string>)> done)>;

struct http_response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  http_live live{};  ///< goes on after `body`, until it or the peer ends it; the connection with it
};

/// Answers one request, once, from any thread, sooner or later (504 after
/// web_options::answer_timeout).
using http_responder = std::function<void(http_response)>;
using http_handler = std::function<void(http_request, http_responder)>;

/// Whether @p path, without its query, takes events: there a body may have event_body_bytes, and a
/// role that may send events is asked for. Called on the server's thread.
using http_takes_events = std::function<bool(std::string_view path)>;

/// Hears of a request that the doors refused before its body was read, so that no handler did: its
/// method, path, address, and user and role where these are known; and what it was answered. Called
/// on the server's thread.
using http_refused = std::function<void(const http_request& request, int status)>;

/// Value of the first header called @p name (case does not count), or nothing.
std::string_view header_of(const http_request& request, std::string_view name) noexcept;

/// A page of another site may make a browser send changes to us: browsers then say where from.
bool from_another_site(const http_request& request);

/// An answer {error: {code, message}} with @p status.
http_response http_error(int status, std::string_view code, std::string_view message);

struct http_counters {
  std::map<int, std::uint64_t> answers;  ///< by status
  std::uint64_t tls_failures = 0;        ///< handshakes
  std::uint64_t refused_full = 0;        ///< connections told 503, or closed without a word
  std::uint64_t refused_address = 0;     ///< connections beyond max_connections_per_address
  std::uint64_t evicted = 0;             ///< connections that made room
  std::uint64_t streams = 0;             ///< live answers under way now
  std::uint64_t streams_refused = 0;     ///< beyond max_streams: told 503
  std::uint64_t streams_cut = 0;         ///< readers too slow to take a piece in time
  std::uint64_t refused_bodies = 0;      ///< told 503: event_bodies_bytes are being handled
};

/// HTTP/1.1 on Boost.Beast, one thread. Header, body
/// and time limits; security headers on every answer.
///
/// Lives:  bound by open(); start() runs the thread; stop() lets
///         answers under way go out (at most a second) and ends it.
///         A responder may be called after that: it does nothing.
/// Limits: web_options; a body is refused by its length (413), and one that brings events for want
///         of room (503), before any of it is read. With `max_connections` open the one that has
///         kept us waiting longest for a request makes room, but not before `first_word`: until
///         then the new one waits. When all are being answered the new one gets 503.
///         Live answers have places of their own, `max_streams`; a reader that does not take a
///         piece within `idle_timeout` is cut. A reload of tokens ends them: who may comes back.
/// Doors:  with `tokens` every request but for health and the files of the page, which hold nothing
///         of the server's, says whose it is (Authorization: Bearer), else 401. Without, a Host
///         header must name this machine (or one of `hosts`), else 421: a page elsewhere must not
///         reach us through a name of its own.
class http_server {
public:
  virtual ~http_server() = default;
  virtual void start(http_handler handler, http_takes_events takes_events = {},
                     http_refused refused = {}) = 0;
  /// Reads tokens and certificate again; connections that are open keep theirs, requests do not.
  /// The changes: "web.tokens: NAME removed", "web.tls_certificate". Fails as load_tokens() and
  /// server_tls(). From any thread, one reload at a time.
  virtual outcome<reload_step<std::vector<std::string>>> read_again() = 0;
  virtual http_counters counters() const = 0;
  virtual std::string bound_address() const = 0;  ///< host:port, for port 0 in tests
  virtual void stop() = 0;
};

/// Fails: ec::io_failed naming the address; ec::invalid for an address of a network without tokens
/// and TLS; as load_tokens() and the files of TLS.
outcome<std::unique_ptr<http_server>> open_http_server(const web_options& options);

/// Decodes %XX; nothing when malformed.
outcome<std::string> percent_decode(std::string_view text);
/// Writes every byte but letters, digits and "-._~" as %XX: one path segment or query value.
std::string percent_encode(std::string_view text);

}  // namespace faultline
