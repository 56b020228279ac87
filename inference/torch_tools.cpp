// SPDX-License-Identifier: Apache-2.0
#include "inference/internal/torch_tools.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace faultline {
namespace {

template <class Function>
Function* of_blas(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

// OpenBLAS looks for the processor's model in a list when it is loaded; one that is younger than
// the list gets the kernels of 2004, which take three times as long. It is told again, by the name
// it takes from its environment, where the processor says what it can do. Before any thread of
// ours, for the sake of the environment.
bool choose_blas_kernels() {
  const auto core = of_blas<char*()>("openblas_get_corename");
  const auto quit = of_blas<void()>("gotoblas_dynamic_quit");
  const auto init = of_blas<void()>("gotoblas_dynamic_init");
  constexpr const char* named = "OPENBLAS_CORETYPE";
  if (core == nullptr || quit == nullptr || init == nullptr) return false;  // another BLAS
  const char* wanted = kernels_instead_of(core(), has_avx2());
  if (wanted == nullptr || std::getenv(named) != nullptr) return false;
  setenv(named, wanted, 1);
  quit();
  init();
  unsetenv(named);
  return true;
}

[[maybe_unused]] const bool kernels_chosen = choose_blas_kernels();

}  // namespace

const char* kernels_instead_of(std::string_view core, bool avx2) noexcept {
  return avx2 && core == "Prescott" ? "Haswell" : nullptr;
}

bool has_avx2() noexcept {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

void use_one_thread() {
  thread_local bool ready = false;
  if (ready) return;
  at::set_num_threads(1);
  // Debian's LibTorch calls BLAS through an interface without thread control. OpenBLAS has its own
  // pool; when it is another BLAS there is nothing to set.
  if (auto* set = of_blas<void(int)>("openblas_set_num_threads")) set(1);
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

outcome<written_model> write_trained(model_content content,
                                     const std::vector<expected_tensor>& tensors,
                                     const std::vector<at::Tensor>& weights,
                                     const std::filesystem::path& file) {
  written_model out;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    content.tensors.push_back(from_tensor(tensors[i].name, weights[i]));
    out.parameters += content.tensors.back().values.size();
  }
  if (const auto written = write_model_file(file, content); !written) return written.error();
  auto card = read_model_card(file);
  if (!card) return card.error();
  out.sha256 = std::move(card->sha256);
  return out;
}

std::string reason_of(const std::exception& e) {
  if (const auto* of_torch = dynamic_cast<const c10::Error*>(&e)) {
    return of_torch->what_without_backtrace();
  }
  return e.what();
}

}  // namespace faultline
