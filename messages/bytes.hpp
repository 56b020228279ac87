// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace faultline {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are written as the machine does");

/// Appends little-endian numbers and length-prefixed strings to a string. For records that are
/// written seldom; the event blob has its own writer (record.cpp).
class field_writer {
public:
  explicit field_writer(std::string& out) noexcept : out_{out} {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u16(std::uint16_t v) { raw(v); }
  void u32(std::uint32_t v) { raw(v); }
  void u64(std::uint64_t v) { raw(v); }
  void i64(std::int64_t v) { raw(v); }
  void f64(double v) { raw(v); }
  void boolean(bool v) { u8(v ? 1 : 0); }
  /// length(u32) bytes
  void str(std::string_view v) {
    u32(static_cast<std::uint32_t>(v.size()));
    out_.append(v);
  }

private:
  template <class T>
  void raw(T v) {
    char bytes[sizeof v];
    std::memcpy(bytes, &v, sizeof v);
    out_.append(bytes, sizeof v);
  }

  std::string& out_;
};

/// Reads what field_writer wrote. Past the end every read gives zero and ok() stays false: check
/// once at the end, but check every enum and count on the way.
class field_reader {
public:
  explicit field_reader(std::string_view bytes) noexcept
      : at_{bytes.data()}, end_{bytes.data() + bytes.size()} {}

  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return at_ == end_; }
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  void fail() noexcept {
    ok_ = false;
    at_ = end_;
  }

  std::uint8_t u8() noexcept { return raw<std::uint8_t>(); }
  std::uint16_t u16() noexcept { return raw<std::uint16_t>(); }
  std::uint32_t u32() noexcept { return raw<std::uint32_t>(); }
  std::uint64_t u64() noexcept { return raw<std::uint64_t>(); }
  std::int64_t i64() noexcept { return raw<std::int64_t>(); }
  double f64() noexcept { return raw<double>(); }
  /// Anything but 0 and 1 is a failure.
  bool boolean() noexcept { return enumeration<std::uint8_t>(0, 1) == 1; }
  /// A byte that must lie in [first, last]; otherwise it fails and gives @p first.
  template <class E>
  E enumeration(E first, E last) noexcept {
    const std::uint8_t v = u8();
    if (v < static_cast<std::uint8_t>(first) || v > static_cast<std::uint8_t>(last)) {
      fail();
      return first;
    }
    return static_cast<E>(v);
  }
  std::string_view str8() noexcept { return bytes(u8()); }
  std::string_view str16() noexcept { return bytes(u16()); }
  std::string_view str() noexcept { return bytes(u32()); }
  /// A count of things that take at least @p least bytes each: one that cannot fit is a failure.
  std::uint32_t count(std::size_t least = 1) noexcept {
    const std::uint32_t n = u32();
    if (n > left() / least) {
      fail();
      return 0;
    }
    return n;
  }
  std::string_view bytes(std::size_t n) noexcept {
    if (n > left()) {
      fail();
      return {};
    }
    const std::string_view view{at_, n};
    at_ += n;
    return view;
  }

private:
  template <class T>
  T raw() noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    T v{};
    if (sizeof v > left()) {
      fail();
      return v;
    }
    std::memcpy(&v, at_, sizeof v);
    at_ += sizeof v;
    return v;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace faultline
