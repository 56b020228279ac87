// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to the room: the only header of it that names LibTorch.

#include <ATen/ATen.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "inference/model_file.hpp"

namespace faultline {

/// Makes LibTorch and its BLAS compute on the calling thread alone, once per thread. More threads
/// lose time on passes this small, and a split product would change bits.
void use_one_thread();

/// Name of the kernels that OpenBLAS is to take instead of @p core, those it has taken ("" where it
/// is another BLAS); nullptr: none. @p avx2: the processor has AVX2 and FMA.
const char* kernels_instead_of(std::string_view core, bool avx2) noexcept;

/// Whether this processor has AVX2 and FMA.
bool has_avx2() noexcept;

/// A copy of @p t as a float tensor of its shape.
at::Tensor to_tensor(const model_tensor& t);

/// A copy of @p t, made dense first.
model_tensor from_tensor(std::string_view name, const at::Tensor& t);

/// A file of trained weights.
struct written_model {
  std::uint64_t parameters = 0;
  std::string sha256;
};

/// Writes @p content with @p weights, one for each of @p tensors in their order, to @p file.
outcome<written_model> write_trained(model_content content,
                                     const std::vector<expected_tensor>& tensors,
                                     const std::vector<at::Tensor>& weights,
                                     const std::filesystem::path& file);

/// What went wrong, in one sentence: LibTorch's own texts carry a stack trace.
std::string reason_of(const std::exception& e);

}  // namespace faultline
