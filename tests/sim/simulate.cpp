// SPDX-License-Identifier: Apache-2.0
//
// Runs the server's core in a world of faults, over and over, each run from its seed.
//
//   simulate --seeds 1000 [--seed 1]      runs 1000 seeds from 1 on; fails on the first violation
//   simulate --seed 4711                  one seed: what went wrong there goes wrong again
//   simulate --control lying-disk         a machine that lies (also forgetful, skipping): fails
//                                         unless the lie is found out
//   --degrade 1                           also turns the forecaster off and on
//   (docs/reliability.md)
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/sim_world.hpp"

namespace faultline::sim {
namespace {

struct wanted {
  std::uint64_t seed = 1, seeds = 1;
  lie how = lie::none;
  bool degrade = false;
};

int usage() {
  std::fprintf(
      stderr,
      "simulate [--seeds N] [--seed N] [--degrade 1] [--control lying-disk|forgetful|skipping]\n");
  return 2;
}

bool read(const std::vector<std::string>& words, wanted& w) {
  static const std::map<std::string, lie> lies{
      {"lying-disk", lie::lying_disk}, {"forgetful", lie::forgetful}, {"skipping", lie::skipping}};
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const auto& value = words[i + 1];
    if (words[i] == "--control" && lies.count(value) != 0) {
      w.how = lies.at(value);
      continue;
    }
    char* end = nullptr;
    const auto number = std::strtoull(value.c_str(), &end, 10);
    if (value.empty() || *end != '\0' || (words[i] == "--seeds" && number == 0)) return false;
    if (words[i] == "--degrade")
      w.degrade = number != 0;
    else if (words[i] == "--seed")
      w.seed = number;
    else if (words[i] == "--seeds")
      w.seeds = number;
    else
      return false;
  }
  return words.size() % 2 == 0;
}

int run(const wanted& w) {
  const auto begun = std::chrono::steady_clock::now();
  report all;
  std::uint64_t found_in = 0;
  for (std::uint64_t n = 0; n < w.seeds; ++n) {
    const auto one = sim_world{w.seed + n, w.how, w.degrade}.run();
    found_in += one.violations.empty() ? 0 : 1;
    all.add(one);
    if (w.how == lie::none && !one.violations.empty()) break;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::printf(
      "%llu seeds from %llu: %llu events in %llu requests, %llu joined calls, %llu operators' "
      "words, %llu crashes, %llu duplicates, "
      "%llu clock steps, %llu alerts, %llu incidents, %llu feed records; %.1f s\n",
      static_cast<unsigned long long>(w.seeds), static_cast<unsigned long long>(w.seed),
      static_cast<unsigned long long>(all.events), static_cast<unsigned long long>(all.requests),
      static_cast<unsigned long long>(all.calls), static_cast<unsigned long long>(all.words),
      static_cast<unsigned long long>(all.crashes), static_cast<unsigned long long>(all.duplicates),
      static_cast<unsigned long long>(all.clock_steps), static_cast<unsigned long long>(all.alerts),
      static_cast<unsigned long long>(all.incidents), static_cast<unsigned long long>(all.feed),
      took.count());
  constexpr std::size_t most = 10;
  for (std::size_t i = 0; i < std::min(most, all.violations.size()); ++i)
    std::printf("%s\n", all.violations[i].c_str());
  std::printf("%llu seeds with violations\n", static_cast<unsigned long long>(found_in));
  if (w.how != lie::none) return found_in != 0 ? 0 : 1;
  return found_in == 0 ? 0 : 1;
}

}  // namespace
}  // namespace faultline::sim

int main(int argc, char** argv) {
  faultline::sim::wanted w;
  if (!faultline::sim::read({argv + 1, argv + argc}, w)) return faultline::sim::usage();
  return faultline::sim::run(w);
}
