// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "messages/outcome.hpp"
#include "tools/bench.hpp"

namespace faultline {

/// How a server for a measurement is started.
struct bench_server_options {
  std::filesystem::path program;       ///< faultlined
  std::filesystem::path directory;     ///< a fresh directory is made here; empty: the system's own
  std::vector<std::string> subscribe;  ///< PUB endpoints that it connects to
  std::string config;                  ///< further lines of YAML, added to the file as they are
  std::chrono::seconds ready_within{30};
  bool keep = false;  ///< leave the directory behind
};

struct process_usage {
  double cpu_seconds = 0;  ///< user and system, all threads
  std::uint64_t rss_peak_bytes = 0;
  std::uint64_t written_bytes = 0;  ///< to the disk
};

/// A `faultlined` of our own as a child process: empty store, free ports on the loopback.
///
/// Lives:  from start() to its destructor, which ends it (SIGTERM
///         to its pid, SIGKILL when that does not help) and
///         removes its directory. It dies with us, too.
/// Fails:  ec::io_failed with the end of its log when it ends early or is not ready in time.
class bench_server {
public:
  static outcome<std::unique_ptr<bench_server>> start(const bench_server_options& options);
  ~bench_server();
  bench_server(const bench_server&) = delete;
  bench_server& operator=(const bench_server&) = delete;

  const std::string& http() const noexcept { return http_; }      ///< http://127.0.0.1:port
  const std::string& router() const noexcept { return router_; }  ///< tcp://127.0.0.1:port
  const std::string& pull() const noexcept { return pull_; }
  const std::string& feed() const noexcept { return feed_; }
  const std::string& replay() const noexcept { return replay_; }
  const std::filesystem::path& directory() const noexcept { return directory_; }
  pid_t pid() const noexcept { return pid_; }

  /// What the kernel has counted for it so far.
  outcome<process_usage> usage() const;
  /// Whether it has ended by itself.
  bool ended();
  /// The last lines it has logged.
  std::string log_tail() const;
  /// kill -9, now. It can be launched again on what it left behind.
  outcome<void> kill();
  /// Starts it again on the same store and the same ports; does not wait until it is ready.
  outcome<void> launch_again();
  bool ready() const;
  /// Anonymous memory of the process (RssAnon). Fails when it is not there.
  outcome<std::uint64_t> anonymous_bytes() const;
  /// Ends it as an operator would. @returns ec::io_failed when it did not end with status 0.
  outcome<void> stop();

private:
  bench_server() = default;
  outcome<void> prepare(const bench_server_options& options);
  outcome<void> launch();
  outcome<void> wait_until_ready(std::chrono::seconds within);

  std::filesystem::path program_;
  std::filesystem::path directory_;
  std::string http_, router_, pull_, feed_, replay_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool keep_ = false;
};

/// As the user wants it: the named program or the `faultlined` beside our own, the lines of the
/// file of configuration, and lines that name the files which come with us where it does not: a
/// server elsewhere would look for them beside itself. @returns ec::not_found without such a
/// program, ec::io_failed when the file cannot be read.
outcome<bench_server_options> server_options(const own_server_options& wanted);

/// Observations of every entity that the server at @p http knows.
outcome<std::unordered_map<std::string, std::uint64_t>> observations_of_all(
    const std::string& http);

/// Waits until hardly more than @p speaking entities of @p server are in memory: those that have
/// fallen silent are on disk, but for an eighth at most, which the next ticks send there. Fails:
/// ec::io_failed when it ends, ec::deadline_passed when their number has not fallen for half a
/// minute.
outcome<void> wait_until_passive(bench_server& server, std::size_t speaking);

/// Resident memory of process @p pid.
outcome<std::uint64_t> read_resident_bytes(pid_t pid);

/// User and system time of our own process, all threads.
double own_cpu_seconds();

/// Reads user and system time and peak memory of process @p pid from /proc.
outcome<process_usage> read_usage(pid_t pid);

}  // namespace faultline
