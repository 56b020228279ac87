// SPDX-License-Identifier: Apache-2.0
#include "transport/http_client.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "transport/internal/curve.hpp"
#include "transport/internal/http_stream.hpp"
#include "transport/internal/http_text.hpp"
#include "transport/key_file.hpp"

namespace faultline {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

bool one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
}

/// One call: resolve, connect, write, read, one after the other under one deadline.
class one_call {
public:
  one_call(const http_client_options& options, const host_port& to, tls_context tls)
      : options_{options}, to_{to}, resolver_{io_}, stream_{tcp::socket{io_}, std::move(tls)} {}

  outcome<http_response> run(http::request<http::string_body> request) {
    request_ = std::move(request);
    parser_.body_limit(options_.body_bytes);
    if (request_.method() == http::verb::head) parser_.skip(true);
    stream_.expires_after(options_.deadline);
    resolver_.async_resolve(to_.host, to_.port, [this](error_code why, auto found) {
      if (done("resolve", why)) return;
      stream_.tcp().async_connect(found, [this](error_code failed, const tcp::endpoint&) {
        if (!done("connect", failed)) shake_hands();
      });
    });
    io_.run_for(options_.deadline + std::chrono::milliseconds{100});
    if (!io_.stopped() || !finished_) return late();
    if (why_ == beast::error::timeout) return late();
    if (why_ == http::error::body_limit)
      return failure{ec::too_large,
                     "the answer is over " + std::to_string(options_.body_bytes) + " bytes"};
    if (why_)
      return failure{ec::io_failed, std::string{"cannot "} + doing_ + " " + options_.address +
                                        ": " + why_.message()};
    return response();
  }

private:
  bool done(const char* doing, error_code why) {
    if (!why) return false;
    doing_ = doing;
    why_ = why;
    finished_ = true;
    return true;
  }
  void shake_hands() {
    auto* tls = stream_.tls();
    if (tls == nullptr) return write();
    SSL_set_tlsext_host_name(tls->native_handle(), to_.host.c_str());
    tls->set_verify_callback(asio::ssl::host_name_verification(to_.host));
    tls->async_handshake(asio::ssl::stream_base::client, [this](error_code why) {
      if (!done("agree on TLS with", why)) write();
    });
  }
  void write() {
    http::async_write(stream_, request_, [this](error_code why, std::size_t) {
      // A server that refuses early answers before it has read all: read what it says.
      if (why && why != asio::error::broken_pipe && why != asio::error::connection_reset) {
        done("write to", why);
        return;
      }
      read();
    });
  }
  // The header alone first: read in one go, Boost 1.74 forgets that the body is over its limit.
  void read() {
    http::async_read_header(stream_, buffer_, parser_, [this](error_code why, std::size_t) {
      if (done("read from", why)) return;
      http::async_read(stream_, buffer_, parser_, [this](error_code failed, std::size_t) {
        if (!done("read from", failed)) finished_ = true;
      });
    });
  }
  failure late() const {
    return {ec::deadline_passed, "no answer from " + options_.address + " in time"};
  }
  http_response response() {
    auto message = parser_.release();
    http_response r;
    r.status = static_cast<int>(message.result_int());
    r.content_type = std::string{message[http::field::content_type]};
    r.body = std::move(message.body());
    for (const auto& field : message)
      r.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
    return r;
  }

  const http_client_options& options_;
  const host_port& to_;
  asio::io_context io_{1};
  tcp::resolver resolver_;
  http_stream stream_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  bool finished_ = false;
  const char* doing_ = "";
  error_code why_;
};

}  // namespace

outcome<void> check_address(std::string_view address) {
  const auto read = read_address(address);
  return read ? outcome<void>{} : outcome<void>{read.error()};
}

outcome<http_response> http_call(const http_client_options& options, std::string_view method,
                                 std::string_view target, std::string_view body,
                                 std::string_view content_type) {
  const auto to = read_address(options.address);
  if (!to) return to.error();
  if (target.empty() || target.front() != '/' || !one_line(target))
    return failure{ec::invalid, "the target must begin with '/' and be percent-encoded"};
  const auto verb = http::string_to_verb({method.data(), method.size()});
  if (verb == http::verb::unknown)
    return failure{ec::invalid, "unknown method " + std::string{method}};
  http::request<http::string_body> request{verb, {target.data(), target.size()}, 11};
  request.set(http::field::host, to->host + ":" + to->port);
  request.set(http::field::user_agent, "faultline");
  request.set(http::field::connection, "close");
  if (!body.empty()) {
    request.set(http::field::content_type, {content_type.data(), content_type.size()});
    request.body() = body;
  }
  request.prepare_payload();
  if (!options.token_file.empty()) {
    const auto token = read_secret_file(options.token_file);
    if (!token) return token.error();
    auto text = token->reveal();
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
    if (!one_line(text)) return failure{ec::invalid, options.token_file + " holds no token"};
    request.set(http::field::authorization, "Bearer " + std::string{text});
  }
  tls_context tls;
  if (to->secure) {
    auto made = client_tls(options.ca_file);
    if (!made) return made.error();
    tls = std::move(*made);
  } else if (!options.token_file.empty() && !is_local("tcp://" + to->host + ":0")) {
    return failure{ec::invalid, "a token goes over a network by https:// alone"};
  }
  return one_call{options, *to, std::move(tls)}.run(std::move(request));
}

}  // namespace faultline
