// SPDX-License-Identifier: Apache-2.0
#include "tools/version.hpp"

namespace faultline {

const char* const program_version = FAULTLINE_VERSION;

}  // namespace faultline
