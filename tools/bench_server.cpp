// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "tools/api.hpp"
#include "tools/bench.hpp"

namespace faultline {

namespace fs = std::filesystem;

namespace {

using clock = std::chrono::steady_clock;

failure system_failure(const std::string& what) {
  return {ec::io_failed, what + ": " + std::strerror(errno)};
}

/// Free TCP ports of the loopback, below those that the kernel hands out to connections. They are
/// free now; nobody keeps them for us.
outcome<std::vector<int>> free_ports(std::size_t count) {
  std::vector<int> sockets, ports;
  std::random_device chance;
  std::uniform_int_distribution<int> any{12'000, 31'999};
  for (int tries = 1000; tries > 0 && ports.size() < count; --tries) {
    const int port = any(chance);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) break;
    sockets.push_back(fd);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) ports.push_back(port);
  }
  const failure why = system_failure("no free port");
  for (const int open : sockets) close(open);
  if (ports.size() < count) return why;
  return ports;
}

/// A size in /proc/PID/status; @p key with its colon.
outcome<std::uint64_t> status_bytes(pid_t pid, const std::string& key) {
  std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string line; std::getline(status, line);)
    if (line.rfind(key, 0) == 0)
      return std::strtoull(line.c_str() + key.size(), nullptr, 10) * 1024;
  return failure{ec::io_failed, "process " + std::to_string(pid) + " is not there"};
}

std::string quoted(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& one : all) text += (text.empty() ? "\"" : ", \"") + one + "\"";
  return text;
}

std::string endpoint(int port) { return "tcp://127.0.0.1:" + std::to_string(port); }

outcome<fs::path> find_server(const std::string& given) {
  std::error_code error;
  const fs::path program =
      given.empty() ? fs::read_symlink("/proc/self/exe", error).parent_path() / "faultlined"
                    : fs::path{given};
  if (access(program.c_str(), X_OK) == 0) return program;
  return failure{ec::not_found, "no server program " + program.string() +
                                    ": build it (deploy/build.sh) or name it with --faultlined"};
}

std::string shipped_lines(const std::string& config) {
  std::string lines;
  const auto says = [&](const char* key) {
    return ("\n" + config).find(std::string{"\n"} + key + ":") != std::string::npos;
  };
  const auto lstm = find_shipped("models/lstm.flm");
  const auto ranker = find_shipped("models/ranker.flm");
  if (lstm && ranker && !says("model"))
    lines += "\nmodel: {lstm: \"" + lstm->string() + "\", ranker: \"" + ranker->string() + "\"}";
  const auto runbooks = find_shipped("config/runbooks.yaml");
  if (runbooks && !says("runbooks")) lines += "\nrunbooks: \"" + runbooks->string() + "\"";
  return lines + "\n";
}

}  // namespace

outcome<void> wait_until_passive(bench_server& server, std::size_t speaking) {
  const std::size_t active = speaking + speaking / 8;
  constexpr std::chrono::seconds longest_still{30};
  double fewest = -1;
  auto fell = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - fell < longest_still) {
    if (server.ended()) return failure{ec::io_failed, "the server has ended"};
    if (const auto page = api_get(server.http(), "/metrics")) {  // busy, it may answer late
      const auto now = metric_sum(*page, "faultline_entities_active");
      if (now <= static_cast<double>(active)) return {};
      if (fewest < 0 || now < fewest) {
        fewest = now;
        fell = std::chrono::steady_clock::now();
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  return failure{ec::deadline_passed, std::to_string(static_cast<std::uint64_t>(fewest)) +
                                          " entities stay in memory, " + std::to_string(speaking) +
                                          " speak"};
}

outcome<std::uint64_t> read_resident_bytes(pid_t pid) { return status_bytes(pid, "VmRSS:"); }

double own_cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds_of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

outcome<process_usage> read_usage(pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  std::ifstream stat{proc + "/stat"};
  std::string line;
  if (!std::getline(stat, line))
    return failure{ec::io_failed, "process " + std::to_string(pid) + " is not there"};
  // The name stands in brackets and may hold anything: what counts begins behind the last one.
  std::istringstream fields{line.substr(line.rfind(')') + 2)};
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, kernel = 0;
  fields >> user >> kernel;
  process_usage usage;
  usage.cpu_seconds = (user + kernel) / static_cast<double>(sysconf(_SC_CLK_TCK));
  std::ifstream status{proc + "/status"};
  while (std::getline(status, line))
    if (line.rfind("VmHWM:", 0) == 0)
      usage.rss_peak_bytes = std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  std::ifstream io{proc + "/io"};
  while (std::getline(io, line))
    if (line.rfind("write_bytes:", 0) == 0)
      usage.written_bytes = std::strtoull(line.c_str() + 12, nullptr, 10);
  return usage;
}

outcome<bench_server_options> server_options(const own_server_options& wanted) {
  bench_server_options options;
  const auto program = find_server(wanted.faultlined);
  if (!program) return program.error();
  options.program = *program;
  options.directory = wanted.directory;
  options.keep = wanted.keep;
  if (!wanted.config.empty()) {
    std::ifstream file{wanted.config};
    std::ostringstream text;
    if (!file || !(text << file.rdbuf()))
      return failure{ec::io_failed, "cannot read " + wanted.config};
    options.config = text.str();
  }
  options.config += shipped_lines(options.config);
  return options;
}

outcome<std::unordered_map<std::string, std::uint64_t>> observations_of_all(
    const std::string& http) {
  std::unordered_map<std::string, std::uint64_t> observations;
  std::string next;
  do {
    const auto page = api_get(http, api_target("entities", {{"limit", "1000"}, {"next", next}}));
    if (!page) return page.error();
    const auto parsed = nlohmann::json::parse(*page, nullptr, false);
    if (!parsed.is_object()) return failure{ec::malformed, "/api/v1/entities is no JSON"};
    for (const auto& entity : parsed.value("entities", nlohmann::json::array()))
      observations[entity.value("id", "")] = entity.value("observations", std::uint64_t{0});
    const auto more = parsed.find("next");
    next = more != parsed.end() && more->is_string() ? more->get<std::string>() : "";
  } while (!next.empty());
  return observations;
}

outcome<std::unique_ptr<bench_server>> bench_server::start(const bench_server_options& options) {
  for (int tries = 3;; --tries) {
    std::unique_ptr<bench_server> server{new bench_server};
    server->keep_ = options.keep;
    if (auto made = server->prepare(options); !made) return made.error();
    if (auto launched = server->launch(); !launched) return launched.error();
    const auto ready = server->wait_until_ready(options.ready_within);
    if (ready) return server;
    const bool taken =
        server->ended() && server->log_tail().find(std::strerror(EADDRINUSE)) != std::string::npos;
    if (!taken || tries == 1) return ready.error();
    server->keep_ = false;  // a port was taken by somebody else meanwhile: others
  }
}

bench_server::~bench_server() {
  (void)stop();  // whoever wants to know has called it
  std::error_code ignored;
  if (!directory_.empty() && !keep_) fs::remove_all(directory_, ignored);
}

outcome<void> bench_server::prepare(const bench_server_options& options) {
  std::error_code error;
  const fs::path parent =
      options.directory.empty() ? fs::temp_directory_path(error) : options.directory;
  std::string name = (parent / "faultline-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return system_failure(name);
  directory_ = name;
  program_ = options.program;
  const auto ports = free_ports(5);
  if (!ports) return ports.error();
  const std::vector<int>& p = *ports;
  http_ = "http://127.0.0.1:" + std::to_string(p[0]);
  pull_ = endpoint(p[1]);
  router_ = endpoint(p[2]);
  feed_ = endpoint(p[3]);
  replay_ = endpoint(p[4]);
  std::ofstream config{directory_ / "faultline.yaml"};
  config << "web: {listen_address: \"127.0.0.1:" << p[0] << "\"}\n"
         << "ingest: {pull: [\"" << pull_ << "\"], router: [\"" << router_ << "\"], subscribe: ["
         << quoted(options.subscribe) << "]}\n"
         << "feed: {publish: \"" << feed_ << "\", replay: \"" << replay_ << "\"}\n"
         << "processing: {accept_past: true}\n"
         << "entities: {max_new_per_second: 1000000, max_per_publisher: 0}\n"
         << options.config << "\n";
  config.close();
  return config ? outcome<void>{} : system_failure((directory_ / "faultline.yaml").string());
}

outcome<void> bench_server::launch() {
  const std::string config = (directory_ / "faultline.yaml").string();
  const std::string log = (directory_ / "log").string();
  const std::string program = program_.string();
  const std::string flag = "--config.file", store_flag = "--storage.path";
  const std::string store = (directory_ / "store").string();
  const auto text = [](const std::string& s) { return const_cast<char*>(s.c_str()); };
  const std::array<char*, 6> arguments{text(program),    text(flag),  text(config),
                                       text(store_flag), text(store), nullptr};
  const pid_t parent = getpid();
  const int out = open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0) return system_failure(log);
  pid_ = fork();
  if (pid_ == 0) {  // only async-signal-safe calls from here to execv
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(out);
  return pid_ > 0 ? outcome<void>{} : system_failure("fork");
}

outcome<void> bench_server::wait_until_ready(std::chrono::seconds within) {
  const auto deadline = clock::now() + within;
  while (clock::now() < deadline) {
    if (ended())
      return failure{ec::io_failed, "the server ended before it was ready:\n" + log_tail()};
    if (ready()) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return failure{ec::deadline_passed, "the server was not ready within " +
                                          std::to_string(within.count()) + " s:\n" + log_tail()};
}

outcome<process_usage> bench_server::usage() const { return read_usage(pid_); }

bool bench_server::ended() {
  if (pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ <= 0;
}

std::string bench_server::log_tail() const {
  std::ifstream log{directory_ / "log"};
  std::vector<std::string> lines;
  for (std::string line; std::getline(log, line);) {
    lines.push_back(line);
    if (lines.size() > 12) lines.erase(lines.begin());
  }
  std::string text;
  for (const auto& line : lines) text += "  " + line + "\n";
  return text.empty() ? "  (it has logged nothing)\n" : text;
}

bool bench_server::ready() const { return static_cast<bool>(api_get(http_, "/-/ready")); }

outcome<void> bench_server::kill() {
  if (pid_ <= 0) return failure{ec::io_failed, "the server had ended:\n" + log_tail()};
  ::kill(pid_, SIGKILL);
  waitpid(pid_, &status_, 0);
  pid_ = -1;
  return {};
}

outcome<void> bench_server::launch_again() { return launch(); }

outcome<std::uint64_t> bench_server::anonymous_bytes() const {
  return status_bytes(pid_, "RssAnon:");
}

/// With many entities in memory each is saved first.
constexpr std::chrono::seconds end_within{120};

outcome<void> bench_server::stop() {
  if (pid_ <= 0) return {};
  ::kill(pid_, SIGTERM);
  const auto deadline = clock::now() + end_within;
  while (!ended() && clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, &status_, 0);
    pid_ = -1;
    return failure{ec::deadline_passed, "the server did not end within " +
                                            std::to_string(end_within.count()) + " s of SIGTERM"};
  }
  if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return {};
  return failure{ec::io_failed, "the server did not end with status 0:\n" + log_tail()};
}

}  // namespace faultline
