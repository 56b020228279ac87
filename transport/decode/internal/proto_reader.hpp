// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include <google/protobuf/io/coded_stream.h>

namespace faultline {

/// The fields of one message of Protocol Buffers, one after the other, in place: nothing is built
/// for them, so a body of many small fields takes no more memory than it has bytes. Messages within
/// are read by a reader of their own over text().
class proto_reader {
public:
  /// @pre message has less than 2 GiB
  explicit proto_reader(std::string_view message)
      : message_{message},
        in_{reinterpret_cast<const std::uint8_t*>(message.data()),
            static_cast<int>(message.size())} {}

  /// @returns false at the end, and where the message is malformed: see ok().
  bool next() {
    const std::uint32_t tag = in_.ReadTag();
    if (tag == 0) {
      ok_ = in_.ConsumedEntireMessage();
      return false;
    }
    field_ = static_cast<int>(tag >> 3U);
    type_ = static_cast<kind>(tag & 7U);
    ok_ = field_ != 0 && read();
    return ok_;
  }
  bool ok() const noexcept { return ok_; }
  int field() const noexcept { return field_; }

  /// Of another type than asked for a field is nothing: 0, or no text.
  std::uint64_t natural() const noexcept {
    return type_ == kind::varint || type_ == kind::fixed64 || type_ == kind::fixed32 ? number_ : 0;
  }
  std::int64_t integer() const noexcept { return static_cast<std::int64_t>(natural()); }
  double real() const noexcept {
    double value = 0;
    if (type_ == kind::fixed64) std::memcpy(&value, &number_, sizeof value);
    return value;
  }
  std::string_view text() const noexcept {
    return type_ == kind::bytes ? text_ : std::string_view{};
  }
  bool is_text() const noexcept { return type_ == kind::bytes; }

private:
  enum class kind : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

  bool read() {
    switch (type_) {
      case kind::varint:
        return in_.ReadVarint64(&number_);
      case kind::fixed64:
        return in_.ReadLittleEndian64(&number_);
      case kind::fixed32: {
        std::uint32_t small = 0;
        const bool read = in_.ReadLittleEndian32(&small);
        number_ = small;
        return read;
      }
      case kind::bytes: {
        std::uint32_t size = 0;
        if (!in_.ReadVarint32(&size)) return false;
        const auto at = static_cast<std::size_t>(in_.CurrentPosition());
        if (size > message_.size() - at) return false;
        text_ = message_.substr(at, size);
        return in_.Skip(static_cast<int>(size));
      }
    }
    return false;  // groups are no longer part of the format
  }

  std::string_view message_;
  google::protobuf::io::CodedInputStream in_;
  std::uint64_t number_ = 0;
  std::string_view text_;
  int field_ = 0;
  kind type_ = kind::varint;
  bool ok_ = true;
};

}  // namespace faultline
