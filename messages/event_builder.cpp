// SPDX-License-Identifier: Apache-2.0
#include "messages/internal/event_builder.hpp"

#include <algorithm>
#include <limits>

#include "messages/text.hpp"

namespace faultline {
namespace {

constexpr std::size_t max_attribute_key_bytes = 256;

event_key key_of(std::string_view name) noexcept {
  const auto is = [name](const char* text) { return name == text; };
  switch (name.size()) {
    case 2:
      return is("ts") ? event_key::ts : event_key::unknown;
    case 4:
      if (is("type")) return event_key::type;
      if (is("body")) return event_key::body;
      if (is("kind")) return event_key::kind;
      if (is("span")) return event_key::span;
      return is("peer") ? event_key::peer : event_key::unknown;
    case 5:
      if (is("attrs")) return event_key::attrs;
      if (is("rates")) return event_key::rates;
      return is("trace") ? event_key::trace : event_key::unknown;
    case 6:
      if (is("entity")) return event_key::entity;
      if (is("values")) return event_key::values;
      if (is("parent")) return event_key::parent;
      if (is("status")) return event_key::status;
      return is("remove") ? event_key::remove : event_key::unknown;
    case 7:
      return is("summary") ? event_key::summary : event_key::unknown;
    case 8:
      if (is("counters")) return event_key::counters;
      return is("severity") ? event_key::severity : event_key::unknown;
    case 9:
      return is("operation") ? event_key::operation : event_key::unknown;
    case 10:
      return is("depends_on") ? event_key::depends_on : event_key::unknown;
    case 11:
      return is("duration_us") ? event_key::duration_us : event_key::unknown;
    default:
      return event_key::unknown;
  }
}

}  // namespace

void event_builder::begin(reject_reason malformed, bool copy_strings, std::size_t bytes) {
  malformed_ = malformed;
  stopped_ = {};
  copy_strings_ = copy_strings;
  arena_.clear();
  if (copy_strings) arena_.reserve(bytes);
  level_ = level::root;
  depth_ = 0;
  batch_ = false;
  pending_.clear();
  metrics_.clear();
  attributes_.clear();
  depends_.clear();
  dropped_.clear();
  texts_.clear();
}

bool event_builder::stop(reject_reason reason, const char* text) {
  if (!stopped_) stopped_ = {reason, text};
  return false;
}

std::string_view event_builder::keep(std::string_view text) {
  if (!copy_strings_) return text;
  if (arena_.capacity() - arena_.size() < text.size()) {
    stop(malformed_, "strings longer than the payload");
    return {};
  }
  const std::size_t at = arena_.size();
  arena_.append(text);  // never beyond what begin() reserved, so earlier views stay valid
  return {arena_.data() + at, text.size()};
}

// ---- structure ----

bool event_builder::descend() {
  if (++depth_ > payload_limits::depth) return stop(malformed_, "nested deeper than 8 levels");
  return true;
}

void event_builder::enter_skip() noexcept {
  resume_ = level_;
  skip_depth_ = depth_;
  level_ = level::skip;
}

bool event_builder::start_map() {
  if (!descend()) return false;
  switch (level_) {
    case level::root:
    case level::batch:
      if (pending_.size() == payload_limits::events)
        return stop(reject_reason::too_many_events, "more than 4096 events in one payload");
      begin_event();
      level_ = level::event;
      return true;
    case level::event:
      if (key_ == event_key::values || key_ == event_key::counters || key_ == event_key::rates) {
        open_values(key_ == event_key::values     ? metric_kind::gauge
                    : key_ == event_key::counters ? metric_kind::counter
                                                  : metric_kind::rate);
        level_ = level::values;
        return true;
      }
      if (key_ == event_key::attrs) {
        attributes_.resize(now_.attributes.from);
        level_ = level::attributes;
        return true;
      }
      break;
    case level::values:
    case level::attributes:
    case level::depends:
    case level::skip:
      break;
  }
  if (level_ == level::skip) return true;
  note_wrong_type();
  enter_skip();
  return true;
}

bool event_builder::start_array(std::size_t count) {
  if (!descend()) return false;
  switch (level_) {
    case level::root:
      if (count > payload_limits::events)
        return stop(reject_reason::too_many_events, "more than 4096 events in one payload");
      batch_ = true;
      level_ = level::batch;
      return true;
    case level::batch:
      if (!not_a_map()) return false;
      break;
    case level::event:
      if (key_ == event_key::depends_on) {
        depends_.resize(now_.depends.from);
        level_ = level::depends;
        return true;
      }
      note_wrong_type();
      break;
    case level::values:
    case level::attributes:
    case level::depends:
      note_wrong_type();
      break;
    case level::skip:
      return true;
  }
  enter_skip();
  return true;
}

bool event_builder::end_map() {
  switch (level_) {
    case level::event:
      finish_event();
      level_ = batch_ ? level::batch : level::root;
      break;
    case level::values:
    case level::attributes:
      level_ = level::event;
      break;
    case level::skip:
      if (depth_ == skip_depth_) level_ = resume_;
      break;
    case level::root:
    case level::batch:
    case level::depends:
      return stop(malformed_, "a map ends where none began");
  }
  --depth_;
  return true;
}

bool event_builder::end_array() {
  switch (level_) {
    case level::depends:
      level_ = level::event;
      break;
    case level::batch:
      level_ = level::root;
      break;
    case level::skip:
      if (depth_ == skip_depth_) level_ = resume_;
      break;
    case level::root:
    case level::event:
    case level::values:
    case level::attributes:
      return stop(malformed_, "an array ends where none began");
  }
  --depth_;
  return true;
}

bool event_builder::key(std::string_view name) {
  if (level_ == level::values) {
    metric_name(name);
  } else if (level_ == level::event) {
    key_ = key_of(name);
    if (fault_count_ != 0) take_back_faults(key_);
  } else if (level_ == level::attributes) {
    name_ok_ = !name.empty() && name.size() <= max_attribute_key_bytes &&
               check_name(name) == text_fault::none;
    if (!name_ok_)
      note(common, reject_reason::bad_attribute,
           "a key of attrs is empty, too long, not UTF-8 or has control characters");
    name_ = name_ok_ ? keep(name) : std::string_view{};
  }
  return true;
}

bool event_builder::odd_key() {
  if (level_ == level::event) key_ = event_key::unknown;
  name_ok_ = false;
  if (level_ == level::values)
    note(event_type::metric, reject_reason::bad_metric_name, "a metric name is not a string");
  if (level_ == level::attributes)
    note(common, reject_reason::bad_attribute, "a key of attrs is not a string");
  return true;
}

bool event_builder::not_a_map() {
  if (pending_.size() == payload_limits::events)
    return stop(reject_reason::too_many_events, "more than 4096 events in one payload");
  pending& p = pending_.emplace_back();
  p.fault = {reject_reason::event_not_a_map, "an event is not a map"};
  return true;
}

// ---- scalars ----

bool event_builder::string(std::string_view text) {
  switch (level_) {
    case level::event:
      set_string(text);
      return true;
    case level::attributes:
      attribute_value(text);
      return true;
    case level::depends:
      depends_item(text);
      return true;
    case level::batch:
    case level::values:
    case level::skip:
    case level::root:
      break;
  }
  return other();
}

bool event_builder::natural(std::uint64_t v) {
  if (level_ == level::values) {
    add_value(static_cast<double>(v));
    return true;
  }
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (level_ == level::event && key_ == event_key::duration_us) {
    own_texts().duration_us = v;
    return true;
  }
  return integer(static_cast<std::int64_t>(std::min(v, most)));  // as ts refused all the same
}

bool event_builder::integer(std::int64_t v) {
  if (level_ == level::values) {
    add_value(static_cast<double>(v));
    return true;
  }
  if (level_ != level::event) return other();
  if (key_ == event_key::ts) {
    set_ts(v);
  } else if (key_ == event_key::duration_us) {
    if (v < 0)
      note(event_type::span, reject_reason::bad_span, "duration_us is negative");
    else
      own_texts().duration_us = static_cast<std::uint64_t>(v);
  } else {
    note_wrong_type();
  }
  return true;
}

bool event_builder::number(double v) {
  if (level_ != level::values) return other();
  add_value(v);
  return true;
}

bool event_builder::boolean(bool v) {
  if (level_ != level::event || key_ != event_key::remove) return other();
  own_texts().remove = v;
  return true;
}

bool event_builder::nil() {
  if (level_ == level::event && key_ == event_key::parent) {
    own_texts().parent = {};
    return true;
  }
  if (level_ == level::event && key_ == event_key::peer) {
    own_texts().peer = {};
    return true;
  }
  return other();
}

bool event_builder::other() {
  if (level_ == level::batch) return not_a_map();
  if (level_ == level::root) return stop(malformed_, "neither a map nor an array");
  if (level_ != level::skip) note_wrong_type();
  return true;
}

}  // namespace faultline
