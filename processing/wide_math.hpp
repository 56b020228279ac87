// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace faultline {

/// sinh of each of @p n values, |z| <= 40, in place: absolute error below 1e-15 (1 + |sinh z|).
/// Four at a time where the processor has AVX2, with the same results everywhere. NaN stays NaN.
void sinh_all(double* z, std::size_t n) noexcept;

/// asinh, likewise, for |x| <= 1e150: absolute error below 1e-15 (1 + |asinh x|). Of what is
/// infinite it is NaN.
void asinh_all(double* x, std::size_t n) noexcept;

}  // namespace faultline
