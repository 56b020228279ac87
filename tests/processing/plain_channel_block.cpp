// SPDX-License-Identifier: Apache-2.0
// What stands in processing/channel_block.cpp and wide_math.cpp, for any processor and under
// another name.
#include "tests/processing/plain_channel_block.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#define FAULTLINE_NOT_WIDE
#define faultline faultline_plain
#include "processing/channel_block.cpp"
#include "processing/wide_math.cpp"
#undef faultline

namespace plain = faultline_plain;

void plain_clear(void* block) { plain::clear_block(*static_cast<plain::channel_block*>(block)); }

void plain_tick(void* block, const double* values, std::int64_t gap_ms, void* scores) {
  auto& b = *static_cast<plain::channel_block*>(block);
  auto& s = *static_cast<plain::block_scores*>(scores);
  const auto w = plain::weights_for(gap_ms);
  plain::prepare_block(b, values);
  plain::standardise(b, values, s);
  plain::observe_block(b, values, w, s);
  plain::learn_block(b, w, s);
}

void plain_rebase(void* block, std::size_t lane, double center, double scale) {
  plain::rebase_channel(*static_cast<plain::channel_block*>(block), lane, center, scale);
}
