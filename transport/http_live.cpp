// SPDX-License-Identifier: Apache-2.0
// Answers without an end: a piece at a time, at the speed of who reads.
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/write.hpp>

#include "transport/internal/curve.hpp"
#include "transport/internal/http_headers.hpp"
#include "transport/internal/http_session.hpp"

namespace faultline {

namespace http = boost::beast::http;
namespace asio = boost::asio;

namespace {

/// Bytes that the kernel may hold for a reader: what is beyond waits where it came from.
constexpr int kernel_bytes = 128 * 1024;

}  // namespace

void http_session::go_live(http_response response) {
  if (shared_.streams.size() >= shared_.options.max_streams) {
    shared_.count(&http_counters::streams_refused);
    return fail(503, "too_many_streams", "as many follow already as may, try again later");
  }
  shared_.open.erase(this);
  shared_.streams.insert(this);
  {
    const std::lock_guard lock{shared_.counters_mutex};
    ++shared_.counters.streams;
    ++shared_.counters.answers[response.status];
  }
  live_ = std::move(response.live);
  let_in_by_ = shared_.tokens;
  waiting_since_.reset();
  error_code ignored;  // only a hint
  stream_.socket().set_option(asio::socket_base::send_buffer_size{kernel_bytes}, ignored);
  auto head = std::make_shared<http::response<http::empty_body>>(
      http::int_to_status(static_cast<unsigned>(response.status)), 11);
  set_headers(*head, response);
  head->keep_alive(false);  // the end of the connection is the end of the answer
  stream_.expires_after(shared_.options.idle_timeout);
  http::async_write(stream_, *head,
                    [self = shared_from_this(), head, first = std::move(response.body)](
                        error_code why, std::size_t) mutable {
                      if (why) return self->close();
                      self->stream_.expires_never();
                      self->watch_peer();
                      if (first.empty()) return self->next_piece();
                      self->write_piece(std::move(first));
                    });
}

/// Sees the peer go. What it sends is not read.
void http_session::watch_peer() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(1024),
                          [self = shared_from_this()](error_code why, std::size_t bytes) {
                            self->discarded_ += bytes;
                            if (why || self->discarded_ > kernel_bytes || self->shared_.stopping)
                              return self->close();
                            self->watch_peer();
                          });
}

void http_session::next_piece() {
  const bool over = expiry_ && key_clock_now() >= *expiry_;
  if (over || shared_.stopping || let_in_by_ != shared_.tokens) return close();
  live_([gate = shared_.gate, weak = weak_from_this()](std::optional<std::string> piece) {
    gate->post([weak, piece = std::move(piece)]() mutable {
      if (const auto self = weak.lock()) self->write_piece(std::move(piece));
    });
  });
}

void http_session::write_piece(std::optional<std::string> piece) {
  if (!piece || shared_.stopping) return close();
  auto bytes = std::make_shared<std::string>(std::move(*piece));
  stream_.expires_after(shared_.options.idle_timeout);
  asio::async_write(stream_, asio::buffer(*bytes),
                    [self = shared_from_this(), bytes](error_code why, std::size_t) {
                      if (why == boost::beast::error::timeout)
                        self->shared_.count(&http_counters::streams_cut);
                      if (why) return self->close();
                      self->next_piece();
                    });
}

}  // namespace faultline
