// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"

namespace faultline {

/// What a sequence number means to a publisher's window.
enum class seq_verdict : std::uint8_t {
  fresh,      ///< not taken before: take it
  duplicate,  ///< taken with this very content
  conflict,   ///< taken with other content
  too_old,    ///< below the window: not taken now, and not known whether it was
};
const char* to_string(seq_verdict) noexcept;

/// Which of a publisher's last 1,024 sequence numbers were taken, and with what content. The window
/// ends at the highest seq taken and slides with it; what falls out untaken is counted as skipped.
/// Memory: at most 8.3 KiB, less while the publisher is young.
class publisher_window {
public:
  static constexpr std::uint64_t span = 1024;

  /// @pre seq >= 1
  seq_verdict check(std::uint64_t seq, std::uint64_t payload_hash) const noexcept;
  /// Takes @p seq when it is fresh. @returns the verdict as check() would have.
  seq_verdict take(std::uint64_t seq, std::uint64_t payload_hash);
  /// Repeats a durable change. Changes stand in order of writing, so it is take() that cannot fail.
  void apply_delta(std::uint64_t seq, std::uint64_t payload_hash) { take(seq, payload_hash); }

  std::uint64_t last() const noexcept { return last_; }        ///< highest taken, 0 = none
  std::uint64_t skipped() const noexcept { return skipped_; }  ///< fell out of the window untaken
  /// Seqs of the window that were not taken, ascending.
  std::vector<std::uint64_t> missing() const;

  /// Bytes for the store:
  ///   window := version(u8 = 1) last(u64) skipped(u64) taken(bit per seq of the window, lowest
  ///             first, padded with 0 to whole bytes) hash(u64)* -- of the taken ones, little
  ///             endian
  std::string save() const;
  /// Strict. @returns ec::malformed, ec::unknown_version.
  static outcome<publisher_window> restore(std::string_view bytes);

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + hashes_.capacity() * sizeof(std::uint64_t);
  }

private:
  std::uint64_t first() const noexcept { return last_ > span ? last_ - span + 1 : 1; }
  bool taken(std::uint64_t seq) const noexcept;
  void mark(std::uint64_t seq, std::uint64_t payload_hash) noexcept;
  void grow(std::uint64_t highest);
  void slide(std::uint64_t new_last);

  std::uint64_t last_ = 0;
  std::uint64_t skipped_ = 0;
  std::array<std::uint64_t, span / 64> bits_{};  ///< by seq mod span
  std::vector<std::uint64_t> hashes_;            ///< by seq mod size(), a power of two
};

}  // namespace faultline
