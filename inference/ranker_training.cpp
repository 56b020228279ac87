// SPDX-License-Identifier: Apache-2.0
#include "inference/ranker_training.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "inference/internal/adam.hpp"
#include "inference/internal/ranker_batches.hpp"
#include "inference/internal/ranker_net.hpp"
#include "inference/internal/torch_tools.hpp"

namespace faultline {
namespace {

using steady = std::chrono::steady_clock;
using case_list = std::vector<const ranker_case*>;

/// Counts over many batches.
struct tally {
  double loss = 0;
  double cases = 0;
  double rooted = 0, top1 = 0, top3 = 0;
  double rootless = 0, none_right = 0;
  double classed = 0, class_right = 0;

  ranker_measures measures() const {
    const auto share = [](double part, double of) { return of > 0 ? part / of : 0; };
    return {share(loss, cases), share(top1, rooted), share(top3, rooted),
            share(none_right, rootless), share(class_right, classed)};
  }
};

/// Class logits at the true root of the graphs whose class is known, with those classes.
std::pair<at::Tensor, at::Tensor> classes_at_root(const ranker_output& out,
                                                  const ranker_batch& batch) {
  std::vector<std::int64_t> places;
  std::vector<std::int64_t> classes;
  for (std::size_t g = 0; g < batch.graphs; ++g) {
    if (batch.classes[g] < 0) continue;
    places.push_back(static_cast<std::int64_t>(g * batch.width) + batch.answer[g]);
    classes.push_back(batch.classes[g]);
  }
  const auto count = static_cast<std::int64_t>(places.size());
  const at::Tensor at_place = at::from_blob(places.data(), {count}, at::kLong).clone();
  const at::Tensor known = at::from_blob(classes.data(), {count}, at::kLong).clone();
  const at::Tensor flat = out.class_logit.flatten(0, 1);
  return {flat.index_select(0, at_place), known};
}

void count_answers(const at::Tensor& answers, const ranker_batch& batch, tally& sums) {
  const at::Tensor best = std::get<1>(answers.topk(std::min<std::int64_t>(3, answers.size(1))));
  for (std::size_t g = 0; g < batch.graphs; ++g) {
    const at::Tensor row = best[static_cast<std::int64_t>(g)];
    const std::int64_t right = batch.answer[g];
    const bool first = row[0].item<std::int64_t>() == right;
    if (right == static_cast<std::int64_t>(batch.width)) {
      sums.rootless += 1;
      sums.none_right += first ? 1 : 0;
      continue;
    }
    sums.rooted += 1;
    sums.top1 += first ? 1 : 0;
    sums.top3 += (row == right).any().item<bool>() ? 1 : 0;
  }
}

class trainer {
public:
  trainer(const ranker_training_options& options, seeded_rng& rng)
      : options_{options}, net_{rng}, optimiser_{net_.weights(), options.weight_decay} {}

  void learn(const case_list& cases, double learning_rate, tally& sums) {
    ranker_batch batch = pack_cases(cases);
    const at::Tensor loss = loss_of(batch, sums, false);
    loss.backward();
    optimiser_.step(learning_rate, options_.gradient_clip);
  }

  void check(const case_list& cases, tally& sums) const {
    const at::NoGradGuard no_grad;
    ranker_batch batch = pack_cases(cases);
    loss_of(batch, sums, true);
  }

  std::vector<at::Tensor> snapshot() const {
    std::vector<at::Tensor> copy;
    for (const at::Tensor& w : net_.weights()) copy.push_back(w.detach().clone());
    return copy;
  }

private:
  at::Tensor loss_of(ranker_batch& batch, tally& sums, bool count) const {
    const ranker_output out = net_.forward(batch);
    const at::Tensor answers = at::cat({out.node_logit, out.null_logit.unsqueeze(1)}, 1);
    const auto graphs = static_cast<std::int64_t>(batch.graphs);
    const at::Tensor right = at::from_blob(batch.answer.data(), {graphs}, at::kLong);
    at::Tensor loss = at::cross_entropy_loss(answers, right);
    const auto [logits, known] = classes_at_root(out, batch);
    if (known.size(0) > 0) {
      loss = loss + options_.class_weight * at::cross_entropy_loss(logits, known);
      sums.classed += static_cast<double>(known.size(0));
      sums.class_right += (logits.argmax(1) == known).sum().item<double>();
    }
    sums.loss += loss.item<double>() * static_cast<double>(graphs);
    sums.cases += static_cast<double>(graphs);
    if (count) count_answers(answers, batch, sums);
    return loss;
  }

  const ranker_training_options& options_;
  ranker_net net_;
  adam optimiser_;
};

tally learn_epoch(trainer& model, case_list& order, const ranker_training_options& options,
                  double learning_rate, seeded_rng& rng) {
  tally sums;
  rng.shuffle(order);
  for (std::size_t i = 0; i < order.size(); i += options.batch_graphs) {
    const std::size_t end = std::min(order.size(), i + options.batch_graphs);
    std::vector<ranker_case> changed;
    for (std::size_t k = i; k < end; ++k) changed.push_back(augmented(*order[k], options, rng));
    case_list batch;
    for (const ranker_case& c : changed) batch.push_back(&c);
    model.learn(batch, learning_rate, sums);
  }
  return sums;
}

tally check_epoch(const trainer& model, const std::vector<ranker_case>& cases,
                  std::size_t batch_graphs) {
  tally sums;
  for (std::size_t i = 0; i < cases.size(); i += batch_graphs) {
    case_list batch;
    for (std::size_t k = i; k < std::min(cases.size(), i + batch_graphs); ++k) {
      batch.push_back(&cases[k]);
    }
    model.check(batch, sums);
  }
  return sums;
}

struct fitted {
  ranker_report report;
  std::vector<at::Tensor> best;
};

outcome<fitted> fit(const std::vector<ranker_case>& train,
                    const std::vector<ranker_case>& validation, const ranker_training_options& o,
                    const ranker_callback& progress) {
  seeded_rng rng{o.seed};
  trainer model{o, rng};
  case_list order;
  for (const ranker_case& c : train) order.push_back(&c);
  fitted result;
  const double fall = o.final_learning_rate / o.learning_rate;
  for (std::size_t epoch = 1; epoch <= o.max_epochs; ++epoch) {
    const double share = static_cast<double>(epoch - 1) /
                         static_cast<double>(std::max<std::size_t>(1, o.max_epochs - 1));
    const auto began = steady::now();
    const tally trained =
        learn_epoch(model, order, o, o.learning_rate * std::pow(fall, share), rng);
    const std::chrono::duration<double> took = steady::now() - began;
    ranker_progress now;
    now.epoch = epoch;
    now.train_loss = trained.measures().loss;
    now.validation =
        check_epoch(model, validation.empty() ? train : validation, o.batch_graphs).measures();
    now.cases_per_second = trained.cases / std::max(1e-9, took.count());
    if (!std::isfinite(now.train_loss) || !std::isfinite(now.validation.loss)) {
      return failure{ec::model_failed, "ranker training: the loss is no longer finite in epoch " +
                                           std::to_string(epoch)};
    }
    now.best = result.best.empty() || now.validation.loss < result.report.validation.loss;
    if (now.best) {
      result.report.best_epoch = epoch;
      result.report.train_loss = now.train_loss;
      result.report.validation = now.validation;
      result.best = model.snapshot();
    }
    result.report.epochs = epoch;
    result.report.cases_per_second = now.cases_per_second;
    const bool go_on = !progress || progress(now);
    if (!go_on || epoch - result.report.best_epoch >= o.patience) break;
  }
  return result;
}

outcome<void> check_cases(const std::vector<ranker_case>& cases) {
  for (const ranker_case& c : cases) {
    if (const auto good = check_graph(c.graph); !good) return good.error();
    if (c.root >= static_cast<int>(c.graph.nodes.size()) ||
        c.fault_class >= static_cast<int>(ranker_shape::fault_classes)) {
      return failure{ec::invalid, "ranker training: a root or class that does not exist"};
    }
  }
  return {};
}

outcome<void> check_options(const ranker_training_options& o) {
  const auto share = [](double v) { return v >= 0 && v < 1; };
  if (o.max_epochs == 0 || o.patience == 0 || o.batch_graphs == 0) {
    return failure{ec::invalid, "ranker training: epochs, patience and sizes must be positive"};
  }
  if (!(o.learning_rate > 0) || !(o.final_learning_rate > 0) || !(o.gradient_clip > 0) ||
      !(o.weight_decay >= 0) || !(o.class_weight >= 0) || !(o.amplitude_spread >= 0) ||
      !share(o.node_drop) || !share(o.channel_mask)) {
    return failure{ec::invalid, "ranker training: a rate or weight is out of range"};
  }
  return {};
}

outcome<ranker_report> save(fitted result, const ranker_training_options& options) {
  model_content content;
  content.kind = model_kind::ranker;
  content.description = options.description;
  content.description.seed = options.seed;
  const ranker_measures& v = result.report.validation;
  content.description.measures["epochs"] = static_cast<double>(result.report.epochs);
  content.description.measures["best_epoch"] = static_cast<double>(result.report.best_epoch);
  content.description.measures["train_loss"] = result.report.train_loss;
  content.description.measures["validation_loss"] = v.loss;
  content.description.measures["validation_top1"] = v.top1;
  content.description.measures["validation_top3"] = v.top3;
  content.description.measures["validation_none_right"] = v.none_right;
  content.description.measures["validation_class_accuracy"] = v.class_accuracy;
  auto written =
      write_trained(std::move(content), ranker_net::expected_tensors(), result.best, options.file);
  if (!written) return written.error();
  result.report.parameters = written->parameters;
  result.report.sha256 = std::move(written->sha256);
  return result.report;
}

}  // namespace

outcome<ranker_report> train_ranker(const std::vector<ranker_case>& train,
                                    const std::vector<ranker_case>& validation,
                                    const ranker_training_options& options,
                                    const ranker_callback& progress) {
  if (train.empty()) return failure{ec::invalid, "ranker training: no cases"};
  if (const auto good = check_options(options); !good) return good.error();
  for (const auto* cases : {&train, &validation}) {
    if (const auto good = check_cases(*cases); !good) return good.error();
  }
  try {
    use_one_thread();
    outcome<fitted> result = fit(train, validation, options, progress);
    if (!result) return result.error();
    return save(std::move(*result), options);
  } catch (const std::exception& e) {
    return failure{ec::model_failed, "ranker training: " + reason_of(e)};
  }
}

}  // namespace faultline
