// SPDX-License-Identifier: Apache-2.0
#include "actors/run_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace faultline {
namespace {

std::vector<int> taken(run_queue<int>& queue) {
  std::vector<int> out;
  while (const auto* job = queue.try_pop()) out.push_back(*job);
  return out;
}

TEST(RunQueue, UrgentJobsGoFirstAndEachLineKeepsItsOrder) {
  int jobs[] = {0, 1, 2, 3, 4};
  run_queue<int> queue;
  queue.push(&jobs[0], false);
  queue.push(&jobs[1], true);
  queue.push(&jobs[2], false);
  queue.push(&jobs[3], true);
  EXPECT_EQ(taken(queue), (std::vector<int>{1, 3, 0, 2}));
  EXPECT_EQ(queue.try_pop(), nullptr);
}

TEST(RunQueue, NobodyWaitsForEverBehindUrgentJobs) {
  int urgent = 1, other = 0;
  run_queue<int> queue;
  queue.push(&other, false);
  std::uint32_t before = 0;
  for (; before < 1000; ++before) {
    queue.push(&urgent, true);
    if (queue.try_pop() == &other) break;
  }
  EXPECT_EQ(before, run_queue<int>::most_in_a_row);
}

TEST(RunQueue, SeveralAreTakenAtOnceOnlyWhereManyWaitAndNoneIsUrgent) {
  constexpr std::size_t most = 8;
  std::vector<int> jobs(run_queue<int>::many + 3);
  int urgent = 0;
  run_queue<int> queue;
  for (auto& job : jobs) queue.push(&job, false);
  queue.push(&urgent, true);
  int* got[most] = {};
  EXPECT_TRUE(queue.has_urgent());
  ASSERT_EQ(queue.pop(got, most), 1U);
  EXPECT_EQ(got[0], &urgent);
  EXPECT_FALSE(queue.has_urgent());
  ASSERT_EQ(queue.pop(got, most), 3U) << "down to `many`, the first besides";
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(got[i], &jobs[i]);
  ASSERT_EQ(queue.pop(got, most), 1U);
  EXPECT_EQ(got[0], &jobs[3]);
}

TEST(RunQueue, WhoHasTakenSeveralIsGivenAnUrgentOneBetweenThemButNotForEver) {
  int urgent = 1;
  run_queue<int> queue;
  EXPECT_EQ(queue.try_pop_urgent(), nullptr);
  for (std::uint32_t i = 0; i < run_queue<int>::most_in_a_row + 1; ++i) queue.push(&urgent, true);
  for (std::uint32_t i = 0; i < run_queue<int>::most_in_a_row; ++i)
    ASSERT_EQ(queue.try_pop_urgent(), &urgent);
  EXPECT_EQ(queue.try_pop_urgent(), nullptr) << "the others' turn";
  EXPECT_EQ(queue.try_pop_urgent(), &urgent);
}

TEST(RunQueue, HandsEveryJobToExactlyOneOfManyWorkers) {
  constexpr int count = 20'000;
  std::vector<int> jobs(count, 0);
  int end = 0;
  run_queue<int> queue;
  std::vector<std::thread> threads;
  for (int w = 0; w < 3; ++w)
    threads.emplace_back([&] {
      for (int* some[4] = {};;)
        for (std::size_t i = 0, n = queue.pop(some, 4); i < n; ++i) {
          if (some[i] == &end) return;
          ++*some[i];  // ours alone
        }
    });
  for (int p = 0; p < 2; ++p)
    threads.emplace_back([&, p] {
      for (int i = p; i < count; i += 4) {
        int* two[] = {&jobs[static_cast<std::size_t>(i)], &jobs[static_cast<std::size_t>(i + 2)]};
        queue.push(two, 2, i % 3 == 0);
      }
    });
  for (std::size_t t = 3; t < threads.size(); ++t) threads[t].join();
  for (int w = 0; w < 3; ++w) queue.push(&end, false);
  for (int w = 0; w < 3; ++w) threads[static_cast<std::size_t>(w)].join();
  EXPECT_EQ(jobs, std::vector<int>(count, 1));
}

}  // namespace
}  // namespace faultline
