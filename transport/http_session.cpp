// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/http_session.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/write.hpp>

#include <spdlog/spdlog.h>

#include "transport/internal/http_headers.hpp"
#include "transport/internal/http_text.hpp"

namespace faultline {

namespace http = boost::beast::http;
namespace asio = boost::asio;

namespace {

/// A connection that is being closed may still send this much for this long, so that the answer is
/// not lost to a reset.
constexpr std::size_t linger_bytes = 1024 * 1024;
constexpr std::chrono::seconds linger_time{1};
/// The same of one whose request was turned away by its header: many clients send all of a body
/// before they look for an answer.
constexpr std::size_t unwanted_bytes = 64 * 1024 * 1024;
constexpr std::chrono::seconds unwanted_time{5};
constexpr std::size_t buffer_bytes = 32 * 1024;

/// The rule @p request breaks, or nothing. What two programs could read differently is refused.
template <class Request>
std::string_view broken_rule(const Request& request) {
  const auto hosts = request.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && request.version() >= 11))  // RFC 9112, section 3.2
    return "exactly one Host header is required";
  if (request.count(http::field::transfer_encoding) > 0) {
    if (request.version() < 11) return "Transfer-Encoding needs HTTP/1.1";
    if (request.count(http::field::content_length) > 0)
      return "Content-Length and Transfer-Encoding exclude each other";
    if (request.count(http::field::transfer_encoding) > 1 ||
        !boost::beast::iequals(request[http::field::transfer_encoding], "chunked"))
      return "the only Transfer-Encoding understood is chunked";
  }
  return {};
}

}  // namespace

void http_gate::post(std::function<void()> work) {
  const std::lock_guard lock{mutex_};
  if (io_ != nullptr) asio::post(*io_, std::move(work));
}

void http_gate::close() {
  const std::lock_guard lock{mutex_};
  io_ = nullptr;
}

http_session::http_session(asio::ip::tcp::socket socket, std::string address, http_shared& shared)
    : shared_{shared},
      address_{std::move(address)},
      stream_{std::move(socket), shared.tls},
      answer_timer_{stream_.get_executor()},
      buffer_{std::max(buffer_bytes, 2 * shared.options.header_bytes)} {}

http_session::~http_session() {
  give_room_back();
  shared_.open.erase(this);
  shared_.refusing.erase(this);
  if (shared_.streams.erase(this) > 0) {
    const std::lock_guard lock{shared_.counters_mutex};
    --shared_.counters.streams;
  }
  shared_.addresses.give_back(address_);
}

void http_session::run() {
  shared_.open.insert(this);
  waiting_since_ = clock::now();
  if (stream_.tls() != nullptr) return shake_hands();
  read_header();
}

void http_session::shake_hands() {
  stream_.expires_after(shared_.options.header_timeout);
  stream_.tls()->async_handshake(asio::ssl::stream_base::server,
                                 [self = shared_from_this()](error_code why) {
                                   if (!why) return self->read_header();
                                   self->shared_.count(&http_counters::tls_failures);
                                   self->close();
                                 });
}

void http_session::refuse() {
  shared_.refusing.insert(this);
  refused_ = true;
  if (stream_.tls() != nullptr) return close();  // before its handshake nothing can be said
  stream_.expires_after(linger_time);
  fail(503, "too_many_connections", "the server has no connection to spare, try again later");
}

void http_session::retire() {
  if (live_) return close();
  if (waiting_since_ && !writing_) close();
}

void http_session::evict() {
  shared_.open.erase(this);
  close();
}

void http_session::next_request() {
  waiting_since_ = clock::now();
  skip_empty_line();
  if (buffer_.size() > 0) {  // pipelined behind the last one
    read_header();
    return;
  }
  stream_.expires_after(shared_.options.idle_timeout);
  stream_.async_read_some(buffer_.prepare(4096),
                          [self = shared_from_this()](error_code why, std::size_t bytes) {
                            if (why) return self->close();
                            self->buffer_.commit(bytes);
                            self->skip_empty_line();
                            self->read_header();
                          });
}

/// Some clients send one behind a body: RFC 9112, section 2.2, has it ignored.
void http_session::skip_empty_line() {
  const auto come = buffer_.cdata();
  const std::string_view text{static_cast<const char*>(come.data()), come.size()};
  if (text.substr(0, 2) == "\r\n") buffer_.consume(2);
}

void http_session::read_header() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(shared_.options.header_bytes));
  parser_->body_limit(std::max(shared_.options.body_bytes, shared_.options.event_body_bytes));
  ++number_;
  head_ = false;
  user_.clear();  // a connection may bring requests of several users
  expiry_.reset();
  role_ = web_role::admin;
  keep_alive_ = false;
  // One deadline for the whole header: it does not move when a byte comes.
  stream_.expires_after(shared_.options.header_timeout);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](error_code why, std::size_t) { self->on_header(why); });
}

void http_session::on_header(error_code why) {
  if (why) return on_read_failure(why);
  const auto& request = parser_->get();
  head_ = request.method() == http::verb::head;
  if (const std::string_view rule = broken_rule(request); !rule.empty())
    return fail(400, "bad_request", rule);
  if (!take_absolute_form()) return fail(400, "bad_request", "the request target is no address");
  if (!let_in() || !has_room_for_body()) return;
  if (request.version() >= 11 &&  // an older one does not know it
      boost::beast::iequals(request[http::field::expect], "100-continue"))
    return send_continue();
  read_body();
}

/// "GET http://host/path": what is asked of whom stands in the target, and Host says nothing
/// (RFC 9112, section 3.2.2). From here on both are where they are in any other request.
/// @returns false when it names nobody.
bool http_session::take_absolute_form() {
  auto& request = parser_->get();
  const auto target = request.target();
  const std::string_view text{target.data(), target.size()};
  const auto scheme = text.find("://");
  const bool http =
      scheme != text.npos && (boost::beast::iequals(target.substr(0, scheme), "http") ||
                              boost::beast::iequals(target.substr(0, scheme), "https"));
  if (!http) return true;
  const auto begin = scheme + 3;
  const auto end = std::min(text.find_first_of("/?#", begin), text.size());
  const std::string host{text.substr(begin, end - begin)};
  if (host.empty() || host.find('@') != host.npos) return false;
  std::string rest{text.substr(end)};
  if (rest.empty() || rest.front() != '/') rest.insert(0, 1, '/');
  request.set(http::field::host, host);
  request.target(rest);
  return true;
}

void http_session::send_continue() {
  auto go_on = std::make_shared<http::response<http::empty_body>>(http::status::continue_, 11);
  http::async_write(stream_, *go_on,
                    [self = shared_from_this(), go_on](error_code why, std::size_t) {
                      if (why) return self->close();
                      self->read_body();
                    });
}

void http_session::read_body() {
  stream_.expires_after(shared_.options.header_timeout);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](error_code why, std::size_t) {
                     if (why) return self->on_read_failure(why);
                     self->on_request();
                   });
}

void http_session::on_read_failure(error_code why) {
  if (why == http::error::header_limit || why == http::error::buffer_overflow)
    return fail(431, "header_too_large",
                "the header is over " + std::to_string(shared_.options.header_bytes) + " bytes");
  if (why == http::error::body_limit)
    return turn_away(http_error(413, "too_large", "the body has more bytes than this path takes"));
  const bool malformed = why.category() == make_error_code(http::error::bad_method).category();
  if (malformed && why != http::error::end_of_stream && why != http::error::partial_message)
    return fail(400, "bad_request", "the request cannot be read: " + why.message());
  close();
}

void http_session::on_request() {
  auto message = parser_->release();
  keep_alive_ = message.keep_alive();
  const auto target = message.target();
  auto parts = read_target({target.data(), target.size()});
  if (!parts) return fail(400, "bad_request", parts.error().what);
  http_request request;
  const auto method = message.method_string();
  request.method = head_ ? "GET" : std::string{method.data(), method.size()};
  request.path = std::move(parts->path);
  request.query = std::move(parts->query);
  for (const auto& field : message)
    if (field.name() != http::field::authorization)  // nobody behind this needs it
      request.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
  request.body = std::move(message.body());
  request.address = address_;
  request.user = user_;
  request.role = role_;
  stream_.expires_never();
  waiting_since_.reset();
  answered_ = false;
  answer_timer_.expires_after(shared_.options.answer_timeout);
  answer_timer_.async_wait([self = shared_from_this(), number = number_](error_code why) {
    if (!why) self->answer(number, http_error(504, "deadline_passed", "no answer in time"));
  });
  http_responder respond = responder();
  const auto path = request.path;
  try {
    shared_.handler(std::move(request), respond);
  } catch (const std::exception& failed) {  // an error of ours: for whoever runs us, not who asked
    spdlog::error("request failed path=\"{}\" what=\"{}\"", path, failed.what());
    respond(http_error(500, "internal", "the server failed at this request: its log says why"));
  }
}

http_responder http_session::responder() {
  auto used = std::make_shared<std::atomic<bool>>(false);
  return [used, gate = shared_.gate, weak = weak_from_this(),
          number = number_](http_response response) {
    if (used->exchange(true)) return;
    auto shared = std::make_shared<http_response>(std::move(response));
    gate->post([weak, number, shared] {
      if (const auto self = weak.lock()) self->answer(number, std::move(*shared));
    });
  };
}

void http_session::answer(std::uint64_t number, http_response response) {
  if (number != number_ || answered_) return;
  answered_ = true;
  answer_timer_.cancel();
  if (response.live && !head_) return go_live(std::move(response));
  write(std::move(response));
}

void http_session::fail(int status, std::string_view code, std::string_view message) {
  keep_alive_ = false;
  write(http_error(status, code, message));
}

void http_session::write(http_response response) {
  const auto status = static_cast<unsigned>(response.status);
  {
    const std::lock_guard lock{shared_.counters_mutex};
    ++shared_.counters.answers[response.status];
  }
  if (shared_.stopping) keep_alive_ = false;
  if (!refused_) stream_.expires_after(shared_.options.idle_timeout);
  writing_ = true;
  waiting_since_ = clock::now();
  if (head_) {
    auto message =
        std::make_shared<http::response<http::empty_body>>(http::int_to_status(status), 11);
    set_headers(*message, response);
    if (has_body(response.status)) message->content_length(response.body.size());
    write_message(std::move(message));
  } else {
    auto message =
        std::make_shared<http::response<http::string_body>>(http::int_to_status(status), 11);
    set_headers(*message, response);
    if (has_body(response.status)) {
      message->body() = std::move(response.body);
      message->content_length(message->body().size());
    }
    write_message(std::move(message));
  }
}

template <class Message>
void http_session::write_message(std::shared_ptr<Message> message) {
  message->keep_alive(keep_alive_);
  http::async_write(stream_, *message,
                    [self = shared_from_this(), message](error_code why, std::size_t) {
                      self->after_write(why);
                    });
}

void http_session::after_write(error_code why) {
  writing_ = false;
  give_room_back();
  if (why) return close();
  if (keep_alive_ && !shared_.stopping) return next_request();
  linger();
}

void http_session::linger() {
  waiting_since_ = clock::now();
  stream_.expires_after(turned_away_ ? unwanted_time : linger_time);
  if (stream_.tls() != nullptr) return turned_away_ ? discard() : say_goodbye();
  error_code ignored;  // the peer may have gone first
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  discard();
}

void http_session::discard() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(buffer_bytes), [self = shared_from_this()](
                                                             error_code why, std::size_t bytes) {
    self->discarded_ += bytes;
    const std::size_t most = self->turned_away_ ? unwanted_bytes : linger_bytes;
    if (why || self->discarded_ > most || self->shared_.stopping) return self->say_goodbye();
    self->discard();
  });
}

/// Under TLS it is said that this was all, and nothing read meanwhile.
void http_session::say_goodbye() {
  auto* tls = stream_.tls();
  if (tls == nullptr || shared_.stopping) return close();
  stream_.expires_after(linger_time);
  tls->async_shutdown([self = shared_from_this()](error_code) { self->close(); });
}

void http_session::close() noexcept { stream_.close(); }

}  // namespace faultline
