// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "processing/byte_io.hpp"
#include "processing/channel_block.hpp"

namespace faultline {

/// The blocks of an entity's snapshot: how many (u8), then each as versions 5 to 8 have them. What
/// a block keeps in its tally stands there as lanes of their own.
void write_blocks(byte_writer& out, const std::vector<channel_block>& blocks);

/// Reads the blocks of @p channels channels from a snapshot of @p version, 1 to 8.
/// @returns false where they do not fit, or something in them is not finite
bool read_blocks(std::uint8_t version, byte_reader& in, std::size_t channels,
                 std::vector<channel_block>& blocks);

}  // namespace faultline
