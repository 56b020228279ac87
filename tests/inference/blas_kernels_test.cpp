// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

#include "inference/internal/torch_tools.hpp"

namespace faultline {
namespace {

// What OpenBLAS takes for a processor that it does not know. With the program's own choice undone
// this fails where the processor is younger than the library, and only there.
TEST(BlasKernels, AreNotThoseOfTheOldestProcessorWhereThisOneCanDoMore) {
  use_one_thread();  // its source chooses when the program is loaded
  const auto core = reinterpret_cast<char* (*)()>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  if (core == nullptr) GTEST_SKIP() << "this BLAS is not OpenBLAS";
#ifdef __x86_64__
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    GTEST_SKIP() << "this processor has no AVX2";
  EXPECT_NE(std::string{core()}, "Prescott");
#endif
}

}  // namespace
}  // namespace faultline
