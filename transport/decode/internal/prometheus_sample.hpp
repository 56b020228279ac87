// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "transport/decode/prometheus.hpp"

namespace faultline {

/// Hands one value to @p sink, or leaves it out for what it is.
void tell_prometheus(std::string_view name, const sample_labels& labels, double value,
                     std::int64_t ts_ms, const prometheus_types& types, sample_sink& sink);

}  // namespace faultline
