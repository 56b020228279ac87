// SPDX-License-Identifier: Apache-2.0
#include "inference/internal/adam.hpp"

#include <cmath>

namespace faultline {

adam::adam(std::vector<at::Tensor> parameters, double weight_decay)
    : parameters_{std::move(parameters)}, weight_decay_{weight_decay} {
  for (const at::Tensor& p : parameters_) {
    mean_.push_back(at::zeros_like(p));
    square_.push_back(at::zeros_like(p));
  }
}

void adam::step(double learning_rate, double gradient_clip) {
  constexpr double beta1 = 0.9;
  constexpr double beta2 = 0.999;
  constexpr double epsilon = 1e-8;
  const at::NoGradGuard no_grad;
  double norm = 0;
  for (const at::Tensor& p : parameters_) {
    if (p.grad().defined()) norm += p.grad().square().sum().item<double>();
  }
  norm = std::sqrt(norm);
  const double scale = norm > gradient_clip ? gradient_clip / norm : 1;
  ++steps_;
  const double first = 1 - std::pow(beta1, steps_);
  const double second = 1 - std::pow(beta2, steps_);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor gradient = parameters_[i].grad();
    if (!gradient.defined()) continue;
    gradient.mul_(scale);
    mean_[i].mul_(beta1).add_(gradient, 1 - beta1);
    square_[i].mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
    if (weight_decay_ > 0) parameters_[i].mul_(1 - learning_rate * weight_decay_);
    const at::Tensor spread = (square_[i] / second).sqrt_().add_(epsilon);
    parameters_[i].addcdiv_(mean_[i], spread, -learning_rate / first);
    gradient.zero_();
  }
}

}  // namespace faultline
