// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "messages/outcome.hpp"

namespace faultline {

/// A file whose only use is its room: given up when the disk is so full that what was taken in
/// could not be worked off, or the store could not be
/// opened or ended; built again when there is plenty.
///
/// Threads: one at a time.
class ballast {
public:
  /// @p file need not exist. @p bytes 0: there is none, ever.
  ballast(std::string file, std::uint64_t bytes);
  /// Whether all of it is there.
  bool there() const noexcept { return there_; }
  std::uint64_t bytes() const noexcept { return bytes_; }
  /// Gives the room back. @returns false when there was none to give.
  bool release();
  /// Takes the room, in blocks of the disk and not only in its length. Fails: ec::no_space,
  /// ec::unsupported (the file system cannot reserve blocks), ec::io_failed; then nothing is taken.
  outcome<void> build();

private:
  const std::string file_;
  const std::uint64_t bytes_;
  bool there_ = false;
};

}  // namespace faultline
