// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace faultline {

/// Which sockets ask for CURVE keys.
enum class curve_mode : std::uint8_t {
  network,  ///< those that are not on loopback, ipc or inproc
  always,   ///< all
};

/// Keys of the ZeroMQ sockets. Keys under `security:`.
struct security_options {
  std::string key;      ///< file of the server's secret key; empty: it has none
  std::string clients;  ///< directory of NAME.pub files: who may connect, and do what
  curve_mode curve = curve_mode::network;
};

/// ZeroMQ sockets. Keys under `ingest:` and `feed:`.
struct socket_options {
  std::vector<std::string> pull{"tcp://127.0.0.1:7801"};
  std::vector<std::string> router{"tcp://127.0.0.1:7802"};
  std::vector<std::string> subscribe;  ///< PUB endpoints to connect to
  std::string publish = "tcp://127.0.0.1:7803";
  std::string replay = "tcp://127.0.0.1:7804";
  int high_water_mark = 1000;  ///< messages per peer and direction
  /// Messages of the feed that wait for one subscriber; it loses those beyond them. As many as the
  /// publish queue hands over at once.
  int feed_high_water_mark = 8192;
  /// Largest message a socket takes; a payload over 1 MiB is answered `too_large`.
  std::int64_t max_message_bytes = 4LL * 1024 * 1024;
  /// Messages waiting to be published; beyond it the oldest wait in the feed store, to be replayed.
  std::size_t publish_queue = 8192;
  security_options security;
};

/// The HTTP listener. Keys under `web:`.
struct web_options {
  std::string listen_address = "127.0.0.1:7800";
  std::size_t max_connections = 256;
  std::size_t max_streams = 1000;  ///< live answers, besides max_connections
  std::size_t header_bytes = 8 * 1024;
  std::size_t body_bytes = 64 * 1024;
  /// No connection is closed to make room for another before it has been waited for so long.
  std::chrono::milliseconds first_word{50};
  /// Of a body that brings events, and of all such bodies that are being read or handled at once.
  std::size_t event_body_bytes = std::size_t{4} * 1024 * 1024;
  std::size_t event_bodies_bytes = std::size_t{64} * 1024 * 1024;
  std::chrono::seconds header_timeout{10};
  std::chrono::seconds idle_timeout{30};
  /// A request that is not answered by then gets 504.
  std::chrono::seconds answer_timeout{10};
  /// Connections of one address that is not loopback.
  std::size_t max_connections_per_address = 64;
  std::string tls_certificate;  ///< PEM file of the chain; empty: plain HTTP
  std::string tls_key;          ///< PEM file of its key
  std::string tokens;           ///< file of the tokens' hashes; empty: everybody may do everything
  std::string pages;  ///< directory of the page; empty: ../share/faultline/web beside the program
  std::vector<std::string> hosts;  ///< names that a Host header may say, besides this machine's
};

/// Metrics that are fetched.
struct scrape_target {
  std::string url;
  std::string job = "scrape";
  std::chrono::milliseconds interval{15'000};
  std::chrono::milliseconds timeout{10'000};
};

/// Which other protocols are spoken. Keys under `ingest:`.
struct receiver_options {
  bool otlp = true;                 ///< POST /v1/metrics, /v1/logs, /v1/traces
  bool remote_write = true;         ///< POST /api/v1/write
  bool influx = true;               ///< POST /write, /api/v2/write
  bool collectd = true;             ///< POST /collectd
  bool alertmanager = true;         ///< POST /api/v2/alerts: alerts of others
  std::vector<std::string> syslog;  ///< udp:// and tcp:// endpoints to listen on
  std::vector<std::string> statsd;  ///< udp:// endpoints
  /// Take these two from networks, where nobody proves who sends.
  bool unproven_networks = false;
  std::vector<scrape_target> scrape;
};

}  // namespace faultline
