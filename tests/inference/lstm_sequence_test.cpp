// SPDX-License-Identifier: Apache-2.0
#include "inference/internal/lstm_sequence.hpp"

#include <gtest/gtest.h>

#include "inference/internal/seeded_rng.hpp"
#include "inference/internal/torch_tools.hpp"

namespace faultline {
namespace {

at::Tensor random_leaf(at::IntArrayRef shape, double low, double high, seeded_rng& rng) {
  at::Tensor t = at::empty(shape, at::kFloat);
  float* to = t.data_ptr<float>();
  for (std::int64_t i = 0; i < t.numel(); ++i) to[i] = static_cast<float>(rng.uniform(low, high));
  return t.requires_grad_(true);
}

/// The same recurrence, left to autograd.
at::Tensor recorded(const at::Tensor& projected, const at::Tensor& weight, const at::Tensor& decay,
                    at::Tensor h, at::Tensor c) {
  std::vector<at::Tensor> all;
  for (std::int64_t t = 0; t < projected.size(0); ++t) {
    if (decay.defined()) h = h * decay[t];
    const auto gates = (projected[t] + h.mm(weight)).chunk(4, 1);
    c = gates[1].sigmoid() * c + gates[0].sigmoid() * gates[3].tanh();
    h = gates[2].sigmoid() * c.tanh();
    all.push_back(h);
  }
  return at::stack(all);
}

void compare(bool with_decay) {
  use_one_thread();
  seeded_rng rng{8};
  const at::Tensor projected = random_leaf({12, 5, 32}, -1, 1, rng);
  const at::Tensor weight = random_leaf({8, 32}, -0.5, 0.5, rng);
  const at::Tensor decay = with_decay ? random_leaf({12, 5, 8}, 0.1, 1, rng) : at::Tensor{};
  const at::Tensor upper = random_leaf({12, 5, 8}, -1, 1, rng).detach();
  at::Tensor h = random_leaf({5, 8}, -1, 1, rng).detach();
  at::Tensor c = random_leaf({5, 8}, -1, 1, rng).detach();
  const at::Tensor slow = recorded(projected, weight, decay, h, c);
  (slow * upper).sum().backward();
  std::vector<at::Tensor> expected;
  for (const at::Tensor& leaf : {projected, weight, decay}) {
    if (!leaf.defined()) continue;
    expected.push_back(leaf.grad().clone());
    leaf.mutable_grad().zero_();
  }
  const at::Tensor fast = lstm_sequence(projected, weight, decay, h, c);
  (fast * upper).sum().backward();
  EXPECT_TRUE(at::allclose(fast, slow, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(h, slow[11], 1e-5, 1e-6));
  std::size_t i = 0;
  for (const at::Tensor& leaf : {projected, weight, decay}) {
    if (!leaf.defined()) continue;
    EXPECT_TRUE(at::allclose(leaf.grad(), expected[i++], 1e-4, 1e-5));
  }
  EXPECT_FALSE(h.requires_grad());
}

TEST(LstmSequence, ItsGradientIsTheOneOfAutograd) { compare(false); }

TEST(LstmSequence, ItsGradientWithDecayIsTheOneOfAutograd) { compare(true); }

}  // namespace
}  // namespace faultline
