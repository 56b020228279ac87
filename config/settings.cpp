// SPDX-License-Identifier: Apache-2.0
//
// The table of all keys: section, name, field, range. The defaults are those of the structs.
#include <algorithm>
#include <chrono>
#include <cstdint>

#include "config/edges.hpp"
#include "config/inhibit.hpp"
#include "config/internal/setting_kinds.hpp"
#include "config/maintenance.hpp"
#include "config/naming.hpp"
#include "config/notifications.hpp"
#include "config/scrape.hpp"

namespace faultline {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr microseconds day = hours{24};
constexpr std::uint64_t KiB = 1024;
constexpr std::uint64_t MiB = 1024 * KiB;
constexpr std::uint64_t GiB = 1024 * MiB;
constexpr std::uint64_t TiB = 1024 * GiB;

const char* any_text(const std::string&) { return nullptr; }

const char* not_empty(const std::string& text) { return text.empty() ? "is empty" : nullptr; }

/// A host and a port of 0 (any) to 65535: "127.0.0.1:7800", "[::1]:7800".
const char* host_and_port(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return "is not host:port";
  const std::string port = text.substr(colon + 1);
  if (port == "*") return nullptr;
  const auto value = parse_integer(port);
  return value && *value >= 0 && *value <= 65535 ? nullptr : "has no port of 0 to 65535";
}

const char* endpoint(const std::string& text) {
  if (text.rfind("tcp://", 0) == 0) return host_and_port(text.substr(6));
  if (text.rfind("ipc://", 0) == 0) return text.size() > 6 ? nullptr : "has no path";
  if (text.rfind("inproc://", 0) == 0) return text.size() > 9 ? nullptr : "has no name";
  return "is not an endpoint such as tcp://127.0.0.1:7801 or ipc:///run/faultline/pull";
}

const char* datagram_endpoint(const std::string& text) {
  return text.rfind("udp://", 0) == 0 ? host_and_port(text.substr(6))
                                      : "is not an endpoint such as udp://127.0.0.1:8125";
}

const char* line_endpoint(const std::string& text) {
  return text.rfind("tcp://", 0) == 0 ? host_and_port(text.substr(6)) : datagram_endpoint(text);
}

const char* listen_address(const std::string& text) { return host_and_port(text); }

const char* web_address(const std::string& text) {
  const bool web = text.rfind("http://", 0) == 0 || text.rfind("https://", 0) == 0;
  if (text.empty() || (web && text.find_first_of(" \"<>") == std::string::npos)) return nullptr;
  return "does not begin with http:// or https://";
}

const char* log_level(const std::string& text) {
  for (const char* level : {"trace", "debug", "info", "warn", "error"}) {
    if (text == level) return nullptr;
  }
  return "is none of trace, debug, info, warn, error";
}

const char* log_format(const std::string& text) {
  const bool known = text == "text" || text == "logfmt" || text == "json";
  return known ? nullptr : "is none of text, logfmt (the same) and json";
}

const char* curve_mode_text(const std::string& text) {
  return text == "network" || text == "always" ? nullptr : "is neither network nor always";
}

/// The field of the configuration that a key sets.
#define FIELD(path) \
  [](auto& c) -> auto& { return c.path; }

void add_storage(std::vector<setting>& all) {
  const char* s = "storage";
  all.push_back(text(s, "path", FIELD(storage.path), not_empty));
  all.push_back(boolean(s, "sync", FIELD(storage.sync)));
  all.push_back(integer(s, "partitions", FIELD(storage.partitions), 0, 4096));
  all.push_back(size(s, "min_free", FIELD(storage.min_free_bytes), 0, TiB));
  all.push_back(size(s, "ballast", FIELD(storage.ballast_bytes), 0, TiB));
  all.push_back(size(s, "cache", FIELD(storage.cache_bytes), MiB, TiB));
  all.push_back(size(s, "write_buffer", FIELD(storage.write_buffer_bytes), MiB, TiB));
  all.push_back(size(s, "dead_letter_bytes", FIELD(storage.dead_letter_bytes), 0, 4 * MiB));
  all.push_back(integer(s, "blocks_per_entity", FIELD(storage.blocks_per_entity), 1, 1024));
  s = "retention";
  all.push_back(duration(s, "log", FIELD(storage.log_retention), seconds{60}, 3650 * day));
  all.push_back(size(s, "log_bytes", FIELD(storage.log_bytes), MiB, 1024 * TiB));
  all.push_back(duration(s, "feed", FIELD(storage.feed_retention), seconds{60}, 3650 * day));
  all.push_back(
      duration(s, "dead_letters", FIELD(storage.dead_letter_retention), seconds{60}, 3650 * day));
  all.push_back(integer(s, "dead_letter_count", FIELD(storage.dead_letter_count), 0, 100'000'000));
  all.push_back(size(s, "dead_letter_bytes", FIELD(storage.dead_letter_total_bytes), MiB, TiB));
}

void add_doors(std::vector<setting>& all) {
  const char* s = "web";
  all.push_back(text(s, "listen_address", FIELD(web.listen_address), listen_address));
  all.push_back(integer(s, "max_connections", FIELD(web.max_connections), 1, 65'536));
  all.push_back(integer(s, "max_streams", FIELD(web.max_streams), 0, 65'536));
  all.push_back(text(s, "pages", FIELD(web.pages), any_text));
  all.push_back(size(s, "header_bytes", FIELD(web.header_bytes), KiB, MiB));
  all.push_back(size(s, "body_bytes", FIELD(web.body_bytes), KiB, 64 * MiB));
  all.push_back(duration(s, "header_timeout", FIELD(web.header_timeout), seconds{1}, hours{1}));
  all.push_back(duration(s, "idle_timeout", FIELD(web.idle_timeout), seconds{1}, hours{24}));
  all.push_back(duration(s, "answer_timeout", FIELD(web.answer_timeout), seconds{1}, hours{1}));
  all.push_back(
      integer(s, "max_connections_per_address", FIELD(web.max_connections_per_address), 1, 65'536));
  all.push_back(text(s, "tls_certificate", FIELD(web.tls_certificate), any_text));
  all.push_back(text(s, "tls_key", FIELD(web.tls_key), any_text));
  all.push_back(text(s, "tokens", FIELD(web.tokens), any_text));
  all.push_back(texts(s, "hosts", FIELD(web.hosts), not_empty));
  s = "ingest";
  all.push_back(texts(s, "pull", FIELD(sockets.pull), endpoint));
  all.push_back(texts(s, "router", FIELD(sockets.router), endpoint));
  all.push_back(texts(s, "subscribe", FIELD(sockets.subscribe), endpoint));
  all.push_back(boolean(s, "otlp", FIELD(receivers.otlp)));
  all.push_back(boolean(s, "remote_write", FIELD(receivers.remote_write)));
  all.push_back(boolean(s, "influx", FIELD(receivers.influx)));
  all.push_back(boolean(s, "collectd", FIELD(receivers.collectd)));
  all.push_back(boolean(s, "alertmanager", FIELD(receivers.alertmanager)));
  all.push_back(texts(s, "syslog", FIELD(receivers.syslog), line_endpoint));
  all.push_back(texts(s, "statsd", FIELD(receivers.statsd), datagram_endpoint));
  all.push_back(boolean(s, "unproven_networks", FIELD(receivers.unproven_networks)));
  all.push_back({s, "scrape", read_scrape, show_scrape});
  all.push_back(size(s, "http_body", FIELD(web.event_body_bytes), KiB, 64 * MiB));
  all.push_back(size(s, "http_unpacked", FIELD(intake.max_unpacked_bytes), KiB, 256 * MiB));
  all.push_back(size(s, "http_waiting", FIELD(web.event_bodies_bytes), MiB, 16 * GiB));
  all.push_back(integer(s, "high_water_mark", FIELD(sockets.high_water_mark), 1, 1'000'000));
  all.push_back(size(s, "max_message", FIELD(sockets.max_message_bytes), MiB, GiB));
  all.push_back(duration(s, "group_delay", FIELD(intake.group_delay), microseconds{0}, seconds{1}));
  all.push_back(size(s, "group_bytes", FIELD(intake.group_bytes), KiB, 64 * MiB));
  all.push_back(size(s, "max_pending", FIELD(intake.max_pending_bytes), MiB, 64 * GiB));
  all.push_back(integer(s, "retry_after_ms", FIELD(intake.retry_after_ms), 1, 60'000));
  all.push_back(integer(s, "max_lag_records", FIELD(intake.max_lag_records), 1, 1'000'000'000));
  all.push_back(
      integer(s, "degrade_lag_records", FIELD(intake.degrade_lag_records), 0, 1'000'000'000));
  all.push_back(size(s, "join_memory", FIELD(intake.join_memory_bytes), MiB, 16 * GiB));
  all.push_back(duration(s, "skew_limit", FIELD(intake.skew_limit), seconds{1}, day));
  s = "feed";
  all.push_back(text(s, "publish", FIELD(sockets.publish), endpoint));
  all.push_back(text(s, "replay", FIELD(sockets.replay), endpoint));
  all.push_back(integer(s, "high_water_mark", FIELD(sockets.feed_high_water_mark), 1, 1'000'000));
  all.push_back(integer(s, "publish_queue", FIELD(sockets.publish_queue), 1, 10'000'000));
}

void add_security(std::vector<setting>& all) {
  const char* s = "security";
  all.push_back(text(s, "key", FIELD(sockets.security.key), any_text));
  all.push_back(text(s, "clients", FIELD(sockets.security.clients), any_text));
  setting curve{s, "curve", {}, {}};
  curve.read = [](const yaml_entry& e, const std::string& key, server_config& c, problem_list& to) {
    std::string value;
    if (!scalar_text(e, key, value, to)) return;
    if (const char* wrong = curve_mode_text(value))
      return to.add(e.value.Mark(), key, "\"" + value + "\" " + wrong);
    c.sockets.security.curve = value == "always" ? curve_mode::always : curve_mode::network;
  };
  curve.show = [](const server_config& c) {
    return std::string{c.sockets.security.curve == curve_mode::always ? "always" : "network"};
  };
  all.push_back(std::move(curve));
}

void add_judgement(std::vector<setting>& all) {
  const char* s = "processing";
  all.push_back(duration(s, "tick", FIELD(processing.tick), milliseconds{100}, hours{1}));
  all.push_back(duration(s, "max_late", FIELD(processing.max_late), microseconds{0}, 3650 * day));
  all.push_back(duration(s, "max_future", FIELD(processing.max_future), microseconds{0}, day));
  all.push_back(boolean(s, "accept_past", FIELD(processing.accept_past)));
  all.push_back(integer(s, "lateness_ticks", FIELD(processing.lateness_ticks), 0, 60));
  s = "detection";
  all.push_back(number(s, "false_pages_per_entity_month",
                       FIELD(detection.false_pages_per_entity_month), 0.001, 1000));
  all.push_back(duration(s, "learning", FIELD(detection.learning), microseconds{0}, 90 * day));
  all.push_back({"", "limits", read_limits, show_limits});
  s = "correlation";
  all.push_back(duration(s, "window", FIELD(correlation.window), seconds{1}, day));
  all.push_back(integer(s, "hops", FIELD(correlation.hops), 0, 16));
  all.push_back(duration(s, "settle", FIELD(correlation.settle), microseconds{0}, day));
  all.push_back(number(s, "false_incidents_per_entity_month",
                       FIELD(correlation.false_incidents_per_entity_month), 0, 1000));
  all.push_back(boolean(s, "inhibit_consequences", FIELD(correlation.inhibit_consequences)));
  all.push_back({"", "edges", read_edges, show_edges});
  all.push_back({"", "inhibit", read_inhibit, show_inhibit});
  s = "root_cause";
  all.push_back(integer(s, "hops", FIELD(root_cause.hops), 0, 16));
  all.push_back(number(s, "abstain_below", FIELD(root_cause.abstain_below), 0, 1));
  all.push_back(number(s, "unobserved_prior", FIELD(root_cause.unobserved_prior), 0.001, 0.999));
  all.push_back(duration(s, "deadline", FIELD(root_cause.deadline), milliseconds{10}, hours{1}));
}

void add_life_cycle(std::vector<setting>& all) {
  const char* s = "silences";
  all.push_back(integer(s, "max_entities", FIELD(silences.max_entities), 1, 1'000'000'000));
  all.push_back(duration(s, "longest", FIELD(silences.longest), seconds{60}, 3650 * day));
  all.push_back({"", "maintenance", read_maintenance, show_maintenance});
  s = "notifications";
  all.push_back(text(s, "external_url", FIELD(notify.external_url), web_address));
  all.push_back({s, "receivers", read_receivers, show_receivers});
  all.push_back({s, "routes", read_routes, show_routes});
}

void add_running(std::vector<setting>& all) {
  const char* s = "entities";
  all.push_back(duration(s, "retire_after", FIELD(entities.retire_after), seconds{60}, 3650 * day));
  all.push_back(
      integer(s, "max_new_per_second", FIELD(entities.max_new_per_second), 1, 100'000'000));
  all.push_back(integer(s, "max_active", FIELD(entities.max_active), 0, 1'000'000'000));
  all.push_back(size(s, "memory", FIELD(entities.memory), 0, 1024 * TiB));
  all.push_back(
      integer(s, "max_per_publisher", FIELD(entities.max_per_publisher), 0, 1'000'000'000));
  s = "recovery";
  all.push_back(duration(s, "max_replay", FIELD(recovery.max_replay), milliseconds{100}, hours{1}));
  all.push_back(
      duration(s, "sweep_interval", FIELD(recovery.sweep_interval), milliseconds{10}, hours{1}));
  s = "lanes";
  all.push_back(integer(s, "batch", FIELD(lanes.batch), 1, 4096));
  all.push_back(duration(s, "max_wait", FIELD(lanes.max_wait), microseconds{0}, seconds{1}));
  s = "actors";
  all.push_back(integer(s, "threads", FIELD(actors.threads), 0, 1024));
  all.push_back(integer(s, "max_throughput", FIELD(actors.max_throughput), 1, 10'000));
  all.push_back(integer(s, "partition_credit", FIELD(actors.partition_credit), 1, 10'000'000));
  all.push_back(
      duration(s, "request_deadline", FIELD(actors.request_deadline), milliseconds{10}, hours{1}));
  s = "placement";
  all.push_back(cores(s, "actors", FIELD(placement.actors)));
  all.push_back(cores(s, "inference", FIELD(placement.inference)));
  all.push_back(cores(s, "storage", FIELD(placement.storage)));
  all.push_back(cores(s, "doors", FIELD(placement.doors)));
  s = "model";
  all.push_back(text(s, "lstm", FIELD(model.lstm), any_text));
  all.push_back(text(s, "ranker", FIELD(model.ranker), any_text));
  all.push_back(text(s, "directory", FIELD(model.directory), any_text));
  all.push_back(text("", "runbooks", FIELD(runbooks), any_text));
  all.push_back(text("", "roles", FIELD(roles), any_text));
  s = "log";
  all.push_back(text(s, "level", FIELD(log.level), log_level));
  all.push_back(text(s, "format", FIELD(log.format), log_format));
}

void add_naming(std::vector<setting>& all) {
  const char* s = "naming";
  all.push_back({s, "entities", read_naming_rules, show_naming_rules});
  all.push_back({s, "aliases", read_aliases, show_aliases});
  all.push_back(texts(s, "drop", FIELD(naming.drop), not_empty));
  all.push_back(integer(s, "max_metrics", FIELD(naming.max_metrics), 1, 256));
  all.push_back(integer(s, "max_series_per_metric", FIELD(naming.max_series_per_metric), 1, 256));
}

#undef FIELD

}  // namespace

const std::vector<setting>& all_settings() {
  static const std::vector<setting> settings = [] {
    std::vector<setting> all;
    add_storage(all);
    add_doors(all);
    add_security(all);
    add_naming(all);
    add_judgement(all);
    add_life_cycle(all);
    add_running(all);
    return all;
  }();
  return settings;
}

}  // namespace faultline
