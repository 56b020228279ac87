// SPDX-License-Identifier: Apache-2.0
#pragma once

/// In front of a function: it is compiled for processors with AVX2 and for any, and the loader
/// takes the one that this machine can run. Both say the same to the bit, for AVX2 alone fuses
/// nothing; a test holds them against one another. What such a function calls is to be inlined,
/// else it is there once. Sanitizers begin later than the loader asks.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(FAULTLINE_NOT_WIDE)
#define FAULTLINE_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define FAULTLINE_WIDE
#endif
