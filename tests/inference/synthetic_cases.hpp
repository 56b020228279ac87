// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "inference/internal/seeded_rng.hpp"
#include "inference/ranker_training.hpp"

namespace faultline::test {

/// A small tree of services in which one node falls ill: one of its own channels, by the class of
/// the fault, rises first; latency (channel 7) rises on it and, weaker and later, on its callers.
/// Some other node always has a larger, unrelated disturbance of its latency alone. In one case of
/// five nothing is wrong but that.
inline ranker_case synthetic_case(std::uint64_t seed) {
  using namespace ranker_shape;
  seeded_rng rng{seed};
  ranker_case out;
  const std::size_t n = 4 + rng.below(8);
  out.graph.nodes.resize(n);
  for (ranker_node& node : out.graph.nodes) {
    for (std::size_t c = 0; c < channels; ++c) {
      if (rng.chance(0.1)) continue;
      for (std::size_t t = 0; t < ticks; ++t) {
        node.z[c][t] = static_cast<float>(rng.normal());
        node.mask[c][t] = 1;
      }
    }
  }
  std::vector<std::size_t> caller(n, 0);
  for (std::size_t i = 1; i < n; ++i) {
    caller[i] = rng.below(i);
    out.graph.edges.push_back(
        {static_cast<std::uint32_t>(caller[i]), static_cast<std::uint32_t>(i), false});
  }
  const auto rise = [&](std::size_t i, std::size_t c, std::size_t from, double size) {
    for (std::size_t t = from; t < ticks; ++t) {
      out.graph.nodes[i].z[c][t] += static_cast<float>(size) * out.graph.nodes[i].mask[c][t];
    }
  };
  constexpr std::size_t latency = 7;
  const std::size_t onset = 80 + rng.below(24);
  rise(rng.below(n), latency, onset + rng.below(10), rng.uniform(10, 20));
  if (rng.chance(0.2)) return out;
  const std::size_t root = rng.below(n);
  const std::size_t kind = rng.below(4);
  out.root = static_cast<int>(root);
  out.fault_class = static_cast<int>(kind);
  const double size = rng.uniform(5, 12);
  rise(root, kind, onset, size);
  out.graph.nodes[root].mask[kind].fill(1);
  double effect = size;
  std::size_t delay = 2;
  for (std::size_t at = root;; at = caller[at]) {
    rise(at, latency, std::min(ticks, onset + delay), effect);
    effect *= 0.7;
    delay += 3;
    if (at == 0) break;
  }
  return out;
}

inline std::vector<ranker_case> synthetic_cases(std::size_t count, std::uint64_t first_seed) {
  std::vector<ranker_case> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(synthetic_case(first_seed + i));
  return out;
}

}  // namespace faultline::test
