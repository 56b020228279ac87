// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

/// The helper stands beside the test's own directory: bin/tests/<test>, bin/crash_writer.
std::string crash_writer() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() /
          "crash_writer")
      .string();
}

/// Starts the writer, lets it acknowledge @p acks groups, kills it. @returns the last position it
/// acknowledged, 0 when it said nothing.
std::uint64_t write_and_kill(const std::string& directory, int acks) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return 0;
  const std::string program = crash_writer();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    ::execl(program.c_str(), program.c_str(), directory.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  std::FILE* lines = ::fdopen(pipe_ends[0], "r");
  unsigned long long position = 0;
  unsigned long long read = 0;
  for (int i = 0; i < acks && std::fscanf(lines, "%llu", &read) == 1; ++i) position = read;
  ::kill(child, SIGKILL);
  // What it acknowledged before it died counts too.
  while (std::fscanf(lines, "%llu", &read) == 1) position = read;
  ::waitpid(child, nullptr, 0);
  std::fclose(lines);
  return position;
}

TEST(StoreCrash, WhatWasAcknowledgedBeforeAKillIsThereAfterIt) {
  rocksdb_store_maker maker;
  std::uint64_t before = 0;
  for (const int acks : {1, 40, 333, 900, 1700}) {
    const std::uint64_t acknowledged = write_and_kill(maker.directory.path(), acks);
    ASSERT_GE(acknowledged, before + static_cast<std::uint64_t>(acks)) << "the writer failed";
    auto store = maker.open();
    ASSERT_TRUE(store);
    const std::uint64_t last = store->events().last(0);
    EXPECT_GE(last, acknowledged);
    EXPECT_LE(last, acknowledged + 1) << "only the group in flight may be more";
    for (partition_id p = 0; p < 4; ++p) {
      EXPECT_EQ(store->events().last(p), last) << "a group is whole or not at all";
      const auto blobs = store->events().read(p, 1, 1'000'000, 1 << 30);
      ASSERT_TRUE(blobs) << blobs.error().what;
      ASSERT_EQ(blobs->size(), last);
      for (const auto& b : *blobs) {
        const std::string head = std::to_string(p) + "/" + std::to_string(b.position) + "x";
        ASSERT_EQ(b.bytes.compare(0, head.size(), head), 0);
      }
    }
    EXPECT_EQ(store->events().counters().at("accepted"), 4 * last);
    EXPECT_EQ(store->events().last_publisher_delta(), last);
    before = last;
  }
}

}  // namespace
}  // namespace faultline::testing
