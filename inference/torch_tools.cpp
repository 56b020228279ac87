// SPDX-License-Identifier: Apache-2.0
#include "inference/internal/torch_tools.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <cstring>

namespace faultline {

void use_one_thread() {
  thread_local bool ready = false;
  if (ready) return;
  at::set_num_threads(1);
  // Debian's LibTorch calls BLAS through an interface without thread control. OpenBLAS has its own
  // pool; when it is another BLAS there is nothing to set.
  using setter = void (*)(int);
  if (auto set = reinterpret_cast<setter>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(1);
  ready = true;
}

at::Tensor to_tensor(const model_tensor& t) {
  const std::vector<std::int64_t> shape(t.shape.begin(), t.shape.end());
  at::Tensor out = at::empty(shape, at::kFloat);
  std::memcpy(out.data_ptr<float>(), t.values.data(), t.values.size() * sizeof(float));
  return out;
}

model_tensor from_tensor(std::string_view name, const at::Tensor& t) {
  const at::Tensor dense = t.detach().to(at::kFloat).contiguous();
  model_tensor out;
  out.name = std::string{name};
  for (const std::int64_t n : dense.sizes()) out.shape.push_back(static_cast<std::uint32_t>(n));
  const float* first = dense.data_ptr<float>();
  out.values.assign(first, first + dense.numel());
  return out;
}

std::string reason_of(const std::exception& e) {
  if (const auto* of_torch = dynamic_cast<const c10::Error*>(&e)) {
    return of_torch->what_without_backtrace();
  }
  return e.what();
}

}  // namespace faultline
