// SPDX-License-Identifier: Apache-2.0
#include "judgement/fed_core.hpp"

namespace faultline {
namespace {

constexpr std::size_t window_ticks = 512;
constexpr std::size_t blocks_kept = 8;

}  // namespace

void fed_core::finish_tick(const forecast_result* from, std::vector<entity_decision>& decided) {
  core.finish_tick(from, decided);
  for (auto& block : core.take_blocks()) {
    blocks.push_back(std::move(block));
    if (blocks.size() > blocks_kept) blocks.erase(blocks.begin());
  }
}

entity_window fed_core::window(event_time as_of) const {
  auto tail = core.window(as_of, window_detail::values);
  auto joined = join_window(blocks, tail, window_ticks, as_of, window_detail::values);
  return joined ? std::move(*joined) : tail;
}

}  // namespace faultline
