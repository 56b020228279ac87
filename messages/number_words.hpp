// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace faultline {

/// @p value for a sentence that people read: @p digits significant ones (1 to 9), from ten thousand
/// on in k, M, G or T, as the page writes it; "9.25M", "2114", "0.0312". An exponent only below a
/// ten-thousandth and from 10^15 on; "nan" and "inf" as they are.
std::string number_words(double value, int digits);

}  // namespace faultline
