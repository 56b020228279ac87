// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "transport/http_server.hpp"
#include "transport/internal/http_rules.hpp"
#include "transport/internal/http_stream.hpp"

namespace faultline {

/// The way back onto the server's thread, for responders that outlive the server.
class http_gate {
public:
  explicit http_gate(boost::asio::io_context& io) : io_{&io} {}
  void post(std::function<void()> work);  ///< from any thread; does nothing once closed
  void close();

private:
  std::mutex mutex_;
  boost::asio::io_context* io_;  ///< guarded by mutex_
};

class http_session;

/// What the sessions of one server share. Used on the server's thread alone, but for the gate.
struct http_shared {
  web_options options;
  http_handler handler;
  std::shared_ptr<http_gate> gate;
  std::set<http_session*> open;      ///< those that count against max_connections
  std::set<http_session*> refusing;  ///< those being told 503
  std::set<http_session*> streams;   ///< those with a live answer; they count against max_streams
  http_takes_events takes_events;
  http_refused refused;
  body_budget event_bodies;  ///< that bring events
  bool stopping = false;
  tls_context tls;                           ///< none: plain
  std::shared_ptr<const token_list> tokens;  ///< none: everybody may do everything
  address_budget addresses;
  std::mutex counters_mutex;
  http_counters counters;  ///< guarded by counters_mutex

  void count(std::uint64_t http_counters::*which) {
    const std::lock_guard lock{counters_mutex};
    ++(counters.*which);
  }
};

/// One connection: reads a request, has it answered, writes the answer, and again. One request at a
/// time: those pipelined behind it wait in the socket.
///
/// Lives: owned by its pending operations; the last one to finish destroys it.
class http_session : public std::enable_shared_from_this<http_session> {
public:
  using clock = std::chrono::steady_clock;

  /// @p address of the peer is given back to the budget at the end.
  http_session(boost::asio::ip::tcp::socket socket, std::string address, http_shared& shared);
  ~http_session();

  void run();     ///< serve requests
  void refuse();  ///< answer 503 without reading, then close
  void retire();  ///< close now, or after the answer under way
  void evict();   ///< close now and stop counting
  /// Since when we wait for the peer (to send a request or to take the answer); nothing while it
  /// waits for us.
  std::optional<clock::time_point> waiting_since() const noexcept { return waiting_since_; }

private:
  using error_code = boost::system::error_code;
  using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void next_request();
  void skip_empty_line();
  void shake_hands();
  void read_header();
  bool let_in();
  bool has_room_for_body();
  void give_room_back() noexcept;
  void on_header(error_code why);
  bool take_absolute_form();
  void send_continue();
  void read_body();
  void on_request();
  void on_read_failure(error_code why);
  http_responder responder();
  void answer(std::uint64_t number, http_response response);
  void fail(int status, std::string_view code, std::string_view message);
  void turn_away(http_response response);
  void write(http_response response);
  template <class Message>
  void write_message(std::shared_ptr<Message> message);
  void after_write(error_code why);
  void linger();
  void go_live(http_response response);
  void watch_peer();
  void next_piece();
  void write_piece(std::optional<std::string> piece);
  void discard();
  void say_goodbye();
  void close() noexcept;

  http_shared& shared_;
  std::string address_;
  http_stream stream_;
  boost::asio::steady_timer answer_timer_;
  boost::beast::flat_buffer buffer_;
  std::optional<parser> parser_;
  std::optional<clock::time_point> waiting_since_;
  std::string user_;  ///< of the request, like the next
  web_role role_ = web_role::admin;
  std::uint64_t number_ = 0;  ///< of the request being handled
  bool answered_ = true;      ///< that request
  bool head_ = false;
  bool keep_alive_ = false;
  bool refused_ = false;
  bool turned_away_ = false;  ///< by its header: of its body nothing was wanted
  bool writing_ = false;
  std::size_t discarded_ = 0;
  std::optional<arrival_time> expiry_;           ///< of the token, like user_
  std::shared_ptr<const token_list> let_in_by_;  ///< tokens of when the live answer began
  http_live live_;
  std::size_t kept_for_body_ = 0;  ///< of shared_.event_bodies
  std::string body_holder_;        ///< whose that is
};

}  // namespace faultline
