// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "actors/flight_recorder.hpp"
#include "config/config.hpp"
#include "server/early_signals.hpp"
#include "server/internal/json_text.hpp"
#include "server/machine.hpp"
#include "server/node.hpp"
#include "server/options_of.hpp"
#include "server/pulse_watch.hpp"
#include "server/reload.hpp"
#include "server/service_manager.hpp"

/// Read by jemalloc, where it is linked in. One arena for each processor instead of four: entities
/// are many small pieces of every size, and an arena that is not used up is memory nobody else
/// gets. Slabs of 32 pages for the sizes an entity is made of: a book is kept of each slab.
extern "C" const char* malloc_conf;
const char* malloc_conf = "percpu_arena:percpu,slab_sizes:256-2048:32";

namespace {

using namespace faultline;

struct flags {
  std::string config_file;
  std::string storage_path;
  std::string listen_address;
  std::string log_level;
  std::string log_format;
};

/// The message as a text of JSON, its quotes included.
class json_message final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& m, const std::tm&,
              spdlog::memory_buf_t& to) override {
    const nlohmann::json text = std::string{m.payload.data(), m.payload.size()};
    const auto written = json_text(text);
    to.append(written.data(), written.data() + written.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<json_message>();
  }
};

/// The message in one line: what others wrote into it ends no line and begins none.
class one_line_message final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& m, const std::tm&,
              spdlog::memory_buf_t& to) override {
    constexpr const char* digits = "0123456789abcdef";
    for (const char c : m.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= ' ' && byte != 0x7f) {
        to.push_back(c);
        continue;
      }
      for (const char escaped : {'\\', 'x', digits[byte >> 4], digits[byte & 15]})
        to.push_back(escaped);
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<one_line_message>();
  }
};

void set_up_log(const log_options& o) {
  auto logger = std::make_shared<spdlog::logger>("faultlined",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto lines = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (o.format == "json")
    lines->add_flag<json_message>('*').set_pattern(
        R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","msg":%*})");
  else
    lines->add_flag<one_line_message>('*').set_pattern("ts=%Y-%m-%dT%H:%M:%S.%eZ level=%l %*");
  logger->set_formatter(std::move(lines));
  logger->set_level(spdlog::level::from_str(o.level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

outcome<server_config> configuration(const flags& f) {
  server_config config;
  if (!f.config_file.empty()) {
    auto loaded = load_config(f.config_file);
    if (!loaded) return failure{ec::invalid, to_string(loaded.problems)};
    config = std::move(*loaded);
  }
  if (!f.storage_path.empty()) config.storage.path = f.storage_path;
  if (!f.listen_address.empty()) config.web.listen_address = f.listen_address;
  if (!f.log_level.empty()) config.log.level = f.log_level;
  if (!f.log_format.empty()) config.log.format = f.log_format;
  return config;
}

/// Trouble arrives on a pipe that main's thread reads, as signals do.
struct trouble {
  trouble() {
    if (::pipe2(pipe, O_CLOEXEC) != 0) std::_Exit(71);
    ::signal(SIGPIPE, SIG_IGN);
  }
  void give_up(const std::string& why) {
    {
      const std::lock_guard<std::mutex> lock{mutex};
      reason = why;
    }
    const unsigned char byte = 1;
    if (::write(pipe[1], &byte, 1) < 0) std::_Exit(70);
  }
  int pipe[2] = {-1, -1};
  std::mutex mutex;
  std::string reason;
};

/// @returns the signal that ends us, or 0 when the node gave up.
int wait_for_end(trouble& in, node& house, const service_manager& manager) {
  for (;;) {
    pollfd fds[2] = {{early_signals(), POLLIN, 0}, {in.pipe[0], POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if ((fds[1].revents & POLLIN) != 0) return 0;
    unsigned char number = 0;
    if (::read(early_signals(), &number, 1) != 1) continue;
    if (number != SIGHUP) return number;
    manager.reloading();
    // What came of it is in the log and in /metrics.
    const auto done = house.reload();
    manager.ready(done ? "serves, reloaded" : "serves, a reload was refused");
  }
}

/// How often the actors are asked whether they answer: three times while the service manager waits
/// for one sign of life.
std::chrono::milliseconds pulse_period(const service_manager& manager) {
  constexpr std::chrono::milliseconds longest{5000}, shortest{10};
  if (manager.watchdog().count() == 0) return longest;
  const auto third = std::chrono::duration_cast<std::chrono::milliseconds>(manager.watchdog() / 3);
  return std::clamp(third, shortest, std::chrono::milliseconds{60'000});
}

/// Serves until it is told to end. @returns the exit status.
int serve_to_the_end(trouble& in, node& house) {
  const auto manager = service_manager::of_environment();
  pulse_watch::hooks hooks;
  hooks.ask = [&house](std::chrono::milliseconds patience) { return house.late_actors(patience); };
  hooks.alive = [&manager] { manager.alive(); };
  pulse_watch watch{pulse_period(manager), hooks};
  manager.ready("serves");
  const int signal = wait_for_end(in, house, manager);
  if (signal == 0) {
    // Nothing here may be trusted to end in order: what is durable is durable, the rest replays.
    spdlog::critical("giving up: {}", in.reason);
    std::_Exit(70);
  }
  spdlog::info("ending signal={}", signal);
  manager.stopping();
  watch.stop_asking();
  const auto stopped = house.stop();
  if (!stopped) spdlog::error("end incomplete: {}", stopped.error().what);
  return stopped ? 0 : 1;
}

/// Who has secrets in memory leaves no core file and lets nobody look into it.
void keep_to_ourselves() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0)
    spdlog::warn("core files cannot be turned off");
}

/// So many pages may follow as there are files for beside the store's, the sockets' and the other
/// connections': without, one page too many would keep the store from opening a file.
void fit_to_open_files(node_options& o) {
  constexpr std::uint64_t for_the_rest = 1024, worth_sharing = 512;
  const auto allowed = allow_open_files(for_the_rest + o.web.max_connections + o.web.max_streams);
  const auto left = allowed > for_the_rest ? allowed - for_the_rest : 0;
  if (o.web.max_connections + o.web.max_streams <= left) return;
  const auto others = std::max(left / 2, left - std::min<std::uint64_t>(left, o.web.max_streams));
  if (left >= worth_sharing && o.web.max_connections > others) {
    spdlog::warn("{} open files are allowed: {} other connections instead of {}", allowed, others,
                 o.web.max_connections);
    o.web.max_connections = others;
  }
  const auto room = left - std::min<std::uint64_t>(left, o.web.max_connections);
  if (room >= o.web.max_streams) return;
  spdlog::warn(
      "{} open files are allowed: {} pages may follow instead of {}; raise LimitNOFILE or ulimit "
      "-Hn",
      allowed, room, o.web.max_streams);
  o.web.max_streams = room;
}

int serve(const flags& f) {
  log_options first;  // for what is wrong with the configuration
  if (!f.log_level.empty()) first.level = f.log_level;
  if (!f.log_format.empty()) first.format = f.log_format;
  set_up_log(first);
  auto config = configuration(f);
  if (!config) {
    spdlog::error("configuration: {}", config.error().what);
    return 2;
  }
  set_up_log(config->log);
  auto options = options_of(*config);
  if (!options) {
    spdlog::error("configuration: {}", options.error().what);
    return 2;
  }
  if (!config->sockets.security.key.empty() || !config->web.tls_key.empty()) keep_to_ourselves();
  fit_to_open_files(*options);
  flight_recorder::watch_signals();
  reloader reload{*config, [&f] { return configuration(f); }, check_startable,
                  [](const std::string& level) {
                    spdlog::default_logger()->set_level(spdlog::level::from_str(level));
                  }};
  options->read_again = [&reload] { return reload.read_again(); };
  trouble in;
  int signal = 0;
  options->told_to_end = [&signal] {
    if (signal == 0) signal = early_end();
    return signal != 0;
  };
  if (options->told_to_end()) {
    spdlog::info("ending before the start signal={}", signal);
    return 0;
  }
  auto house = node::start(*options, [&](const std::string& why) { in.give_up(why); });
  if (!house && signal != 0 && house.error().code == ec::shutting_down) {
    spdlog::info("ending during the start signal={}", signal);
    return 0;
  }
  if (!house) {
    spdlog::error("start failed code={} reason=\"{}\"", to_string(house.error().code),
                  house.error().what);
    return 1;
  }
  const auto bound = (*house)->bound_addresses();
  spdlog::info("faultlined {} serves web={}://{} store={}", version(),
               config->web.tls_certificate.empty() ? "http" : "https", bound.front(),
               config->storage.path);
  for (std::size_t i = 1; i < bound.size(); ++i) spdlog::info("socket bound endpoint={}", bound[i]);
  return serve_to_the_end(in, **house);
}

}  // namespace

int main(int argc, char** argv) {
  flags f;
  CLI::App app{"faultlined: early warning and root cause for people who run systems"};
  app.set_version_flag("--version", version());
  // An empty one is a variable of a script that is not set: the defaults were not meant. Nor is an
  // option a path.
  const CLI::Validator said{[](const std::string& text) {
                              if (text.empty()) return std::string{"is empty"};
                              return text.front() == '-' ? "a value is missing before '" + text +
                                                               "' (or write ./" + text + ")"
                                                         : std::string{};
                            },
                            ""};
  app.add_option("--config.file", f.config_file, "YAML configuration")->check(said);
  app.add_option("--storage.path", f.storage_path, "directory of the store")->check(said);
  app.add_option("--web.listen-address", f.listen_address, "host:port of the HTTP listener")
      ->check(said);
  app.add_option("--log.level", f.log_level, "trace, debug, info, warn, error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  app.add_option("--log.format", f.log_format, "text (logfmt), json")
      ->check(CLI::IsMember({"text", "logfmt", "json"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return serve(f);
}
