// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/event.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// What can stand in a partition's log. Everything that can change a decision is one of these.
enum class record_kind : std::uint8_t { event = 1, clock = 2, degrade = 3, control = 4 };

/// Time passes, also when no event comes. Appended by the partition's owner once per tick.
struct clock_record {
  event_time event{};      ///< ticks that ended before this (less lateness) are closed
  arrival_time arrived{};  ///< staleness compares the arrival times that stand in the records
};

/// From here on ticks are scored without the LSTM (on) or with it again (off).
struct degrade_record {
  bool on = false;
  std::string_view reason;
};

/// An operator's word that reached this partition, with its sequence in the decision log.
struct control_record {
  std::uint64_t sequence = 0;
  std::string_view name;     ///< retire, release, configuration, model
  std::string_view payload;  ///< retire, release: the entity; else JSON (judgement/rules.hpp)
};

/// One record, seen through the blob's bytes.
struct record_view {
  record_kind kind = record_kind::event;
  event_view event;
  clock_record clock;
  degrade_record degrade;
  control_record control;
};

/// Builds one blob: the records one partition gets from one group commit.
///
///   blob   := version(u8 = 4) record*
///   record := length(u32 LE, of what follows) kind(u8) body
///   event  := type(u8) flags(u8) ts(i64) arrived(i64) entity(str16) attributes(u8, (str16 str16)*)
///   by-type metric := count(u16) (kind(u8) name(str8) value(f64))*      -- other types in
///   record.cpp
///
/// @pre events keep payload_limits. What is longer than its field is cut, a value that is not
/// finite is left out: a blob can always be read.
class blob_writer {
public:
  void add(const event_view& event);
  void add(const clock_record& clock);
  void add(const degrade_record& degrade);
  void add(const control_record& control);
  std::size_t records() const noexcept { return records_; }
  std::size_t bytes() const noexcept { return used_; }
  bool empty() const noexcept { return records_ == 0; }
  /// Hands out the blob and starts afresh. The next blob's buffer is made as large at once.
  std::string take();

private:
  char* begin(std::size_t room);
  void end(const char* at) noexcept;

  std::string bytes_;  ///< written up to used_, the rest is room
  std::size_t used_ = 0;
  std::size_t records_ = 0;
  std::size_t last_size_ = 0;
};

/// Reads a blob record by record. Strict: a length that does not fit, an unknown kind or version is
/// ec::malformed / ec::unknown_version.
class blob_reader {
public:
  explicit blob_reader(std::string_view blob);
  /// Next record into @p out (its views point into the blob). false at the end.
  outcome<bool> next(record_view& out);
  /// Byte offset of the record that next() would read; read_record_at() accepts it.
  std::size_t offset() const noexcept { return offset_; }
  std::uint32_t index() const noexcept { return index_; }  ///< index of the NEXT record

private:
  std::string_view blob_;
  std::size_t offset_ = 0;
  std::uint32_t index_ = 0;
  bool version_read_ = false;
};

/// Reads the record at @p offset of @p blob.
outcome<void> read_record_at(std::string_view blob, std::size_t offset, record_view& out);

/// Kind of the record at @p offset and where it ends, without decoding it. Offset 0 means the
/// first.
struct record_extent {
  record_kind kind = record_kind::event;
  std::size_t begin = 0;
  std::size_t end = 0;
};
outcome<record_extent> extent_at(std::string_view blob, std::size_t offset);

/// Entity of the event at @p offset without decoding the rest; empty when it is no event.
std::string_view peek_entity(std::string_view blob, std::size_t offset) noexcept;

}  // namespace faultline
