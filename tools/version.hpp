// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace faultline {

/// Version of this build, as `faultline --version` prints it.
extern const char* const program_version;

}  // namespace faultline
