// SPDX-License-Identifier: Apache-2.0
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "inference/forecaster.hpp"
#include "inference/internal/lstm_shape.hpp"
#include "inference/internal/torch_tools.hpp"

// One pass, for `tile` rows at a time (the one shape; unused rows are zero). Rows of entities are
// lanes, the LAST dimension of every product and step:
//   x      [tile][inputs, 1, h]      packed by copying, read transposed
//   gates  = W x'                    a product a band, W [4 hidden][inputs + 1 + hidden]
//   s      = sigmoid(gates)          W doubles the cell's rows: tanh(y) = 2 sigmoid(2 y) - 1,
//                                    and LibTorch's sigmoid costs a third of its tanh
//   c'     = f c + 2 i s - i,  h' = 2 o sigmoid(2 c') - o
//   head   = V h'                    V [mu 24, log_b 24, fault 1][hidden]
// The skip on lagged values and the fault head on the inputs are a few products per row, added
// while the results are copied out.
//
// A BLAS kernel may round differently from one block of its output to the next (OpenBLAS' Haswell
// kernel does: blocks of 24 lanes, where the first 8 differ from the others, and blocks of 12
// columns). The lanes of one vector block of at most 16 are all alike, and so are those of an
// element-wise step. So a tile is four bands of 16 lanes, each with a product of its own, and
// neither the place of a row nor its company changes its bits. That costs nothing: four products
// of 16 lanes take no longer than one of 64.

namespace faultline {
namespace {

using namespace lstm;

constexpr std::int64_t band_rows = 16;
constexpr std::int64_t bands = 4;
constexpr std::int64_t tile_rows = bands * band_rows;
constexpr std::int64_t x_columns = inputs + 1 + hidden;
constexpr std::int64_t head_columns = 2 * outputs + 1;
constexpr std::int64_t made_columns = head_columns + 2 * hidden;  ///< head, h, c
constexpr std::int64_t hidden_column = head_columns;
constexpr std::int64_t cell_column = head_columns + hidden;

/// True when all floats are finite. Compares exponents, so that the compiler can vectorise it under
/// strict floating point.
template <std::size_t count>
bool all_finite(const float* values) noexcept {
  constexpr std::uint32_t exponent = 0x7f800000U;
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof bits);
    bad |= (bits & exponent) == exponent ? 1U : 0U;
  }
  return bad == 0;
}

/// Weights as the passes need them.
struct step_weights {
  at::Tensor gates;                          ///< [4 hidden][x_columns], bias in column `inputs`
  at::Tensor head;                           ///< [head_columns][hidden]
  std::array<float, head_columns> bias{};    ///< of the head
  std::array<float, outputs * lags> skip{};  ///< [lag][horizon][slot]
  std::array<float, inputs> fault_input{};
  std::array<float, hidden> decay_rate{};
};

step_weights weights_of(const model_content& content) {
  const auto tensor = [&](tensor_index i) { return to_tensor(content.tensors[i]); };
  const auto values = [&](tensor_index i) -> const std::vector<float>& {
    return content.tensors[i].values;
  };
  step_weights w;
  w.gates = at::cat({tensor(weight_input), tensor(bias).unsqueeze(1), tensor(weight_hidden)}, 1)
                .contiguous();
  w.gates.narrow(0, 3 * hidden, hidden).mul_(2);
  const at::Tensor fault_hidden = tensor(fault_weight).narrow(0, 0, hidden).unsqueeze(0);
  w.head = at::cat({tensor(mu_weight), tensor(scale_weight), fault_hidden}).contiguous();
  std::copy_n(values(mu_bias).begin(), outputs, w.bias.begin());
  std::copy_n(values(scale_bias).begin(), outputs, w.bias.begin() + outputs);
  w.bias[2 * outputs] = values(fault_bias)[0];
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t l = 0; l < lags; ++l) w.skip[l * outputs + o] = values(skip)[o * lags + l];
  }
  std::copy_n(values(fault_weight).begin() + hidden, inputs, w.fault_input.begin());
  for (std::size_t j = 0; j < hidden; ++j) {
    w.decay_rate[j] = std::log1p(std::exp(std::min(values(decay)[j], 30.0F)));
  }
  return w;
}

class lstm_forecaster final : public forecaster {
public:
  lstm_forecaster(step_weights weights, model_identity identity, std::size_t batch)
      : weights_{std::move(weights)}, identity_{std::move(identity)}, capacity_{batch} {
    const c10::InferenceMode guard;
    x_ = at::zeros({tile_rows, x_columns});
    x_.select(1, inputs).fill_(1);
    gates_ = at::zeros({bands, gates, band_rows});
    squashed_ = at::zeros({bands, hidden, band_rows});
    made_ = at::zeros({bands, made_columns, band_rows});
    two_ = at::full({}, 2.0F);
    in_gate_ = gates_.narrow(1, 0, hidden);
    forget_gate_ = gates_.narrow(1, hidden, hidden);
    out_gate_ = gates_.narrow(1, 2 * hidden, hidden);
    candidate_ = gates_.narrow(1, 3 * hidden, hidden);
    hidden_ = made_.narrow(1, hidden_column, hidden);
    cell_ = made_.narrow(1, cell_column, hidden);
    for (std::int64_t b = 0; b < bands; ++b) {
      band& one = band_[static_cast<std::size_t>(b)];
      one.x = x_.narrow(0, b * band_rows, band_rows).t();
      one.gates = gates_[b];
      one.hidden = hidden_[b];
      one.head = made_[b].narrow(0, 0, head_columns);
    }
  }

  std::size_t capacity() const noexcept override { return capacity_; }
  const model_identity& identity() const noexcept override { return identity_; }

  outcome<void> step(const forecast_row* const* rows, forecast_result* const* results,
                     std::size_t count) override {
    if (count > capacity_) {
      return failure{ec::invalid, "forecaster: more rows than its capacity"};
    }
    use_one_thread();
    bad_row_ = count;
    try {
      const c10::InferenceMode guard;
      for (std::size_t first = 0; first < count; first += tile_rows) {
        const std::size_t n = std::min<std::size_t>(tile_rows, count - first);
        pack(rows + first, n, first);
        pass((n + band_rows - 1) / band_rows);
        unpack(rows + first, results + first, n, first);
      }
    } catch (const std::exception& e) {
      return failure{ec::model_failed, "forecaster: " + reason_of(e)};
    }
    if (bad_row_ < count) {
      return failure{ec::model_failed,
                     "forecaster: row " + std::to_string(bad_row_) + " is not finite"};
    }
    return {};
  }

private:
  /// What the two products of a band read and write: views.
  struct band {
    at::Tensor x, gates, hidden, head;
  };

  void note_bad(std::size_t row) { bad_row_ = std::min(bad_row_, row); }

  /// Where column 0 of row @p r of the tile stands in `made_`; the next column is band_rows on.
  float* lane_of(std::size_t r) const {
    return made_.data_ptr<float>() + (r / band_rows) * made_columns * band_rows + r % band_rows;
  }

  /// Copies rows into the buffers; a row that is not finite goes in as zeros and is noted.
  void pack(const forecast_row* const* rows, std::size_t n, std::size_t first) {
    static const forecast_row nothing{};
    float* x = x_.data_ptr<float>();
    for (std::size_t r = 0; r < tile_rows; ++r, x += x_columns) {
      const forecast_row* row = r < n ? rows[r] : &nothing;
      static_assert(sizeof(forecast_row) == sizeof(float) * (inputs + slots * lags + 2 * hidden));
      if (!all_finite<sizeof(forecast_row) / sizeof(float)>(row->input.data())) {
        note_bad(first + r);
        row = &nothing;
      }
      std::memcpy(x, row->input.data(), sizeof row->input);
      std::memcpy(x + inputs + 1, row->h.data(), sizeof row->h);
      float* cell = lane_of(r) + cell_column * band_rows;
      for (std::size_t j = 0; j < hidden; ++j) cell[j * band_rows] = row->c[j];
      decay_state(row->input[log_dt_index], x + inputs + 1);
    }
  }

  /// After a gap the state counts for less (Che et al. 2018, GRU-D, section 3.3). Rare, so per row.
  void decay_state(float log_dt, float* h) const {
    if (log_dt <= 0) return;
    const float excess = std::exp(log_dt) - decay_from;
    if (excess <= 0) return;
    for (std::size_t j = 0; j < hidden; ++j) h[j] *= std::exp(-weights_.decay_rate[j] * excess);
  }

  /// @p used: bands with rows; the others are left out of the products, for nobody reads them.
  void pass(std::size_t used) {
    for (std::size_t b = 0; b < used; ++b) at::mm_out(band_[b].gates, weights_.gates, band_[b].x);
    gates_.sigmoid_();
    cell_.mul_(forget_gate_);
    cell_.addcmul_(in_gate_, candidate_, 2).sub_(in_gate_);
    at::mul_out(squashed_, cell_, two_);
    squashed_.sigmoid_();
    at::mul_out(hidden_, squashed_, out_gate_);
    hidden_.mul_(two_).sub_(out_gate_);
    for (std::size_t b = 0; b < used; ++b)
      at::mm_out(band_[b].head, weights_.head, band_[b].hidden);
  }

  void unpack(const forecast_row* const* rows, forecast_result* const* results, std::size_t n,
              std::size_t first) {
    std::array<float, made_columns> made;
    for (std::size_t r = 0; r < n; ++r) {
      const float* lane = lane_of(r);
      for (std::size_t j = 0; j < made.size(); ++j) made[j] = lane[j * band_rows];
      forecast_result& out = *results[r];
      std::memcpy(out.h.data(), made.data() + hidden_column, sizeof out.h);
      std::memcpy(out.c.data(), made.data() + cell_column, sizeof out.c);
      write_heads(*rows[r], made.data(), out);
      static_assert(sizeof(forecast_result) == sizeof(float) * made_columns);
      if (!all_finite<sizeof(forecast_result) / sizeof(float)>(out.mu[0].data())) {
        note_bad(first + r);
      }
    }
  }

  void write_heads(const forecast_row& row, const float* head, forecast_result& out) const {
    float* mu = out.mu[0].data();
    float* log_b = out.log_b[0].data();
    for (std::size_t o = 0; o < outputs; ++o) {
      mu[o] = head[o] + weights_.bias[o];
      const float raw = head[outputs + o] + weights_.bias[outputs + o];
      log_b[o] = std::min(std::max(raw, -log_b_bound), log_b_bound);
    }
    for (std::size_t l = 0; l < lags; ++l) {
      for (std::size_t k = 0; k < horizons; ++k) {
        const float* w = weights_.skip.data() + l * outputs + k * slots;
        for (std::size_t s = 0; s < slots; ++s)
          mu[k * slots + s] += w[s] * row.lagged[s * lags + l];
      }
    }
    float fault = head[2 * outputs] + weights_.bias[2 * outputs];
    for (std::size_t i = 0; i < inputs; ++i) fault += weights_.fault_input[i] * row.input[i];
    out.fault_logit = fault;
  }

  step_weights weights_;
  model_identity identity_;
  std::size_t capacity_;
  std::size_t bad_row_ = 0;
  at::Tensor x_, gates_, squashed_, made_;
  at::Tensor in_gate_, forget_gate_, out_gate_, candidate_;  // views of gates_
  at::Tensor hidden_, cell_;                                 // views of made_
  std::array<band, bands> band_;
  at::Tensor two_;
};

}  // namespace

outcome<std::unique_ptr<forecaster>> load_forecaster(const std::filesystem::path& file,
                                                     std::size_t batch) {
  if (batch == 0 || batch > 65536) {
    return failure{ec::invalid, "forecaster: a batch has 1 to 65536 rows"};
  }
  outcome<loaded_model> loaded = load_model_file(file, model_kind::forecaster);
  if (!loaded) return loaded.error();
  if (const auto good = check_tensors(loaded->content, expected_tensors()); !good) {
    return failure{good.error().code, file.string() + ": " + good.error().what};
  }
  try {
    use_one_thread();
    const c10::InferenceMode guard;
    auto made = std::make_unique<lstm_forecaster>(weights_of(loaded->content),
                                                  std::move(loaded->identity), batch);
    const forecast_row row{};
    forecast_result result{};
    const forecast_row* const rows[] = {&row};
    forecast_result* const results[] = {&result};
    for (int i = 0; i < 3; ++i) {
      if (const auto warm = made->step(rows, results, 1); !warm) return warm.error();
    }
    return std::unique_ptr<forecaster>{std::move(made)};
  } catch (const std::exception& e) {
    return failure{ec::model_failed, "forecaster " + file.string() + ": " + reason_of(e)};
  }
}

}  // namespace faultline
