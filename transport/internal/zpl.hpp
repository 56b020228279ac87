// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"

namespace faultline {

/// "section / name = value" of a ZPL text. A name may come several times.
struct zpl_entry {
  std::string section, name, value;
  std::size_t line = 0;
};

/// The entries one level below a section; sections themselves, comments and deeper levels are left
/// out. Fails: ec::malformed naming the line. Values are in no text: they may be secrets.
outcome<std::vector<zpl_entry>> read_zpl(std::string_view text);

}  // namespace faultline
