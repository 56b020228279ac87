// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "messages/feed.hpp"
#include "tools/output.hpp"

namespace faultline {

/// One line about one feed record, for an operator's eye, without its end of line.
std::string feed_line(const feed_item& item, const colours& c);

}  // namespace faultline
