// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace faultline {

/// A number of JSON that stands for one that is not finite. Only where numbers_written_out() put
/// it.
inline constexpr std::string_view not_finite_mark = "0.00e-00";

/// @p json with a mark in the place of every NaN, Infinity and -Infinity outside of texts, as
/// Python and others write them, and of every number too large for a double. Empty: there is none.
std::string numbers_written_out(std::string_view json);

}  // namespace faultline
