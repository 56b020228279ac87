// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to the room: the recurrence over a chunk of ticks with its gradient written out. Several
// times faster than letting autograd record every tick.

#include <ATen/ATen.h>

namespace faultline {

/// @p projected [T][B][4H]: W_x x + b, gate order input, forget, output, cell; requires grad.
/// @p weight [H][4H]; requires grad. @p decay [T][B][H], factors for h before each tick, or
/// undefined for none. @p h, @p c [B][H]: the state, replaced by the state after the chunk; no
/// gradient flows through them.
/// @returns the new h of each tick, [T][B][H].
at::Tensor lstm_sequence(const at::Tensor& projected, const at::Tensor& weight,
                         const at::Tensor& decay, at::Tensor& h, at::Tensor& c);

}  // namespace faultline
