// SPDX-License-Identifier: Apache-2.0
#include "actors/flight_recorder.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/scratch_directory.hpp"

namespace faultline {
namespace {

struct FlightRecorder : ::testing::Test {
  std::string file() const { return (directory.path() / "flight").string(); }

  std::vector<flight_suspect> suspects() const {
    const auto recorder = flight_recorder::open(file());
    return recorder ? (*recorder)->suspects() : std::vector<flight_suspect>{};
  }

  /// A process of its own that applies @p where on a thread and dies there as @p die says.
  template <class Die>
  int one_life(const record_address& where, Die die) const {
    const pid_t child = fork();
    if (child == 0) {
      flight_recorder::watch_signals();
      auto recorder = flight_recorder::open(file());
      if (!recorder) _exit(9);
      std::thread worker{[&] {
        { const flight_recorder::mark before{recorder->get(), {1, 1, 1}}; }
        const flight_recorder::mark applying{recorder->get(), where};
        die();
      }};
      worker.join();
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }

  const testing::scratch_directory directory;
};

const record_address here{3, 77, 2};

TEST_F(FlightRecorder, OnAFullDiskIsRefusedInsteadOfDyingLater) {
  constexpr int no_mounts = 77;
  const std::string disk = directory.path().string();
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("full", disk.c_str(), "tmpfs", 0, "size=4096") != 0)
      _exit(no_mounts);
    std::ofstream{disk + "/fill"} << std::string(4096, 'x');
    const auto opened = flight_recorder::open(file());
    _exit(!opened && opened.error().code == ec::no_space ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == no_mounts) GTEST_SKIP() << "nothing is mounted";
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(FlightRecorder, NamesTheRecordThatWasUnderTheHandsOfTheThreadThatDied) {
  const auto status = one_life(here, [] { std::abort(); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT) << "the signal does what it always does";
  auto found = suspects();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].where.partition, 3U);
  EXPECT_EQ(found[0].where.position, 77U);
  EXPECT_EQ(found[0].where.index, 2U);
  EXPECT_EQ(found[0].deaths, 1U);
  EXPECT_EQ(suspects().at(0).deaths, 1U) << "a death is counted once";
}

TEST_F(FlightRecorder, CountsTheDeathsOfARecordOverLives) {
  one_life(here, [] { ::raise(SIGSEGV); });
  one_life({3, 78, 0}, [] { ::raise(SIGFPE); });
  one_life(here, [] { throw 1; });  // std::terminate
  const auto found = suspects();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].deaths, flight_recorder::deadly);
  EXPECT_EQ(found[1].deaths, 1U);
  auto recorder = flight_recorder::open(file());
  (*recorder)->forget(here);
  EXPECT_EQ((*recorder)->suspects().size(), 1U);
}

TEST_F(FlightRecorder, Kill9AndAnOrderlyEndLeaveNoSuspect) {
  one_life(here, [] { ::raise(SIGKILL); });
  EXPECT_TRUE(suspects().empty());
  one_life(here, [] { _exit(0); });
  EXPECT_TRUE(suspects().empty());
}

TEST_F(FlightRecorder, ADeathBetweenRecordsBlamesNone) {
  const pid_t child = fork();
  if (child == 0) {
    flight_recorder::watch_signals();
    auto recorder = flight_recorder::open(file());
    { const flight_recorder::mark done{recorder->get(), here}; }
    std::abort();
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(suspects().empty());
}

TEST_F(FlightRecorder, ADamagedFileBeginsAfresh) {
  one_life(here, [] { std::abort(); });
  std::ofstream{file(), std::ios::binary} << std::string(10'000, 'x');
  EXPECT_TRUE(suspects().empty());
  EXPECT_FALSE(flight_recorder::open((directory.path() / "none/flight").string()));
}

std::vector<record_address> pass_suspects_in(const std::string& file) {
  const auto recorder = flight_recorder::open(file);
  return recorder ? (*recorder)->pass_suspects() : std::vector<record_address>{};
}

// A pass of many rows names none of them; each is tried alone by the next process.
TEST_F(FlightRecorder, ARowThatKilledInAPassAndThenAloneIsNamed) {
  const record_address other{5, 12, 0}, third{6, 1, 9};
  const auto life_of_pass = [&](std::vector<record_address> rows) {
    const pid_t child = fork();
    if (child == 0) {
      flight_recorder::watch_signals();
      auto recorder = flight_recorder::open(file());
      if (!recorder) _exit(9);
      std::thread lane{[&] {
        { const flight_recorder::pass_mark before{recorder->get(), {{1, 1, 1}, {1, 2, 1}}}; }
        const flight_recorder::pass_mark passing{recorder->get(), rows};
        std::abort();
      }};
      lane.join();
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
  };
  life_of_pass({other, here, third});
  EXPECT_TRUE(suspects().empty());
  EXPECT_EQ(pass_suspects_in(file()), (std::vector<record_address>{other, here, third}));
  life_of_pass({here});
  ASSERT_EQ(suspects().size(), 1U);
  EXPECT_EQ(suspects()[0].where, here);
  EXPECT_EQ(suspects()[0].deaths, flight_recorder::deadly);
}

TEST_F(FlightRecorder, ARowThatKilledAloneAndThenInCompanyIsNamedToo) {
  const auto life_of_pass = [&](std::vector<record_address> rows) {
    const pid_t child = fork();
    if (child == 0) {
      flight_recorder::watch_signals();
      auto recorder = flight_recorder::open(file());
      if (!recorder) _exit(9);
      const flight_recorder::pass_mark passing{recorder->get(), rows};
      std::abort();
    }
    int status = 0;
    waitpid(child, &status, 0);
  };
  life_of_pass({here});
  EXPECT_EQ(suspects().at(0).deaths, 1U);
  life_of_pass({{5, 12, 0}, here});
  ASSERT_EQ(suspects().size(), 1U);
  EXPECT_EQ(suspects()[0].deaths, flight_recorder::deadly);
}

TEST_F(FlightRecorder, APassThatIsOverOrKnowsNoRecordsLeavesNoSuspect) {
  const pid_t child = fork();
  if (child == 0) {
    flight_recorder::watch_signals();
    auto recorder = flight_recorder::open(file());
    if (!recorder) _exit(9);
    { const flight_recorder::pass_mark over{recorder->get(), {here, {5, 12, 0}}}; }
    const flight_recorder::pass_mark unknown{recorder->get(), {{}, {}}};
    std::abort();
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(suspects().empty());
  EXPECT_TRUE(pass_suspects_in(file()).empty());
}

/// A process with 40 threads at work, which a watchdog ends: the first works on @p stuck, the
/// others on records of @p partition.
void life_of_many(const std::string& file, const record_address& stuck, partition_id partition) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    flight_recorder::watch_signals();
    auto recorder = flight_recorder::open(file);
    if (!recorder) _exit(9);
    std::vector<std::thread> workers;
    for (std::uint64_t n = 0; n < 40; ++n)
      workers.emplace_back([&, n] {
        const flight_recorder::mark applying{recorder->get(),
                                             n == 0 ? stuck : record_address{partition, n, 0}};
        if (::write(ready[1], "x", 1) != 1) _exit(9);
        for (;;) ::pause();
      });
    for (;;) ::pause();
  }
  char byte = 0;
  for (int n = 0; n < 40; ++n) ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(child, SIGABRT);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(FlightRecorder, OfManyAtWorkWhenAWatchdogStruckTheOneThatStandsThereTwiceIsNamed) {
  life_of_many(file(), here, 1);
  EXPECT_EQ(suspects().size(), 40U);
  life_of_many(file(), here, 2);
  std::size_t deadly = 0;
  for (const auto& s : suspects()) {
    if (s.deaths < flight_recorder::deadly) continue;
    ++deadly;
    EXPECT_EQ(s.where.position, here.position);
  }
  EXPECT_EQ(deadly, 1U);
}

}  // namespace
}  // namespace faultline
