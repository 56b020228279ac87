// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "messages/outcome.hpp"
#include "messages/sample.hpp"

namespace faultline {

/// Nanoseconds of a unit of time stamps (n ns u us ms s m h); 0: none of these.
std::int64_t influx_precision_ns(std::string_view precision) noexcept;

/// Reads InfluxDB's line protocol. A field is a gauge MEASUREMENT.FIELD, or MEASUREMENT where it is
/// called value or gauge; one called counter is a counter. Texts are left out. A line that cannot
/// be read is left out (malformed), and the others count.
/// @param precision_ns of the time stamps
/// Fails: ec::malformed when no line can be read.
outcome<void> read_influx(std::string_view body, std::int64_t precision_ns, sample_sink& sink);

}  // namespace faultline
