// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace faultline {

/// How many events @p payload says it holds, without reading them: what shedding one costs must not
/// depend on what is in it. msgpack: what its head claims; JSON: values of the outermost array; a
/// syslog line: 1. Nothing where it cannot be a payload, or claims more than
/// payload_limits::events.
std::size_t claimed_events(std::string_view payload) noexcept;

}  // namespace faultline
