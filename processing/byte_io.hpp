// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace faultline {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "state is stored as little endian");

/// Appends plain values to bytes, as they stand in memory.
class byte_writer {
public:
  explicit byte_writer(std::string& out) noexcept : out_{out} {}

  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put_bytes(const void* data, std::size_t size) {
    out_.append(static_cast<const char*>(data), size);
  }
  /// Length (u32) and bytes.
  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
  }

private:
  std::string& out_;
};

/// Reads what byte_writer wrote. After the first read beyond the end everything fails.
class byte_reader {
public:
  explicit byte_reader(std::string_view bytes) noexcept : bytes_{bytes} {}

  template <class T>
  bool get(T& value) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    return get_bytes(&value, sizeof value);
  }
  bool get_bytes(void* data, std::size_t size) noexcept {
    if (size > left()) return fail();
    std::memcpy(data, bytes_.data() + at_, size);
    at_ += size;
    return true;
  }
  bool get_text(std::string& text, std::size_t limit) {
    std::uint32_t size = 0;
    if (!get(size) || size > limit || size > left()) return fail();
    text.assign(bytes_.data() + at_, size);
    at_ += size;
    return true;
  }
  std::size_t left() const noexcept { return bytes_.size() - at_; }
  bool at_end() const noexcept { return ok_ && left() == 0; }
  bool ok() const noexcept { return ok_; }

private:
  bool fail() noexcept {
    ok_ = false;
    at_ = bytes_.size();
    return false;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// True when every one of @p count values is finite.
template <class T>
bool all_finite(const T* values, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) return false;
  }
  return true;
}

}  // namespace faultline
