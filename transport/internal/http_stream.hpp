// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "messages/outcome.hpp"

namespace faultline {

using tls_context = std::shared_ptr<boost::asio::ssl::context>;

/// TLS 1.2 or newer with the certificate and key of two PEM files.
/// Fails: ec::invalid, ec::io_failed, ec::malformed, each naming the file and nothing that is in
/// it.
outcome<tls_context> server_tls(const std::string& certificate, const std::string& key);
/// Whether both show the same certificate, or there is none in both.
bool same_certificate(const tls_context& a, const tls_context& b) noexcept;
/// For a client that trusts the certificates of @p ca_file; empty: those the system trusts.
outcome<tls_context> client_tls(const std::string& ca_file);

/// A TCP stream with deadlines, under TLS or not.
class http_stream {
public:
  using next = boost::beast::tcp_stream;
  using executor_type = next::executor_type;

  /// @p tls: none for a plain stream.
  http_stream(boost::asio::ip::tcp::socket socket, tls_context tls)
      : tcp_{std::move(socket)}, context_{std::move(tls)} {
    if (context_) tls_.emplace(tcp_, *context_);
  }
  http_stream(const http_stream&) = delete;
  http_stream& operator=(const http_stream&) = delete;

  executor_type get_executor() noexcept { return tcp_.get_executor(); }
  next& tcp() noexcept { return tcp_; }
  boost::asio::ip::tcp::socket& socket() noexcept { return tcp_.socket(); }
  boost::asio::ssl::stream<next&>* tls() noexcept { return tls_ ? &*tls_ : nullptr; }
  template <class Duration>
  void expires_after(Duration time) {
    tcp_.expires_after(time);
  }
  void expires_never() { tcp_.expires_never(); }
  void close() noexcept { tcp_.close(); }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    else
      tcp_.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    else
      tcp_.async_write_some(buffers, std::forward<Handler>(handler));
  }

private:
  next tcp_;
  tls_context context_;  ///< outlives a reload that makes another
  std::optional<boost::asio::ssl::stream<next&>> tls_;
};

}  // namespace faultline
