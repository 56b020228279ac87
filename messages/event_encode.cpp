// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>

#include "messages/event_codec.hpp"

namespace faultline {
namespace {

// ---- msgpack ----

template <class T>
void big_endian(T v, std::string& out) {
  for (std::size_t i = sizeof v; i-- > 0;) out.push_back(static_cast<char>(v >> (i * 8)));
}

void put(unsigned v, std::string& out) { out.push_back(static_cast<char>(v)); }

void put_string(std::string_view s, std::string& out) {
  if (s.size() < 32) {
    put(0xa0 | static_cast<unsigned>(s.size()), out);
  } else if (s.size() <= 0xff) {
    put(0xd9, out);
    put(static_cast<unsigned>(s.size()), out);
  } else if (s.size() <= 0xffff) {
    put(0xda, out);
    big_endian(static_cast<std::uint16_t>(s.size()), out);
  } else {
    put(0xdb, out);
    big_endian(static_cast<std::uint32_t>(s.size()), out);
  }
  out.append(s);
}

void put_container(std::size_t count, unsigned fix, unsigned wide, std::string& out) {
  if (count < 16) {
    put(fix | static_cast<unsigned>(count), out);
  } else if (count <= 0xffff) {
    put(wide, out);
    big_endian(static_cast<std::uint16_t>(count), out);
  } else {
    put(wide + 1, out);
    big_endian(static_cast<std::uint32_t>(count), out);
  }
}

void put_map(std::size_t count, std::string& out) { put_container(count, 0x80, 0xde, out); }
void put_array(std::size_t count, std::string& out) { put_container(count, 0x90, 0xdc, out); }

void put_natural(std::uint64_t v, std::string& out) {
  put(0xcf, out);
  big_endian(v, out);
}

void put_double(double v, std::string& out) {
  std::uint64_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  put(0xcb, out);
  big_endian(bits, out);
}

/// Writes the pieces that encode_event() puts together.
class msgpack_writer {
public:
  explicit msgpack_writer(std::string& out) noexcept : out_{out} {}
  void open_map(std::size_t count) { put_map(count, out_); }
  void open_array(std::size_t count) { put_array(count, out_); }
  void close_map() {}
  void close_array() {}
  void key(std::string_view k) { put_string(k, out_); }
  void string(std::string_view s) { put_string(s, out_); }
  void integer(std::int64_t v) {
    put(0xd3, out_);
    big_endian(static_cast<std::uint64_t>(v), out_);
  }
  void natural(std::uint64_t v) { put_natural(v, out_); }
  void number(double v) { put_double(v, out_); }
  void yes() { put(0xc3, out_); }
  void nil() { put(0xc0, out_); }

private:
  std::string& out_;
};

// ---- JSON ----

class json_writer {
public:
  explicit json_writer(std::string& out) noexcept : out_{out} {}
  void open_map(std::size_t) { open('{'); }
  void open_array(std::size_t) { open('['); }
  void close_map() { close('}'); }
  void close_array() { close(']'); }
  void key(std::string_view k) {
    string(k);
    out_.push_back(':');
    first_ = true;  // no comma before the value
  }
  void string(std::string_view s) {
    comma();
    out_.push_back('"');
    for (const char c : s) escaped(c);
    out_.push_back('"');
  }
  void integer(std::int64_t v) { digits(v); }
  void natural(std::uint64_t v) { digits(v); }
  void number(double v) { digits(v); }
  void yes() { literal("true"); }
  void nil() { literal("null"); }

private:
  void comma() {
    if (!first_) out_.push_back(',');
    first_ = false;
  }
  void open(char c) {
    comma();
    out_.push_back(c);
    first_ = true;
  }
  void close(char c) {
    out_.push_back(c);
    first_ = false;
  }
  void literal(std::string_view s) {
    comma();
    out_.append(s);
  }
  template <class T>
  void digits(T v) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, v).ptr;
    literal({text, static_cast<std::size_t>(end - text)});
  }
  void escaped(char c) {
    static constexpr char hex[] = "0123456789abcdef";
    switch (c) {
      case '"':
        out_.append("\\\"");
        return;
      case '\\':
        out_.append("\\\\");
        return;
      case '\n':
        out_.append("\\n");
        return;
      case '\r':
        out_.append("\\r");
        return;
      case '\t':
        out_.append("\\t");
        return;
      default:
        break;
    }
    if (static_cast<unsigned char>(c) >= 0x20) {
      out_.push_back(c);
      return;
    }
    out_.append("\\u00");
    out_.push_back(hex[(c >> 4) & 15]);
    out_.push_back(hex[c & 15]);
  }

  std::string& out_;
  bool first_ = true;
};

// ---- both ----

std::size_t count_of(const event_view& e, metric_kind kind) noexcept {
  std::size_t n = 0;
  for (const auto& m : e.metrics) n += m.kind == kind && std::isfinite(m.value) ? 1 : 0;
  return n;
}

template <class Writer>
void write_metrics(Writer& to, const event_view& e, metric_kind kind, std::size_t count) {
  if (count == 0) return;
  to.key(kind == metric_kind::gauge     ? "values"
         : kind == metric_kind::counter ? "counters"
                                        : "rates");
  to.open_map(count);
  for (const auto& m : e.metrics) {
    if (m.kind != kind || !std::isfinite(m.value)) continue;
    to.key(m.name);
    to.number(m.value);
  }
  to.close_map();
}

template <class Writer>
void write_span(Writer& to, const event_view& e) {
  const auto string_or_nil = [&to](std::string_view key, std::string_view text) {
    to.key(key);
    text.empty() ? to.nil() : to.string(text);
  };
  to.key("trace");
  to.string(e.trace);
  to.key("span");
  to.string(e.span);
  string_or_nil("parent", e.parent);
  to.key("operation");
  to.string(e.operation);
  to.key("duration_us");
  to.natural(e.duration_us);
  string_or_nil("peer", e.peer);
  if (e.status == span_status::unset) return;
  to.key("status");
  to.string(e.status == span_status::ok ? "ok" : "error");
}

template <class Writer>
void write_edge(Writer& to, const event_view& e) {
  to.key("depends_on");
  to.open_array(e.depends_on.size());
  for (const auto d : e.depends_on) to.string(d);
  to.close_array();
  to.key("kind");
  to.string(to_string(e.edge));
  if (!e.remove) return;
  to.key("remove");
  to.yes();
}

/// No decoder takes this: it is for the eyes of `store dump`.
template <class Writer>
void write_calls(Writer& to, const event_view& e) {
  to.key("peer");
  to.string(e.peer);
  to.key("calls");
  to.natural(e.calls);
  to.key("failed");
  to.natural(e.failed);
  to.key("duration_us");
  to.natural(e.duration_us);
}

/// Number of keys beyond `type` and `entity`.
std::size_t own_keys(const event_view& e, std::size_t gauges, std::size_t counters,
                     std::size_t rates) noexcept {
  switch (e.type) {
    case event_type::metric:
      return (gauges > 0 ? 1U : 0U) + (counters > 0 ? 1U : 0U) + (rates > 0 ? 1U : 0U);
    case event_type::log:
      return 2;
    case event_type::span:
      return e.status == span_status::unset ? 6 : 7;
    case event_type::edge:
      return e.remove ? 3 : 2;
    case event_type::change:
      return 2;
    case event_type::calls:
      return 4;
  }
  return 0;
}

template <class Writer>
void write_event(Writer to, const event_view& e) {
  const auto gauges = count_of(e, metric_kind::gauge);
  const auto counters = count_of(e, metric_kind::counter);
  const auto rates = count_of(e, metric_kind::rate);
  to.open_map(2U + (e.has_ts ? 1U : 0U) + (e.attributes.empty() ? 0U : 1U) +
              own_keys(e, gauges, counters, rates));
  to.key("type");
  to.string(to_string(e.type));
  to.key("entity");
  to.string(e.entity);
  if (e.has_ts) {
    to.key("ts");
    to.integer(unix_ms(e.ts));
  }
  if (!e.attributes.empty()) {
    to.key("attrs");
    to.open_map(e.attributes.size());
    for (const auto& a : e.attributes) {
      to.key(a.key);
      to.string(a.value);
    }
    to.close_map();
  }
  switch (e.type) {
    case event_type::metric:
      write_metrics(to, e, metric_kind::gauge, gauges);
      write_metrics(to, e, metric_kind::counter, counters);
      write_metrics(to, e, metric_kind::rate, rates);
      break;
    case event_type::log:
      to.key("body");
      to.string(e.body);
      to.key("severity");
      to.string(to_string(e.severity));
      break;
    case event_type::span:
      write_span(to, e);
      break;
    case event_type::edge:
      write_edge(to, e);
      break;
    case event_type::change:
      to.key("kind");
      to.string(to_string(e.change));
      to.key("summary");
      to.string(e.summary);
      break;
    case event_type::calls:
      write_calls(to, e);
      break;
  }
  to.close_map();
}

}  // namespace

void encode_event(const event_view& event, wire_encoding encoding, std::string& out) {
  if (encoding == wire_encoding::msgpack)
    write_event(msgpack_writer{out}, event);
  else
    write_event(json_writer{out}, event);
}

void encode_batch_header(std::size_t count, std::string& out) { put_array(count, out); }

}  // namespace faultline
