// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"

namespace faultline {

/// A body without its Content-Encoding: gzip, deflate (both by zlib) and snappy (the block format);
/// empty and "identity" leave it as it is. Never makes more than @p most bytes: what claims more is
/// not begun, what turns out to be more is broken off.
/// Fails: ec::unsupported (another encoding), ec::too_large, ec::malformed (not whole, or bytes
/// behind its end).
outcome<std::string> decoded_content(std::string_view body, std::string_view encoding,
                                     std::size_t most);

}  // namespace faultline
