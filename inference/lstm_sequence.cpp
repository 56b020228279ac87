// SPDX-License-Identifier: Apache-2.0
#include "inference/internal/lstm_sequence.hpp"

#include <torch/csrc/autograd/custom_function.h>

namespace faultline {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The gates of one tick, [B][H] each, views of [B][4H].
struct gate_views {
  explicit gate_views(const at::Tensor& all) {
    const std::int64_t n = all.size(-1) / 4;
    in = all.narrow(-1, 0, n);
    forget = all.narrow(-1, n, n);
    out = all.narrow(-1, 2 * n, n);
    cell = all.narrow(-1, 3 * n, n);
    sigmoids = all.narrow(-1, 0, 3 * n);
  }
  at::Tensor in, forget, out, cell, sigmoids;
};

struct recurrence : torch::autograd::Function<recurrence> {
  static variable_list forward(AutogradContext* context, const at::Tensor& projected,
                               const at::Tensor& weight, const at::Tensor& decay,
                               const at::Tensor& h0, const at::Tensor& c0) {
    const std::int64_t ticks = projected.size(0);
    const std::int64_t rows = projected.size(1);
    const std::int64_t width = weight.size(0);
    at::Tensor gates = at::empty({ticks, rows, 4 * width});
    at::Tensor h_in = at::empty({ticks, rows, width});      // h before the tick, decayed
    at::Tensor c = at::empty({ticks + 1, rows, width});     // c[0] is the state before
    at::Tensor squashed = at::empty({ticks, rows, width});  // tanh(c after the tick)
    at::Tensor h = at::empty({ticks + 1, rows, width});
    h[0].copy_(h0);
    c[0].copy_(c0);
    for (std::int64_t t = 0; t < ticks; ++t) {
      at::Tensor in = h_in[t];
      if (decay.numel() > 0) {
        at::mul_out(in, h[t], decay[t]);
      } else {
        in.copy_(h[t]);
      }
      at::Tensor all = gates[t];
      at::addmm_out(all, projected[t], in, weight);
      gate_views g{all};
      g.sigmoids.sigmoid_();
      g.cell.tanh_();
      at::Tensor next = c[t + 1];
      at::mul_out(next, c[t], g.forget);
      next.addcmul_(g.in, g.cell);
      at::Tensor flat = squashed[t];
      at::tanh_out(flat, next);
      at::Tensor out = h[t + 1];
      at::mul_out(out, flat, g.out);
    }
    context->save_for_backward({gates, h_in, h, c, squashed, weight, decay});
    return {h.narrow(0, 1, ticks), h[ticks].clone(), c[ticks].clone()};
  }

  static variable_list backward(AutogradContext* context, variable_list from_above) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& gates = saved[0];
    const at::Tensor& h_in = saved[1];
    const at::Tensor& h = saved[2];
    const at::Tensor& c = saved[3];
    const at::Tensor& squashed = saved[4];
    const at::Tensor& weight = saved[5];
    const at::Tensor& decay = saved[6];
    const std::int64_t ticks = gates.size(0);
    const std::int64_t rows = gates.size(1);
    const std::int64_t width = weight.size(0);
    const at::Tensor back = weight.t().contiguous();
    at::Tensor d_gates = at::empty_like(gates);
    at::Tensor d_in = at::empty({ticks, rows, width});  // with respect to the decayed h
    at::Tensor d_c = at::zeros({rows, width});
    at::Tensor d_h_next;
    for (std::int64_t t = ticks - 1; t >= 0; --t) {
      const gate_views g{gates[t]};
      at::Tensor d_all = d_gates[t];
      gate_views d{d_all};
      const at::Tensor d_h = d_h_next.defined() ? from_above[0][t] + d_h_next : from_above[0][t];
      const at::Tensor flat = squashed[t];
      const at::Tensor through_out = d_h * g.out;
      d_c.add_(through_out).addcmul_(through_out, flat * flat, -1);
      at::mul_out(d.out, d_h, flat);
      at::mul_out(d.in, d_c, g.cell);
      at::mul_out(d.forget, d_c, c[t]);
      at::mul_out(d.cell, d_c, g.in);
      d.sigmoids.mul_(g.sigmoids).mul_(1 - g.sigmoids);      // s' = s (1 - s)
      d.cell.addcmul_(d.cell.clone(), g.cell * g.cell, -1);  // tanh' = 1 - tanh^2
      d_c.mul_(g.forget);
      at::Tensor into = d_in[t];
      at::mm_out(into, d_all, back);
      d_h_next = decay.numel() > 0 ? into * decay[t] : into;
    }
    const at::Tensor d_weight = h_in.reshape({-1, width}).t().mm(d_gates.reshape({-1, 4 * width}));
    const at::Tensor d_decay = decay.numel() > 0 ? d_in * h.narrow(0, 0, ticks) : at::Tensor{};
    return {d_gates, d_weight, d_decay, at::Tensor{}, at::Tensor{}};
  }
};

}  // namespace

at::Tensor lstm_sequence(const at::Tensor& projected, const at::Tensor& weight,
                         const at::Tensor& decay, at::Tensor& h, at::Tensor& c) {
  const at::Tensor factors = decay.defined() ? decay : at::empty({0});
  const variable_list out = recurrence::apply(projected, weight, factors, h, c);
  h = out[1].detach();
  c = out[2].detach();
  return out[0];
}

}  // namespace faultline
