// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to the room: the optimiser of both trainings.

#include <ATen/ATen.h>

#include <vector>

namespace faultline {

/// Adam (Kingma and Ba 2015) with its usual constants, after clipping the norm of all gradients.
class adam {
public:
  /// @param parameters leaves that require gradients
  explicit adam(std::vector<at::Tensor> parameters, double weight_decay = 0);

  /// One step against the gradients, which are zero afterwards.
  void step(double learning_rate, double gradient_clip);

private:
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> mean_;
  std::vector<at::Tensor> square_;
  double weight_decay_;  ///< decoupled (Loshchilov and Hutter 2019)
  std::int64_t steps_ = 0;
};

}  // namespace faultline
