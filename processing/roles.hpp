// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace faultline {

/// What a metric is about. The first eight are the forecaster's slots, in its order.
enum class metric_role : std::uint8_t {
  cpu = 0,
  memory,
  disk,
  network,
  saturation,
  traffic,
  errors,
  latency,
  none = 255
};
const char* to_string(metric_role) noexcept;

/// Role by the words of a metric's name ("system.cpu.util", "http_requests_total"): whole words,
/// the most telling first ("disk_io_latency" is a latency). none where no word is known.
metric_role role_of(std::string_view metric);

/// True where the words of the name say that the value is a share of a capacity.
bool names_a_share(std::string_view metric);

/// True where the name ends as those of monotonic counters do: _total, _count, .count.
bool names_a_counter(std::string_view metric) noexcept;

/// Kind of an entity ("service" of "service/cart") as one number in [0, 1] for the models.
float entity_class_of(std::string_view entity) noexcept;

}  // namespace faultline
