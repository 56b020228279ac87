// SPDX-License-Identifier: Apache-2.0
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "inference/internal/ranker_net.hpp"
#include "inference/internal/torch_tools.hpp"
#include "inference/ranker.hpp"

namespace faultline {
namespace {

bool finite(const std::vector<float>& values) {
  std::array<float, 8> worst{};  // side by side, so that none waits for the one before
  const std::size_t whole = values.size() / worst.size() * worst.size();
  for (std::size_t n = 0; n < whole; n += worst.size())
    for (std::size_t lane = 0; lane < worst.size(); ++lane)
      worst[lane] += values[n + lane] * 0;  // NaN as soon as one is not finite
  for (std::size_t n = whole; n < values.size(); ++n) worst[0] += values[n] * 0;
  return std::all_of(worst.begin(), worst.end(), [](float w) { return w == 0; });
}

class cnn_attention_ranker final : public cause_ranker {
public:
  cnn_attention_ranker(const model_content& content, model_identity identity)
      : net_{content}, identity_{std::move(identity)} {}

  const model_identity& identity() const noexcept override { return identity_; }

  outcome<ranker_scores> rank(const ranker_graph& graph) override {
    if (const auto good = check_graph(graph); !good) return good.error();
    ranker_batch batch = pack_graphs({&graph});
    if (!finite(batch.z) || !finite(batch.mask)) {
      return failure{ec::model_failed, "ranker: a window is not finite"};
    }
    try {
      use_one_thread();
      const c10::InferenceMode guard;
      return scores_of(net_.forward(batch), graph.nodes.size());
    } catch (const std::exception& e) {
      return failure{ec::model_failed, "ranker: " + reason_of(e)};
    }
  }

private:
  static outcome<ranker_scores> scores_of(const ranker_output& out, std::size_t nodes) {
    const at::Tensor node = out.node_logit.contiguous();
    const at::Tensor classes = out.class_logit.contiguous();
    const at::Tensor attention = out.attention.contiguous();
    const auto n = static_cast<std::int64_t>(nodes);
    const bool good = node[0].narrow(0, 0, n).isfinite().all().item<bool>() &&
                      classes[0].narrow(0, 0, n).isfinite().all().item<bool>() &&
                      attention.isfinite().all().item<bool>() &&
                      out.null_logit.isfinite().all().item<bool>();
    if (!good) return failure{ec::model_failed, "ranker: a score is not finite"};
    ranker_scores scores;
    const float* first = node.data_ptr<float>();
    scores.node_logit.assign(first, first + nodes);
    scores.null_logit = out.null_logit[0].item<float>();
    scores.class_logit.resize(nodes);
    scores.attention.resize(nodes);
    std::memcpy(scores.class_logit.data(), classes.data_ptr<float>(),
                nodes * sizeof scores.class_logit[0]);
    std::memcpy(scores.attention.data(), attention.data_ptr<float>(),
                nodes * sizeof scores.attention[0]);
    return scores;
  }

  ranker_net net_;
  model_identity identity_;
};

}  // namespace

outcome<std::unique_ptr<cause_ranker>> load_ranker(const std::filesystem::path& file) {
  outcome<loaded_model> loaded = load_model_file(file, model_kind::ranker);
  if (!loaded) return loaded.error();
  if (const auto good = check_tensors(loaded->content, ranker_net::expected_tensors()); !good) {
    return failure{good.error().code, file.string() + ": " + good.error().what};
  }
  try {
    use_one_thread();
    const c10::InferenceMode guard;
    std::unique_ptr<cause_ranker> made =
        std::make_unique<cnn_attention_ranker>(loaded->content, std::move(loaded->identity));
    ranker_graph one;
    one.nodes.resize(1);
    if (const auto warm = made->rank(one); !warm) return warm.error();
    return made;
  } catch (const std::exception& e) {
    return failure{ec::model_failed, "ranker " + file.string() + ": " + reason_of(e)};
  }
}

}  // namespace faultline
