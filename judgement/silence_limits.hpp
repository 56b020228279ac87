// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "judgement/correlator_core.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// Silences that are pending or active at once; more are not taken.
inline constexpr std::size_t most_silences = 4'096;

/// Whether one more may be set beside @p known. Fails: ec::invalid, with what to do. What two words
/// at the same moment bring beyond it is refused in their order, by a notice.
outcome<void> room_for_silence(const std::vector<told_silence>& known);

}  // namespace faultline
