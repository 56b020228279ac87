// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/commands.hpp"

namespace faultline {

/// Says why keys_of() failed. @returns exit_code::usage where one file of two was named.
int report_no_keys(const failure& why, const command_session& session);

}  // namespace faultline
