// SPDX-License-Identifier: Apache-2.0
#include "inference/forecaster_training.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "inference/internal/adam.hpp"
#include "inference/internal/lstm_sequence.hpp"
#include "inference/internal/lstm_shape.hpp"
#include "inference/internal/torch_tools.hpp"
#include "inference/internal/training_batches.hpp"

namespace faultline {
namespace {

using namespace lstm;
using steady = std::chrono::steady_clock;

/// The weights while they are trained, in the order of the file.
using weight_list = std::vector<at::Tensor>;

at::Tensor uniform_tensor(const std::vector<std::uint32_t>& shape, double bound, seeded_rng& rng) {
  at::Tensor t = at::empty(std::vector<std::int64_t>(shape.begin(), shape.end()), at::kFloat);
  float* to = t.data_ptr<float>();
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    to[i] = static_cast<float>(rng.uniform(-bound, bound));
  }
  return t;
}

/// Begins as persistence: mu is the last value, the LSTM adds nothing yet.
weight_list first_weights(seeded_rng& rng) {
  const std::vector<expected_tensor> shapes = expected_tensors();
  weight_list w;
  for (const expected_tensor& e : shapes) w.push_back(uniform_tensor(e.shape, 0, rng));
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  w[weight_input] = uniform_tensor(shapes[weight_input].shape, bound, rng);
  w[weight_hidden] = uniform_tensor(shapes[weight_hidden].shape, bound, rng);
  w[bias].narrow(0, hidden, hidden).fill_(1);  // remember at first (Gers et al. 2000)
  w[decay].fill_(-2);
  w[skip].select(2, 0).fill_(1);
  w[scale_bias].fill_(-0.5);
  w[fault_bias].fill_(-3);
  for (at::Tensor& t : w) t.requires_grad_(true);
  return w;
}

/// Sums over many chunks; loss() is what is minimised.
struct tally {
  double forecast = 0;  ///< weighted negative log-likelihood
  double weight = 0;
  double fault = 0;
  double fault_rows = 0;
  std::array<double, horizons> error{};
  std::array<double, horizons> persistence{};
  std::array<double, horizons> targets{};
  std::size_t rows = 0;

  double loss(double fault_weight) const {
    const double head = fault_rows > 0 ? fault_weight * fault / fault_rows : 0;
    return (weight > 0 ? forecast / weight : 0) + head;
  }
};

at::Tensor view_of(std::vector<float>& values, at::IntArrayRef shape) {
  return at::from_blob(values.data(), shape, at::kFloat);
}

class trainer {
public:
  trainer(const training_options& options, seeded_rng& rng)
      : options_{options}, weights_{first_weights(rng)}, optimiser_{weights_} {
    std::vector<float> per_output;
    for (std::size_t h = 0; h < horizons; ++h) {
      per_output.insert(per_output.end(), slots, static_cast<float>(options.horizon_weight[h]));
    }
    importance_ = view_of(per_output, {outputs}).clone();
  }

  /// One batch of segments from their first tick to their last.
  void run(segment_batch& batch, bool learn, double learning_rate, tally& sums) {
    const auto rows = static_cast<std::int64_t>(batch.size());
    at::Tensor h = at::zeros({rows, hidden});
    at::Tensor c = at::zeros({rows, hidden});
    while (batch.next(options_.chunk_ticks, chunk_)) {
      const at::AutoGradMode mode{learn};
      const at::Tensor loss = chunk_loss(rows, h, c, sums);
      if (learn && loss.requires_grad()) {
        loss.backward();
        optimiser_.step(learning_rate, options_.gradient_clip);
      }
    }
  }

  weight_list snapshot() const {
    weight_list copy;
    for (const at::Tensor& w : weights_) copy.push_back(w.detach().clone());
    return copy;
  }

private:
  /// Forward over the chunk. @returns the mean loss, without gradient where nothing has a target.
  at::Tensor chunk_loss(std::int64_t rows, at::Tensor& h, at::Tensor& c, tally& sums) {
    const auto ticks = static_cast<std::int64_t>(chunk_.ticks);
    const std::int64_t n = ticks * rows;
    const at::Tensor x = view_of(chunk_.input, {n, inputs});
    const at::Tensor projected = at::addmm(weights_[bias], x, weights_[weight_input].t());
    at::Tensor factors;
    if (chunk_.gaps) {
      const at::Tensor excess = view_of(chunk_.excess, {ticks, rows, 1});
      factors = at::exp(-at::softplus(weights_[decay]) * excess);
    }
    const at::Tensor all_h = lstm_sequence(projected.view({ticks, rows, gates}),
                                           weights_[weight_hidden].t().contiguous(), factors, h, c);
    const at::Tensor flat = all_h.reshape({n, hidden});
    return forecast_loss(flat, n, sums) + fault_loss(flat, x, n, sums) * options_.fault_weight;
  }

  /// Negative log-likelihood of a Laplace distribution, without its constant.
  at::Tensor forecast_loss(const at::Tensor& h, std::int64_t n, tally& sums) {
    const at::Tensor lagged = view_of(chunk_.lagged, {n, 1, slots, lags});
    const at::Tensor linear = (lagged * weights_[skip]).sum(-1).view({n, outputs});
    const at::Tensor mu = at::addmm(weights_[mu_bias], h, weights_[mu_weight].t()) + linear;
    const at::Tensor log_b = at::addmm(weights_[scale_bias], h, weights_[scale_weight].t())
                                 .clamp(-log_b_bound, log_b_bound);
    const at::Tensor target = view_of(chunk_.target, {n, outputs});
    const at::Tensor mask = view_of(chunk_.weight, {n, outputs});
    const at::Tensor weight = mask * importance_;
    const at::Tensor miss = (target - mu).abs();
    const at::Tensor ratio = (miss * at::exp(-log_b)).clamp_max(options_.residual_clamp);
    const at::Tensor total = ((ratio + log_b) * weight).sum();
    const double weights = weight.sum().item<double>();
    sums.forecast += total.item<double>();
    sums.weight += weights;
    sums.rows += chunk_.rows;
    note_errors(miss.detach(), target, mask, lagged, n, sums);
    return weights > 0 ? total / weights : total;
  }

  void note_errors(const at::Tensor& miss, const at::Tensor& target, const at::Tensor& mask,
                   const at::Tensor& lagged, std::int64_t n, tally& sums) const {
    if (miss.requires_grad() || at::GradMode::is_enabled()) return;  // only where we validate
    constexpr std::array<std::int64_t, 2> axes{0, 2};                // all but the horizon
    const at::IntArrayRef over{axes};
    const at::Tensor stays = (target.view({n, horizons, slots}) - lagged.select(3, 0)).abs();
    const at::Tensor m = mask.view({n, horizons, slots});
    const at::Tensor error = (miss.view({n, horizons, slots}) * m).sum(over);
    const at::Tensor persistence = (stays * m).sum(over);
    const at::Tensor count = m.sum(over);
    for (std::size_t h = 0; h < horizons; ++h) {
      const auto i = static_cast<std::int64_t>(h);
      sums.error[h] += error[i].item<double>();
      sums.persistence[h] += persistence[i].item<double>();
      sums.targets[h] += count[i].item<double>();
    }
  }

  at::Tensor fault_loss(const at::Tensor& h, const at::Tensor& x, std::int64_t n, tally& sums) {
    const at::Tensor weight = view_of(chunk_.fault_weight, {n});
    const double known = weight.sum().item<double>();
    if (known == 0) return at::zeros({});
    const at::Tensor logit = at::cat({h, x}, 1).mv(weights_[fault_weight]) + weights_[fault_bias];
    const at::Tensor label = view_of(chunk_.fault, {n});
    const at::Tensor total = ((at::softplus(logit) - label * logit) * weight).sum();
    sums.fault += total.item<double>();
    sums.fault_rows += known;
    return total / known;
  }

  const training_options& options_;
  weight_list weights_;
  adam optimiser_;
  at::Tensor importance_;
  training_chunk chunk_;
};

/// All batches of one pass over @p segments.
tally run_all(trainer& model, const std::vector<training_segment>& segments,
              const training_options& options, const corruption& how, double learning_rate,
              seeded_rng& rng) {
  tally sums;
  for (std::size_t i = 0; i < segments.size(); i += options.batch_segments) {
    const std::size_t end = std::min(segments.size(), i + options.batch_segments);
    segment_batch batch{{segments.begin() + static_cast<std::ptrdiff_t>(i),
                         segments.begin() + static_cast<std::ptrdiff_t>(end)},
                        how,
                        rng};
    model.run(batch, learning_rate > 0, learning_rate, sums);
  }
  return sums;
}

double learning_rate_at(const training_options& o, std::size_t epoch) {
  const double share =
      o.max_epochs > 1 ? static_cast<double>(epoch - 1) / static_cast<double>(o.max_epochs - 1) : 0;
  return o.learning_rate * std::pow(o.final_learning_rate / o.learning_rate, share);
}

struct fitted {
  training_report report;
  weight_list best;
};

void note_best(const tally& trained, const tally& checked, std::size_t epoch,
               const training_options& options, training_report& report) {
  report.best_epoch = epoch;
  report.train_loss = trained.loss(options.fault_weight);
  report.validation_loss = checked.loss(options.fault_weight);
  for (std::size_t h = 0; h < horizons; ++h) {
    if (checked.targets[h] == 0) continue;
    report.error[h] = checked.error[h] / checked.targets[h];
    report.persistence_error[h] = checked.persistence[h] / checked.targets[h];
  }
}

outcome<fitted> fit(const std::vector<training_sequence>& train,
                    const std::vector<training_sequence>& validation,
                    const training_options& options, const training_callback& progress) {
  seeded_rng rng{options.seed};
  trainer model{options, rng};
  const corruption noise{options.input_noise, options.channel_dropout, options.tick_dropout};
  const auto checks =
      cut_segments(validation.empty() ? train : validation, 4 * options.segment_ticks, nullptr);
  fitted result;
  for (std::size_t epoch = 1; epoch <= options.max_epochs; ++epoch) {
    const auto began = steady::now();
    const tally trained = run_all(model, cut_segments(train, options.segment_ticks, &rng), options,
                                  noise, learning_rate_at(options, epoch), rng);
    const std::chrono::duration<double> took = steady::now() - began;
    if (trained.weight == 0) return failure{ec::invalid, "training: no tick has a target"};
    const tally checked = run_all(model, checks, options, {}, 0, rng);
    training_progress now{epoch, trained.loss(options.fault_weight),
                          checked.loss(options.fault_weight),
                          static_cast<double>(trained.rows) / std::max(1e-9, took.count()), false};
    if (!std::isfinite(now.train_loss) || !std::isfinite(now.validation_loss)) {
      return failure{ec::model_failed,
                     "training: the loss is no longer finite in epoch " + std::to_string(epoch)};
    }
    now.best = result.best.empty() || now.validation_loss < result.report.validation_loss;
    if (now.best) {
      note_best(trained, checked, epoch, options, result.report);
      result.best = model.snapshot();
    }
    result.report.epochs = epoch;
    result.report.rows_per_second = now.rows_per_second;
    const bool go_on = !progress || progress(now);
    if (!go_on || epoch - result.report.best_epoch >= options.patience) break;
  }
  return result;
}

outcome<void> check_options(const std::vector<training_sequence>& train,
                            const training_options& o) {
  const auto share = [](double v) { return v >= 0 && v < 1; };
  if (train.empty()) return failure{ec::invalid, "training: no sequences"};
  if (o.max_epochs == 0 || o.patience == 0 || o.segment_ticks < 2 || o.chunk_ticks == 0 ||
      o.batch_segments == 0) {
    return failure{ec::invalid, "training: epochs, patience and sizes must be positive"};
  }
  if (!(o.learning_rate > 0) || !(o.final_learning_rate > 0) || !(o.gradient_clip > 0) ||
      !(o.input_noise >= 0) || !(o.residual_clamp > 0) || !(o.fault_weight >= 0) ||
      !share(o.channel_dropout) || !share(o.tick_dropout)) {
    return failure{ec::invalid, "training: a rate or weight is out of range"};
  }
  return {};
}

outcome<training_report> save(fitted result, const training_options& options) {
  static constexpr const char* horizon_name[] = {"1_tick", "5_min", "30_min"};
  model_content content;
  content.kind = model_kind::forecaster;
  content.description = options.description;
  content.description.seed = options.seed;
  auto& measures = content.description.measures;
  measures["epochs"] = static_cast<double>(result.report.epochs);
  measures["best_epoch"] = static_cast<double>(result.report.best_epoch);
  measures["train_loss"] = result.report.train_loss;
  measures["validation_loss"] = result.report.validation_loss;
  for (std::size_t h = 0; h < horizons; ++h) {
    const std::string of = horizon_name[h];
    measures["validation_error_" + of] = result.report.error[h];
    measures["persistence_error_" + of] = result.report.persistence_error[h];
  }
  auto written = write_trained(std::move(content), expected_tensors(), result.best, options.file);
  if (!written) return written.error();
  result.report.parameters = written->parameters;
  result.report.sha256 = std::move(written->sha256);
  return result.report;
}

}  // namespace

outcome<training_report> train_forecaster(const std::vector<training_sequence>& train,
                                          const std::vector<training_sequence>& validation,
                                          const training_options& options,
                                          const training_callback& progress) {
  if (const auto good = check_options(train, options); !good) return good.error();
  try {
    use_one_thread();
    outcome<fitted> result = fit(train, validation, options, progress);
    if (!result) return result.error();
    return save(std::move(*result), options);
  } catch (const std::exception& e) {
    return failure{ec::model_failed, "training: " + reason_of(e)};
  }
}

}  // namespace faultline
