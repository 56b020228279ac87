// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

#include "inference/internal/torch_tools.hpp"

namespace faultline {
namespace {

TEST(BlasKernels, ThoseOfTheOldestProcessorAreReplacedWhereThisOneCanDoMore) {
  EXPECT_STREQ(kernels_instead_of("Prescott", true), "Haswell");
  EXPECT_EQ(kernels_instead_of("Prescott", false), nullptr);
  EXPECT_EQ(kernels_instead_of("Zen", true), nullptr);
  EXPECT_EQ(kernels_instead_of("", true), nullptr) << "another BLAS";
}

// With the choice undone (OPENBLAS_CORETYPE=Prescott) this fails on a processor with AVX2.
TEST(BlasKernels, AreChosenWhenTheProgramIsLoaded) {
  use_one_thread();  // its source chooses
  const auto core = reinterpret_cast<char* (*)()>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  EXPECT_EQ(kernels_instead_of(core == nullptr ? "" : core(), has_avx2()), nullptr);
}

}  // namespace
}  // namespace faultline
