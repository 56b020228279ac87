// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace faultline {

/// Whether the record under @p key ("alert/<id>", "incident/<id>") is over: nothing will change it,
/// so it may go with its age. Other keys, and records that cannot be read, are not.
bool is_resolved(std::string_view key, std::string_view bytes);

}  // namespace faultline
