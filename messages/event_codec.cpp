// SPDX-License-Identifier: Apache-2.0
#include "messages/event_codec.hpp"

#include <msgpack.hpp>
#include <nlohmann/json.hpp>

#include <exception>
#include <limits>
#include <new>
#include <string>

#include "messages/internal/event_builder.hpp"
#include "messages/internal/json_numbers.hpp"
#include "messages/internal/syslog.hpp"

namespace faultline {

namespace {

/// msgpack's parser calls this; strings stay views into the payload. Nothing is reserved for what a
/// header claims: a size that is not there ends in insufficient_bytes().
class msgpack_visitor : public msgpack::null_visitor {
public:
  explicit msgpack_visitor(event_builder& to) noexcept : to_{to} {}

  bool visit_nil() { return in_key_ ? to_.odd_key() : to_.nil(); }
  bool visit_boolean(bool v) { return in_key_ ? to_.odd_key() : to_.boolean(v); }
  bool visit_positive_integer(std::uint64_t v) { return in_key_ ? to_.odd_key() : to_.natural(v); }
  bool visit_negative_integer(std::int64_t v) { return in_key_ ? to_.odd_key() : to_.integer(v); }
  bool visit_float32(float v) { return in_key_ ? to_.odd_key() : to_.number(v); }
  bool visit_float64(double v) { return in_key_ ? to_.odd_key() : to_.number(v); }
  bool visit_str(const char* v, std::uint32_t size) {
    const std::string_view text{size == 0 ? "" : v, size};
    return in_key_ ? to_.key(text) : to_.string(text);
  }
  bool visit_bin(const char*, std::uint32_t) { return in_key_ ? to_.odd_key() : to_.other(); }
  bool visit_ext(const char*, std::uint32_t) {
    return to_.stop(reject_reason::malformed_msgpack, "extension types are not allowed");
  }
  bool start_array(std::uint32_t count) { return in_key_ ? nested_key() : to_.start_array(count); }
  bool end_array() { return to_.end_array(); }
  bool start_map(std::uint32_t) { return in_key_ ? nested_key() : to_.start_map(); }
  bool end_map() { return to_.end_map(); }
  bool start_map_key() { return in_key_ = true; }
  bool end_map_key() {
    in_key_ = false;
    return true;
  }
  void parse_error(std::size_t, std::size_t) {
    to_.stop(reject_reason::malformed_msgpack, "a byte that no msgpack value begins with");
  }
  void insufficient_bytes(std::size_t, std::size_t) {
    to_.stop(reject_reason::malformed_msgpack, "the payload breaks off");
  }

private:
  bool nested_key() {
    return to_.stop(reject_reason::malformed_msgpack, "a key is a map or an array");
  }

  event_builder& to_;
  bool in_key_ = false;
};

/// nlohmann's parser calls this; it checks UTF-8 and does not recurse.
class json_visitor : public nlohmann::json_sax<nlohmann::json> {
public:
  /// @p marked: the payload is what numbers_written_out() made.
  explicit json_visitor(event_builder& to, bool marked = false) noexcept
      : to_{to}, marked_{marked} {}

  bool null() override { return to_.nil(); }
  bool boolean(bool v) override { return to_.boolean(v); }
  bool number_integer(number_integer_t v) override { return to_.integer(v); }
  bool number_unsigned(number_unsigned_t v) override { return to_.natural(v); }
  bool number_float(number_float_t v, const string_t& written) override {
    const bool finite = !marked_ || written != not_finite_mark;
    return to_.number(finite ? v : std::numeric_limits<double>::quiet_NaN());
  }
  bool string(string_t& v) override { return to_.string(v); }
  bool binary(binary_t&) override { return to_.other(); }
  bool start_object(std::size_t) override { return to_.start_map(); }
  bool key(string_t& v) override { return to_.key(v); }
  bool end_object() override { return to_.end_map(); }
  bool start_array(std::size_t) override { return to_.start_array(0); }
  bool end_array() override { return to_.end_array(); }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::detail::exception& why) override {
    text_ = why.id == 406 ? "a number is too large for a double" : "not JSON";  // 406: 1e999
    text_ += " at byte " + std::to_string(at);
    return false;
  }
  const std::string& text() const noexcept { return text_; }

private:
  event_builder& to_;
  bool marked_;
  std::string text_;
};

payload_result refused(reject_reason reason, std::string text, wire_encoding encoding) {
  payload_result r;
  r.reason = reason;
  r.text = std::move(text);
  r.encoding = encoding;
  return r;
}

bool begins_msgpack(unsigned char first) noexcept {
  return (first >= 0x80 && first <= 0x9f) || (first >= 0xdc && first <= 0xdf);
}

}  // namespace

struct payload_decoder::impl {
  event_builder builder;
  event_view syslog_view;
  std::string syslog_entity;

  payload_result msgpack(std::string_view payload, event_sink& sink);
  payload_result json(std::string_view payload, event_sink& sink);
  bool read_json(std::string_view payload, json_visitor& visitor);
  payload_result syslog(std::string_view payload, event_sink& sink);
  payload_result done(event_sink& sink, wire_encoding encoding) {
    payload_result r;
    r.readable = true;
    r.events = builder.events();
    r.encoding = encoding;
    builder.hand_out(sink);
    return r;
  }
};

payload_result payload_decoder::impl::msgpack(std::string_view payload, event_sink& sink) {
  constexpr auto encoding = wire_encoding::msgpack;
  builder.begin(reject_reason::malformed_msgpack, false, 0);
  std::size_t used = 0;
  bool whole = false;
  try {
    msgpack_visitor visitor{builder};
    whole = ::msgpack::parse(payload.data(), payload.size(), used, visitor);
  } catch (const ::msgpack::unpack_error& e) {  // a size that does not fit the address space
    return refused(reject_reason::malformed_msgpack, e.what(), encoding);
  }
  if (const auto& fault = builder.stopped()) return refused(fault.reason, fault.text, encoding);
  if (!whole) return refused(reject_reason::malformed_msgpack, "the payload breaks off", encoding);
  if (used != payload.size())
    return refused(reject_reason::malformed_msgpack, "bytes after the first value", encoding);
  return done(sink, encoding);
}

bool payload_decoder::impl::read_json(std::string_view payload, json_visitor& visitor) {
  builder.begin(reject_reason::malformed_json, true, payload.size());
  return nlohmann::json::sax_parse(payload.begin(), payload.end(), &visitor,
                                   nlohmann::json::input_format_t::json, /*strict=*/true);
}

payload_result payload_decoder::impl::json(std::string_view payload, event_sink& sink) {
  constexpr auto encoding = wire_encoding::json;
  // The library takes a NUL for the end and would not look at what follows it.
  if (payload.find('\0') != std::string_view::npos)
    return refused(reject_reason::malformed_json, "a NUL byte", encoding);
  json_visitor visitor{builder};
  bool whole = read_json(payload, visitor);
  if (!whole && !builder.stopped()) {
    // Not JSON: yet what Python writes for a number that is none is refused value by value.
    const std::string written_out = numbers_written_out(payload);
    json_visitor of_marks{builder, true};
    whole = !written_out.empty() && read_json(written_out, of_marks);
  }
  if (const auto& fault = builder.stopped()) return refused(fault.reason, fault.text, encoding);
  if (!whole) return refused(reject_reason::malformed_json, visitor.text(), encoding);
  return done(sink, encoding);
}

payload_result payload_decoder::impl::syslog(std::string_view payload, event_sink& sink) {
  const auto fault = parse_syslog(payload, syslog_view, syslog_entity);
  if (fault && fault.reason == reject_reason::malformed_syslog)
    return refused(fault.reason, fault.text, wire_encoding::syslog);
  payload_result r;
  r.readable = true;
  r.events = 1;
  r.encoding = wire_encoding::syslog;
  if (fault)
    sink.reject(0, fault.reason, fault.text);
  else
    sink.accept(0, syslog_view);
  return r;
}

payload_decoder::payload_decoder() : impl_{std::make_unique<impl>()} {}
payload_decoder::~payload_decoder() = default;

payload_result payload_decoder::decode(std::string_view payload, event_sink& sink) {
  if (payload.empty())
    return refused(reject_reason::empty_payload, "the payload is empty", wire_encoding::json);
  const auto first = static_cast<unsigned char>(payload[0]);
  const auto encoding = begins_msgpack(first) ? wire_encoding::msgpack
                        : first == '<'        ? wire_encoding::syslog
                                              : wire_encoding::json;
  if (payload.size() > payload_limits::bytes)
    return refused(reject_reason::payload_too_large, "the payload is larger than 1 MiB", encoding);
  if (encoding == wire_encoding::msgpack) return impl_->msgpack(payload, sink);
  if (first == '{' || first == '[') return impl_->json(payload, sink);
  const bool syslog = first == '<' && payload.size() > 1 && payload[1] >= '0' && payload[1] <= '9';
  if (syslog) return impl_->syslog(payload, sink);
  return refused(reject_reason::unknown_format,
                 "the first byte begins neither a msgpack map or array, nor JSON, nor syslog",
                 encoding);
}

}  // namespace faultline
