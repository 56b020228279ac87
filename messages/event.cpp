// SPDX-License-Identifier: Apache-2.0
#include "messages/event.hpp"

namespace faultline {

const char* to_string(event_type type) noexcept {
  switch (type) {
    case event_type::metric:
      return "metric";
    case event_type::log:
      return "log";
    case event_type::span:
      return "span";
    case event_type::edge:
      return "edge";
    case event_type::change:
      return "change";
    case event_type::calls:
      return "calls";
  }
  return "unknown";
}

const char* to_string(log_severity severity) noexcept {
  switch (severity) {
    case log_severity::trace:
      return "trace";
    case log_severity::debug:
      return "debug";
    case log_severity::info:
      return "info";
    case log_severity::warn:
      return "warn";
    case log_severity::error:
      return "error";
    case log_severity::fatal:
      return "fatal";
  }
  return "unknown";
}

const char* to_string(edge_kind kind) noexcept {
  switch (kind) {
    case edge_kind::calls:
      return "calls";
    case edge_kind::runs_on:
      return "runs_on";
  }
  return "unknown";
}

const char* to_string(change_kind kind) noexcept {
  switch (kind) {
    case change_kind::other:
      return "other";
    case change_kind::deploy:
      return "deploy";
    case change_kind::config:
      return "config";
    case change_kind::scale:
      return "scale";
    case change_kind::flag:
      return "flag";
  }
  return "unknown";
}

void event_view::clear() noexcept {
  type = event_type::metric;
  entity = {};
  has_ts = false;
  ts = {};
  arrived = {};
  attributes.clear();
  metrics.clear();
  body = {};
  severity = log_severity::info;
  trace = span = parent = operation = peer = {};
  duration_us = 0;
  calls = failed = 0;
  status = span_status::unset;
  depends_on.clear();
  edge = edge_kind::calls;
  remove = false;
  change = change_kind::other;
  summary = {};
}

}  // namespace faultline
