// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/event_codec.hpp"

namespace faultline {

/// What is wrong, as a stable reason and a fixed sentence.
struct event_fault {
  reject_reason reason{};
  const char* text = nullptr;
  explicit operator bool() const noexcept { return text != nullptr; }
};

/// Every integer outside 1990..2100 in milliseconds, by the unit it looks like.
event_fault check_ts(std::int64_t ts) noexcept;

/// The known keys of an event. Their order is that of the texts in event_builder.cpp.
enum class event_key : std::uint8_t {
  unknown,
  type,
  entity,
  ts,
  attrs,
  values,
  counters,
  rates,
  body,
  severity,
  trace,
  span,
  parent,
  operation,
  duration_us,
  status,
  peer,
  depends_on,
  kind,
  summary,
  remove,
};

/// Gathers the events of one payload from the calls of a parser (msgpack or JSON: the state machine
/// is the same), and hands them out once the payload was read to its end.
///
///   payload := event | array(event*)
///   event   := map; keys in any order; a key given twice: the last counts
///
/// Lives: as long as its decoder; its vectors keep their capacity.
class event_builder {
public:
  /// A new payload. @p malformed is the reason for what breaks the whole of it. @p copy_strings:
  /// the parser's strings do not outlive the call (at most @p bytes of them).
  void begin(reject_reason malformed, bool copy_strings, std::size_t bytes);

  // The parser's calls. false: stop, the payload is refused; see stopped().
  bool start_map();
  bool end_map();
  bool start_array(std::size_t count);
  bool end_array();
  bool key(std::string_view name);
  bool odd_key();  ///< a key that is no string
  bool string(std::string_view text);
  bool integer(std::int64_t v);
  bool natural(std::uint64_t v);
  bool number(double v);
  bool boolean(bool v);
  bool other();  ///< nil is nil(); binary and whatever else has no place in an event
  bool nil();
  bool stop(reject_reason reason, const char* text);

  const event_fault& stopped() const noexcept { return stopped_; }
  std::size_t events() const noexcept { return pending_.size(); }
  void hand_out(event_sink& sink);

private:
  enum class level : std::uint8_t { root, batch, event, values, attributes, depends, skip };

  /// Texts of logs, spans and changes: apart, so that a metric event stays small.
  struct texts {
    std::string_view body, trace, span, parent, operation, peer, summary;
    bool has_body = false, has_summary = false, has_kind = false;
    log_severity severity = log_severity::info;
    span_status status = span_status::unset;
    edge_kind edge = edge_kind::calls;
    change_kind change = change_kind::other;
    bool remove = false;
    std::uint64_t duration_us = 0;
  };
  struct range {
    std::uint32_t from = 0, to = 0;
  };
  struct pending {
    event_fault fault;
    event_type type = event_type::metric;
    bool has_ts = false;
    std::int64_t ts = 0;
    std::string_view entity;
    range metrics, attributes, depends, dropped;
    std::uint32_t texts = no_texts;
  };
  static constexpr std::uint32_t no_texts = 0xffffffff;
  /// Faults of the fields common to all types, then those of each type's own fields: what a field
  /// of another type holds does not matter, and the type may come last.
  static constexpr std::size_t common = 0;
  /// One a key and group at most: `kind` belongs to two, every other key to one.
  static constexpr std::size_t most_faults = 22;
  struct noted {
    event_key key = event_key::unknown;
    std::size_t group = common;
    event_fault fault;
  };

  void begin_event();
  void finish_event();
  bool not_a_map();
  void enter_skip() noexcept;
  bool descend();
  void note(std::size_t group, reject_reason reason, const char* text) noexcept;
  void note(event_type type, reject_reason reason, const char* text) noexcept {
    note(static_cast<std::size_t>(type), reason, text);
  }
  void note_wrong_type();
  void take_back_faults(event_key key) noexcept;
  void open_values(metric_kind kind);
  void metric_name(std::string_view name);
  void add_value(double v);
  void next_generation() noexcept;
  bool make_room();
  void close_gaps();
  void attribute_value(std::string_view text);
  void depends_item(std::string_view entity);
  void set_string(std::string_view text);
  void set_entity(std::string_view text);
  void set_type(std::string_view text);
  void set_kind(std::string_view text);
  void set_log(std::string_view text);
  void set_span(std::string_view text);
  void set_ts(std::int64_t v);
  texts& own_texts();
  event_fault verdict() const noexcept;
  event_fault metric_verdict() const noexcept;
  event_fault span_verdict() const noexcept;
  std::string_view keep(std::string_view text);
  void fill_view(const pending& p);

  reject_reason malformed_ = reject_reason::malformed_msgpack;
  event_fault stopped_;
  bool copy_strings_ = false;
  std::string arena_;

  level level_ = level::root;
  level resume_ = level::root;  ///< where skip returns to
  std::size_t depth_ = 0;
  std::size_t skip_depth_ = 0;
  bool batch_ = false;

  // The event that is being read.
  pending now_;
  std::array<noted, most_faults> faults_;  ///< as they came; of each key and group the first
  std::size_t fault_count_ = 0;
  bool has_entity_ = false;
  std::array<bool, 3> saw_{};  ///< by metric_kind
  event_key key_ = event_key::unknown;
  metric_kind kind_ = metric_kind::gauge;
  std::string_view name_;
  bool name_ok_ = false;
  /// Some of its metrics_ are none: not finite, or (then without a name) taken back since their key
  /// came again. close_gaps() removes them.
  bool gaps_ = false;
  std::size_t taken_back_ = 0;

  /// Finds a metric of the event by its name: open addressing, entries of earlier events are stale.
  struct slot {
    std::uint32_t generation = 0;
    std::uint32_t metric = 0;
    std::uint32_t tag = 0;  ///< the other half of the name's hash
  };
  slot& find_slot(std::string_view name) noexcept;
  void put(slot& s, std::size_t metric) noexcept {
    s.generation = generation_;
    s.metric = static_cast<std::uint32_t>(metric);
  }
  std::array<slot, 1024> slots_;
  std::uint32_t generation_ = 0;

  std::vector<pending> pending_;
  std::vector<metric_point> metrics_;
  std::vector<attribute> attributes_;
  std::vector<std::string_view> depends_;
  std::vector<std::string_view> dropped_;
  std::vector<texts> texts_;
  event_view view_;
};

}  // namespace faultline
