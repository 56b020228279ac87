// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace faultline {

/// Whether the record under @p key ("alert/<id>", "incident/<id>", or a copy by time) is over:
/// nothing will change it, so it may go with its age. Other keys, and records that cannot be read,
/// are not.
bool is_resolved(std::string_view key, std::string_view bytes);

/// The key of the record of which "alerts-by-time/<time>/<id>" or "incidents-by-time/<time>/<id>"
/// is a copy, written with it; empty for all other keys. One that was told with another message
/// than its record is left over: the record has moved to another time, or is gone.
std::string copied_from(std::string_view key);

}  // namespace faultline
