// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// clear_block, and one tick of a block whose last came @p gap_ms before: prepared, standardised,
/// observed and learnt. @p block and @p scores as faultline::channel_block and block_scores.
void plain_clear(void* block);
void plain_tick(void* block, const double* values, std::int64_t gap_ms, void* scores);
/// rebase_channel().
void plain_rebase(void* block, std::size_t lane, double center, double scale);
