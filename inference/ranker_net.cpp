// SPDX-License-Identifier: Apache-2.0
#include "inference/internal/ranker_net.hpp"

#include <algorithm>
#include <cmath>

#include "inference/internal/torch_tools.hpp"
#include "processing/fast_math.hpp"

namespace faultline {
namespace {

constexpr std::uint32_t inputs = 2 * ranker_shape::channels;
constexpr std::uint32_t filters = 24;
constexpr std::uint32_t kernel = 5;
constexpr std::uint32_t pool_width = 16;
constexpr std::uint32_t pooled = 2 * filters + 2;  // weighted mean, maximum, two moments of time
constexpr std::uint32_t embedding = 32;
constexpr std::uint32_t heads = 4;
constexpr std::uint32_t head_width = embedding / heads;
constexpr std::uint32_t inner = 64;
constexpr std::uint32_t context = 2 * embedding;  // mean and maximum over the graph
constexpr std::uint32_t classes = ranker_shape::fault_classes;
constexpr double very_low = -1e9;
/// Nodes whose windows are looked at together, up to twice as many: 250 KB a layer. With fewer
/// OpenBLAS takes kernels for small matrices, and a score would depend on the company to its last
/// bits.
constexpr std::size_t least_at_once = 21;

/// Order of the weights; a round's are at round_first + round x round_count + offset.
enum : std::size_t {
  conv1_w,
  conv1_b,
  conv2_w,
  conv2_b,
  conv3_w,
  conv3_b,
  pool_w,
  pool_b,
  pool_v,
  project_w,
  project_b,
  round_first,
  final_scale = round_first + 2 * 13,
  final_shift,
  node_w,
  node_b,
  node_v,
  null_w,
  null_b,
  null_v,
  null_c,
  class_w,
  class_b
};
enum : std::size_t {
  qkv_scale,
  qkv_shift,
  qkv_w,
  qkv_b,
  out_w,
  out_b,
  relation_bias,
  mix_scale,
  mix_shift,
  mix_w,
  mix_b,
  unmix_w,
  unmix_b,
  round_count
};
static_assert(round_count == 13);

at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
  return at::linear(x, w, b);
}

at::Tensor normalised(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift) {
  return at::layer_norm(x, {embedding}, scale, shift);
}

at::Tensor view_of(std::vector<float>& values, at::IntArrayRef shape) {
  return at::from_blob(values.data(), shape, at::kFloat);
}

/// What the first layer sees of @p count nodes: residuals, then which of them are known.
at::Tensor input_of(const ranker_batch& batch, std::size_t first, std::size_t count) {
  constexpr std::size_t half = ranker_shape::channels * ranker_shape::ticks;
  at::Tensor seen = at::empty(
      {static_cast<std::int64_t>(count), inputs, static_cast<std::int64_t>(ranker_shape::ticks)},
      at::kFloat);
  float* to = seen.data_ptr<float>();
  for (std::size_t node = first; node < first + count; ++node, to += 2 * half) {
    const float* z = batch.z.data() + node * half;
    const float* mask = batch.mask.data() + node * half;
    // Residuals reach from 1 to 1e6: asinh keeps their order and tames their size.
    for (std::size_t i = 0; i < half; ++i) {
      const float unknown = z[i] * 0;  // what is not finite stays so
      to[i] = fast_asinh(z[i]) * mask[i] + unknown;
    }
    std::copy_n(mask, half, to + half);
  }
  return seen;
}

/// Weights of layers: uniform within sqrt(3 / inputs) (variance kept); scales 1, the rest 0.
at::Tensor first_weight(const expected_tensor& e, seeded_rng& rng) {
  const std::vector<std::int64_t> shape(e.shape.begin(), e.shape.end());
  const bool scale = e.name.size() > 6 && e.name.substr(e.name.size() - 6) == ".scale";
  if (scale) return at::ones(shape);
  at::Tensor t = at::zeros(shape);
  const bool weight = e.name.find(".weight") != std::string_view::npos;
  if (!weight) return t;
  double fan_in = 1;
  for (std::size_t i = 1; i < e.shape.size(); ++i) fan_in *= e.shape[i];
  if (e.shape.size() == 1) fan_in = e.shape[0];
  const double bound = std::sqrt(3 / fan_in);
  float* to = t.data_ptr<float>();
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    to[i] = static_cast<float>(rng.uniform(-bound, bound));
  }
  return t;
}

}  // namespace

std::vector<expected_tensor> ranker_net::expected_tensors() {
  std::vector<expected_tensor> all{{"conv1.weight", {filters, inputs, kernel}},
                                   {"conv1.bias", {filters}},
                                   {"conv2.weight", {filters, filters, kernel}},
                                   {"conv2.bias", {filters}},
                                   {"conv3.weight", {filters, filters, kernel}},
                                   {"conv3.bias", {filters}},
                                   {"pool.weight", {pool_width, filters}},
                                   {"pool.bias", {pool_width}},
                                   {"pool.score.weight", {pool_width}},
                                   {"project.weight", {embedding, pooled}},
                                   {"project.bias", {embedding}}};
  static constexpr std::string_view names[2][round_count] = {
      {"round1.qkv.scale", "round1.qkv.shift", "round1.qkv.weight", "round1.qkv.bias",
       "round1.out.weight", "round1.out.bias", "round1.relation", "round1.mix.scale",
       "round1.mix.shift", "round1.mix.weight", "round1.mix.bias", "round1.unmix.weight",
       "round1.unmix.bias"},
      {"round2.qkv.scale", "round2.qkv.shift", "round2.qkv.weight", "round2.qkv.bias",
       "round2.out.weight", "round2.out.bias", "round2.relation", "round2.mix.scale",
       "round2.mix.shift", "round2.mix.weight", "round2.mix.bias", "round2.unmix.weight",
       "round2.unmix.bias"}};
  const std::vector<std::vector<std::uint32_t>> shapes{
      {embedding},
      {embedding},
      {3 * embedding, embedding},
      {3 * embedding},
      {embedding, embedding},
      {embedding},
      {heads, static_cast<std::uint32_t>(ranker_relations)},
      {embedding},
      {embedding},
      {inner, embedding},
      {inner},
      {embedding, inner},
      {embedding}};
  for (const auto& round : names) {
    for (std::size_t i = 0; i < round_count; ++i) all.push_back({round[i], shapes[i]});
  }
  const std::vector<expected_tensor> last{{"final.scale", {embedding}},
                                          {"final.shift", {embedding}},
                                          {"node.weight", {embedding, embedding + context}},
                                          {"node.bias", {embedding}},
                                          {"node.score.weight", {embedding}},
                                          {"null.weight", {embedding, context}},
                                          {"null.bias", {embedding}},
                                          {"null.score.weight", {embedding}},
                                          {"null.score.bias", {1}},
                                          {"class.weight", {classes, embedding}},
                                          {"class.bias", {classes}}};
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

ranker_net::ranker_net(seeded_rng& rng) {
  for (const expected_tensor& e : expected_tensors()) {
    weights_.push_back(first_weight(e, rng).requires_grad_(true));
  }
}

ranker_net::ranker_net(const model_content& content) {
  for (const model_tensor& t : content.tensors) weights_.push_back(to_tensor(t));
}

ranker_output ranker_net::forward(ranker_batch& batch) const {
  const auto graphs = static_cast<std::int64_t>(batch.graphs);
  const auto width = static_cast<std::int64_t>(batch.width);
  const auto relations = static_cast<std::int64_t>(ranker_relations);
  const encoded nodes = encode(batch);
  const at::Tensor place = at::from_blob(batch.place.data(), {nodes.nodes.size(0)}, at::kLong);
  at::Tensor e = at::zeros({graphs * width, embedding}).index_copy(0, place, nodes.nodes);
  e = e.view({graphs, width, embedding});
  const at::Tensor relation = view_of(batch.relation, {graphs, relations, width, width});
  e = attend(e, relation, 0);
  e = attend(e, relation, 1);
  ranker_output out = read_out(e, view_of(batch.present, {graphs, width}));
  out.attention = nodes.attention;
  return out;
}

ranker_net::encoded ranker_net::encode(const ranker_batch& batch) const {
  // Pieces stay in the cache from layer to layer; what is learnt is learnt from the whole.
  const std::size_t pieces =
      at::GradMode::is_enabled() ? 1 : std::max<std::size_t>(1, batch.nodes / least_at_once);
  std::vector<at::Tensor> attention, mean, most;
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    const std::size_t first = batch.nodes * piece / pieces;
    const pooled_windows some = pool(batch, first, batch.nodes * (piece + 1) / pieces - first);
    attention.push_back(some.attention);
    mean.push_back(some.mean);
    most.push_back(some.most);
  }
  const at::Tensor where = at::cat(attention);
  const at::Tensor time = at::linspace(-1, 1, static_cast<std::int64_t>(ranker_shape::ticks));
  const at::Tensor moments = where.matmul(at::stack({time, time * time}, 1));
  const at::Tensor all = at::cat({at::cat(mean), at::cat(most), moments}, 1);
  return {at::relu(linear(all, weights_[project_w], weights_[project_b])), where};
}

ranker_net::pooled_windows ranker_net::pool(const ranker_batch& batch, std::size_t first,
                                            std::size_t count) const {
  const std::vector<at::Tensor>& w = weights_;
  at::Tensor f = at::conv1d(input_of(batch, first, count), w[conv1_w], w[conv1_b], 1, 2).relu_();
  f = at::conv1d(f, w[conv2_w], w[conv2_b], 1, 4, 2).add_(f).relu_();
  f = at::conv1d(f, w[conv3_w], w[conv3_b], 1, 8, 4).add_(f).relu_();
  const at::Tensor by_tick = f.transpose(1, 2);  // [n][ticks][filters]
  const at::Tensor score = linear(by_tick, w[pool_w], w[pool_b]).tanh_().matmul(w[pool_v]);
  const at::Tensor attention = at::softmax(score, 1);
  return {attention, at::bmm(attention.unsqueeze(1), by_tick).squeeze(1), f.amax(2)};
}

at::Tensor ranker_net::attend(const at::Tensor& e, const at::Tensor& relation,
                              std::size_t round) const {
  const at::Tensor* w = weights_.data() + round_first + round * round_count;
  const std::int64_t graphs = e.size(0);
  const std::int64_t width = e.size(1);
  const at::Tensor x = normalised(e, w[qkv_scale], w[qkv_shift]);
  const at::Tensor qkv = linear(x, w[qkv_w], w[qkv_b])
                             .view({graphs, width, 3, heads, head_width})
                             .permute({2, 0, 3, 1, 4});  // [3][graphs][heads][width][..]
  at::Tensor logit = at::matmul(qkv[0], qkv[1].transpose(2, 3)) / std::sqrt(double{head_width});
  // [heads][relations] x [graphs][relations][width x width]
  const at::Tensor flat = relation.reshape({graphs, relation.size(1), width * width});
  logit = logit + at::matmul(w[relation_bias], flat).view({graphs, heads, width, width});
  const at::Tensor strangers = relation.sum(1, true) == 0;
  logit = logit.masked_fill(strangers, very_low);
  const at::Tensor heard = at::matmul(at::softmax(logit, 3), qkv[2]);
  const at::Tensor joined = heard.permute({0, 2, 1, 3}).reshape({graphs, width, embedding});
  const at::Tensor y = e + linear(joined, w[out_w], w[out_b]);
  const at::Tensor mixed =
      at::relu(linear(normalised(y, w[mix_scale], w[mix_shift]), w[mix_w], w[mix_b]));
  return y + linear(mixed, w[unmix_w], w[unmix_b]);
}

ranker_output ranker_net::read_out(const at::Tensor& e, const at::Tensor& present) const {
  const std::vector<at::Tensor>& w = weights_;
  const at::Tensor x = normalised(e, w[final_scale], w[final_shift]);
  const at::Tensor here = present.unsqueeze(2);
  const at::Tensor absent = here == 0;
  const at::Tensor mean = (x * here).sum(1) / here.sum(1);
  const at::Tensor most = x.masked_fill(absent, very_low).amax(1);
  const at::Tensor whole = at::cat({mean, most}, 1);
  const at::Tensor both = at::cat({x, whole.unsqueeze(1).expand({-1, x.size(1), -1})}, 2);
  ranker_output out;
  out.node_logit = at::relu(linear(both, w[node_w], w[node_b])).matmul(w[node_v]);
  out.node_logit = out.node_logit.masked_fill(absent.squeeze(2), very_low);
  out.null_logit = at::relu(linear(whole, w[null_w], w[null_b])).matmul(w[null_v]) + w[null_c];
  out.class_logit = linear(x, w[class_w], w[class_b]);
  return out;
}

}  // namespace faultline
