// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "tools/api.hpp"
#include "tools/bench.hpp"
#include "tools/bench_rows.hpp"
#include "tools/bench_server.hpp"
#include "tools/internal/bench_output.hpp"
#include "tools/progress.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

constexpr std::int64_t tick_ms = 10'000;
constexpr std::chrono::seconds patience{120};

/// `faultline_memory_bytes` by part, at one moment.
struct memory_reading {
  double anonymous = 0, allocated = 0, active = 0, allocator = 0;
  double write_buffers = 0, cache = 0;
};

class memory_bench {
public:
  explicit memory_bench(const memory_bench_options& o)
      : o_{o}, rows_{o.entities, o.metrics, o.batch, o.seed} {}

  outcome<json> run() {
    for (auto step : {&memory_bench::start, &memory_bench::fill, &memory_bench::settle})
      if (auto done = (this->*step)(); !done)
        return failure{done.error().code,
                       done.error().what +
                           (server_ ? "\nthe server's last words:\n" + server_->log_tail() : "")};
    if (auto stopped = server_->stop(); !stopped) return stopped.error();
    return result();
  }

private:
  outcome<void> start();
  outcome<void> fill();
  outcome<void> settle();
  outcome<memory_reading> read() const;
  json result() const;

  const memory_bench_options& o_;
  bench_rows rows_;
  std::unique_ptr<bench_server> server_;
  memory_reading idle_, loaded_, settled_;
  double active_ = 0;
};

outcome<memory_reading> memory_bench::read() const {
  const auto page = api_get(server_->http(), "/metrics");
  if (!page) return page.error();
  const auto part = [&](const char* name) {
    return metric_sum(*page, "faultline_memory_bytes", std::string{"part=\""} + name + "\"");
  };
  return memory_reading{part("anonymous"), part("allocated"),           part("active"),
                        part("allocator"), part("store_write_buffers"), part("store_cache")};
}

outcome<void> memory_bench::start() {
  const auto options = server_options(o_.server);
  if (!options) return options.error();
  auto server = bench_server::start(*options);
  if (!server) return server.error();
  server_ = std::move(*server);
  auto idle = read();
  if (!idle) return idle.error();
  idle_ = *idle;
  return {};
}

/// Ticks of all entities, flat out; read once while requests are under way.
outcome<void> memory_bench::fill() {
  publisher_options publisher;
  publisher.endpoint = server_->router();
  publisher.publisher = "bench";
  publisher.window = o_.window;
  publisher.resend_after = std::chrono::milliseconds{1000};
  auto client = publisher_client::connect(publisher);
  if (!client) return client.error();
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  auto at = (static_cast<std::int64_t>(now.tv_sec) * 1000 / tick_ms - 100'000) * tick_ms;
  progress_bar bar{"fill", o_.ticks};
  for (std::size_t tick = 0; tick < o_.ticks; ++tick, at += tick_ms) {
    rows_.set_tick(at);
    for (std::size_t b = 0; b < rows_.batches(); ++b)
      if (auto sent = (*client)->send(std::string{rows_.fill(b)}, patience); !sent)
        return sent.error();
    bar.at(tick + 1);
  }
  auto loaded = read();
  if (!loaded) return loaded.error();
  loaded_ = *loaded;
  return (*client)->flush(patience);
}

/// Everything applied, and the allocator's free pages given back (its decay is ten seconds).
outcome<void> memory_bench::settle() {
  constexpr std::chrono::seconds decay{15};
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto page = api_get(server_->http(), "/metrics");
    if (!page) return page.error();
    active_ = metric_sum(*page, "faultline_entities_active");
    if (metric_sum(*page, "faultline_log_lag_records") <= 0 &&
        metric_sum(*page, "faultline_events_in_flight") <= 0)
      break;
    if (std::chrono::steady_clock::now() > until)
      return failure{ec::deadline_passed, "the log is not applied in time"};
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  std::this_thread::sleep_for(decay);
  auto settled = read();
  if (!settled) return settled.error();
  settled_ = *settled;
  return {};
}

json memory_bench::result() const {
  const auto& s = settled_;
  const double n = std::max(1.0, active_);
  const double store = s.write_buffers + s.cache;
  const double own = s.anonymous - idle_.anonymous - (store - idle_.write_buffers - idle_.cache);
  const double live = s.allocated - idle_.allocated - (store - idle_.write_buffers - idle_.cache);
  return json{{"entities", o_.entities},
              {"entities_active", active_},
              {"metrics", o_.metrics},
              {"ticks", o_.ticks},
              {"anonymous_idle_bytes", idle_.anonymous},
              {"anonymous_loaded_bytes", loaded_.anonymous},
              {"anonymous_settled_bytes", s.anonymous},
              {"store_write_buffers_bytes", s.write_buffers},
              {"store_cache_bytes", s.cache},
              {"allocated_bytes", s.allocated},
              {"active_bytes", s.active},
              {"allocator_bytes", s.allocator},
              {"bytes_per_entity_allocated", live / n},
              {"bytes_per_entity", own / n},
              {"bytes_per_entity_all_in", s.anonymous / n}};
}

void print_text(const json& j) {
  const auto mib = [&](const char* what, const char* key) {
    std::printf("%-52s %8.0f MiB\n", what, j[key].get<double>() / 1048576);
  };
  mib("anonymous memory, idle", "anonymous_idle_bytes");
  mib("the same, all entities active, events under way", "anonymous_loaded_bytes");
  mib("the same, all applied and 15 s later", "anonymous_settled_bytes");
  mib("  of it the store's write buffers", "store_write_buffers_bytes");
  mib("  of it the store's cache", "store_cache_bytes");
  mib("  of it the allocator's own books", "allocator_bytes");
  std::printf("an active entity of %zu metrics:\n", j["metrics"].get<std::size_t>());
  std::printf("  allocated                                          %8.0f bytes\n",
              j["bytes_per_entity_allocated"].get<double>());
  std::printf("  in memory, without the idle server and the store   %8.0f bytes\n",
              j["bytes_per_entity"].get<double>());
}

}  // namespace

int run_memory_bench(const memory_bench_options& options, output_format format) {
  memory_bench bench{options};
  const auto result = bench.run();
  if (!result) return report_failure(result.error());
  print_result(*result, format, print_text);
  return exit_code::ok;
}

}  // namespace faultline
