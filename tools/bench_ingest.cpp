// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>
#include <unordered_map>

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

using wall_clock = std::chrono::steady_clock;
using json = nlohmann::ordered_json;

constexpr std::int64_t tick_ms = 10'000;
/// No machine this is meant for takes more observations a second; sets where event time begins.
constexpr double most_per_second = 600'000;
constexpr std::chrono::seconds patience{60};

volatile std::sig_atomic_t interrupted = 0;
void note_interrupt(int) { interrupted = 1; }

std::int64_t now_ms() {
  std::timespec t{};
  std::timespec_get(&t, TIME_UTC);
  return static_cast<std::int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

double seconds_between(wall_clock::time_point a, wall_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

/// What the server itself says it has done.
struct server_counts {
  std::uint64_t observations = 0;
  double lag = 0, scored = 0, degraded = 0;
};

/// What the timed part came to.
struct ingest_result {
  std::uint64_t ticks = 0, sent = 0, accepted = 0, rejected = 0, refused = 0;
  std::uint64_t retries = 0, resent = 0;
  std::uint64_t lost = 0, duplicated = 0;
  double seconds = 0;          ///< from the first row to the last one applied
  double acknowledged_in = 0;  ///< to the last acknowledgement
  double server_cpu = 0, own_cpu = 0;
  std::uint64_t rss_peak = 0;
  double scored = 0, degraded = 0;
  std::vector<double> latency_ms;
};

/// One measurement from start to end.
class ingest_bench {
public:
  explicit ingest_bench(const ingest_bench_options& o)
      : o_{o}, rows_{o.entities, o.metrics, o.batch, o.seed} {}

  outcome<ingest_result> run() {
    if (auto started = start(); !started) return started.error();
    if (auto warm = warm_up(); !warm) return explained(warm.error());
    if (auto timed = send_timed(); !timed) return explained(timed.error());
    if (auto checked = compare_entities(); !checked) return explained(checked.error());
    if (auto stopped = server_->stop(); !stopped) return stopped.error();
    return std::move(result_);
  }
  const std::filesystem::path& directory() const { return server_->directory(); }

private:
  outcome<void> start();
  outcome<void> warm_up();
  outcome<void> send_timed();
  outcome<void> send_tick();
  outcome<void> wait_until_applied();
  outcome<void> compare_entities();
  outcome<server_counts> counts() const;

  failure explained(const failure& why) const {
    return {why.code, why.what + "\nthe server's last words:\n" + server_->log_tail()};
  }

  const ingest_bench_options& o_;
  bench_rows rows_;
  std::unique_ptr<bench_server> server_;
  std::unique_ptr<publisher_client> client_;
  std::int64_t next_tick_ms_ = 0;
  std::uint64_t ticks_sent_ = 0;
  std::uint64_t events_sent_ = 0;
  bool timed_ = false;
  ingest_result result_;
};

outcome<void> ingest_bench::start() {
  bench_server_options options;
  const auto program = find_server(o_.faultlined);
  if (!program) return program.error();
  options.program = *program;
  options.directory = o_.directory;
  options.keep = o_.keep;
  if (!o_.config.empty()) {
    std::ostringstream text;
    text << std::ifstream{o_.config}.rdbuf();
    options.config = text.str();
  }
  options.config += shipped_lines(options.config);
  auto server = bench_server::start(options);
  if (!server) return server.error();
  server_ = std::move(*server);
  publisher_options publisher;
  publisher.endpoint = server_->router();
  publisher.publisher = "bench";
  publisher.window = o_.window;
  publisher.resend_after = std::chrono::seconds{10};
  auto client = publisher_client::connect(publisher);
  if (!client) return client.error();
  client_ = std::move(*client);
  client_->observe([this](const publish_reply&, std::chrono::nanoseconds since_sent) {
    if (timed_)
      result_.latency_ms.push_back(std::chrono::duration<double, std::milli>(since_sent).count());
  });
  return {};
}

outcome<void> ingest_bench::send_tick() {
  rows_.set_tick(next_tick_ms_);
  for (std::size_t b = 0; b < rows_.batches(); ++b) {
    if (interrupted) return failure{ec::shutting_down, "interrupted"};
    const auto sent = client_->send(std::string{rows_.fill(b)}, patience);
    if (!sent) return sent.error();
    events_sent_ += rows_.rows(b);
  }
  next_tick_ms_ += tick_ms;
  ++ticks_sent_;
  return {};
}

outcome<void> ingest_bench::warm_up() {
  // Event time begins so long ago that even the fastest run does not overtake the clock.
  const auto ticks = static_cast<std::int64_t>(most_per_second * static_cast<double>(o_.seconds) /
                                               static_cast<double>(o_.entities)) +
                     static_cast<std::int64_t>(o_.warm_up_ticks) + 1;
  next_tick_ms_ = now_ms() / tick_ms * tick_ms - ticks * tick_ms;
  progress_bar bar{"warm-up", o_.warm_up_ticks};
  for (std::size_t i = 0; i < o_.warm_up_ticks; ++i) {
    if (auto sent = send_tick(); !sent) return sent;
    bar.at(i + 1);
  }
  if (auto flushed = client_->flush(patience); !flushed) return flushed;
  return wait_until_applied();
}

outcome<void> ingest_bench::send_timed() {
  const auto usage = server_->usage();
  const auto before = counts();
  if (!usage) return usage.error();
  if (!before) return before.error();
  const publisher_counters counted = client_->counters();
  const std::uint64_t sent_before = events_sent_;
  const double own_cpu = own_cpu_seconds();
  timed_ = true;
  const auto start = wall_clock::now();
  progress_bar bar{"send", o_.seconds};
  for (double gone = 0; gone < static_cast<double>(o_.seconds);
       gone = seconds_between(start, wall_clock::now())) {
    if (next_tick_ms_ > now_ms() + 240'000) break;  // the server refuses the future
    if (auto sent = send_tick(); !sent) return sent;
    ++result_.ticks;
    bar.at(static_cast<std::uint64_t>(gone));
  }
  if (auto flushed = client_->flush(patience); !flushed) return flushed;
  timed_ = false;
  result_.acknowledged_in = seconds_between(start, wall_clock::now());
  result_.own_cpu = own_cpu_seconds() - own_cpu;
  if (auto applied = wait_until_applied(); !applied) return applied;
  result_.seconds = seconds_between(start, wall_clock::now());
  bar.finish();
  const auto usage_after = server_->usage();
  const auto after = counts();
  if (!usage_after) return usage_after.error();
  if (!after) return after.error();
  const publisher_counters& c = client_->counters();
  result_.server_cpu = usage_after->cpu_seconds - usage->cpu_seconds;
  result_.rss_peak = usage_after->rss_peak_bytes;
  result_.scored = after->scored - before->scored;
  result_.degraded = after->degraded - before->degraded;
  result_.sent = events_sent_ - sent_before;
  result_.accepted = c.accepted - counted.accepted;
  result_.rejected = c.rejected - counted.rejected;
  result_.refused = c.refused - counted.refused;
  result_.retries = c.retries - counted.retries;
  result_.resent = c.resent - counted.resent;
  return {};
}

outcome<server_counts> ingest_bench::counts() const {
  const auto status = api_get(server_->http(), "/api/v1/status");
  if (!status) return status.error();
  const auto metrics = api_get(server_->http(), "/metrics");
  if (!metrics) return metrics.error();
  const auto parsed = nlohmann::json::parse(*status, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("observations"))
    return failure{ec::malformed, "/api/v1/status has no observations"};
  server_counts c;
  c.observations = parsed["observations"].get<std::uint64_t>();
  c.lag = metric_sum(*metrics, "faultline_log_lag_records");
  c.scored = metric_sum(*metrics, "faultline_ticks_scored_total");
  c.degraded = metric_sum(*metrics, "faultline_ticks_degraded_total");
  return c;
}

outcome<void> ingest_bench::wait_until_applied() {
  auto deadline = wall_clock::now() + patience;
  const std::uint64_t expected = events_sent_ - client_->counters().rejected;
  server_counts before;
  while (wall_clock::now() < deadline) {
    if (interrupted) return failure{ec::shutting_down, "interrupted"};
    if (server_->ended()) return failure{ec::io_failed, "the server has ended"};
    const auto c = counts();  // a server at its limit may answer late
    if (c && c->observations >= expected && c->lag <= 0) return {};
    if (c && (c->observations != before.observations || c->lag < before.lag))
      deadline = wall_clock::now() + patience;
    if (c) before = *c;
    std::this_thread::sleep_for(milliseconds{10});
  }
  return {};  // what is missing then is counted as lost
}

/// Each entity has sent one row per tick: what the server counts of it must be just that.
outcome<void> ingest_bench::compare_entities() {
  const auto deadline = wall_clock::now() + std::chrono::seconds{10};
  for (;;) {
    const auto observations = observations_of_all(server_->http());
    if (!observations) return observations.error();
    result_.lost = result_.duplicated = 0;
    for (std::size_t e = 0; e < o_.entities; ++e) {
      const auto found = observations->find(bench_rows::entity_name(e));
      const std::uint64_t has = found == observations->end() ? 0 : found->second;
      result_.lost += has < ticks_sent_ ? ticks_sent_ - has : 0;
      result_.duplicated += has > ticks_sent_ ? has - ticks_sent_ : 0;
    }
    if (result_.lost + result_.duplicated == 0 || wall_clock::now() > deadline) return {};
    std::this_thread::sleep_for(milliseconds{200});
  }
}

json result_json(const ingest_bench_options& o, ingest_result& r) {
  const auto observations = static_cast<double>(r.accepted);
  const double samples = observations * static_cast<double>(o.metrics);
  const double rate = r.seconds > 0 ? observations / r.seconds : 0;
  const auto p = percentiles(r.latency_ms, {0.5, 0.99, 0.999});
  return json{
      {"observations_per_second", rate},
      {"samples_per_second", rate * static_cast<double>(o.metrics)},
      {"server_cpu_seconds_per_million_samples", samples > 0 ? r.server_cpu / (samples / 1e6) : 0},
      {"server_rss_peak_bytes", r.rss_peak},
      {"latency_ms", {{"p50", p[0]}, {"p99", p[1]}, {"p999", p[2]}}},
      {"sent", r.sent},
      {"accepted", r.accepted},
      {"lost", r.lost},
      {"duplicated", r.duplicated},
      {"entities", o.entities},
      {"metrics", o.metrics},
      {"seconds", r.seconds},
      {"seconds_to_last_ack", r.acknowledged_in},
      {"ticks", r.ticks},
      {"ticks_scored", r.scored},
      {"ticks_degraded", r.degraded},
      {"rejected", r.rejected},
      {"refused_requests", r.refused},
      {"retry_replies", r.retries},
      {"resent_requests", r.resent},
      {"batch", o.batch},
      {"window", o.window},
      {"server_cpu_seconds", r.server_cpu},
      {"publisher_cpu_us_per_observation", observations > 0 ? r.own_cpu * 1e6 / observations : 0}};
}

void print_text(const json& j) {
  const auto number = [&](const char* key) { return j[key].get<double>(); };
  std::printf("%s observations/s (%s samples/s), %s entities x %s metrics, %.1f s\n",
              format_count(static_cast<std::uint64_t>(number("observations_per_second"))).c_str(),
              format_count(static_cast<std::uint64_t>(number("samples_per_second"))).c_str(),
              format_count(j["entities"].get<std::uint64_t>()).c_str(),
              format_count(j["metrics"].get<std::uint64_t>()).c_str(), number("seconds"));
  std::printf("sent %s, accepted %s, lost %s, duplicated %s, rejected %s\n",
              format_count(j["sent"].get<std::uint64_t>()).c_str(),
              format_count(j["accepted"].get<std::uint64_t>()).c_str(),
              format_count(j["lost"].get<std::uint64_t>()).c_str(),
              format_count(j["duplicated"].get<std::uint64_t>()).c_str(),
              format_count(j["rejected"].get<std::uint64_t>()).c_str());
  std::printf("acknowledged after %.2f ms (p50), %.2f ms (p99), %.2f ms (p99.9)\n",
              j["latency_ms"]["p50"].get<double>(), j["latency_ms"]["p99"].get<double>(),
              j["latency_ms"]["p999"].get<double>());
  std::printf("server: %.3f CPU seconds per million samples, peak memory %s\n",
              number("server_cpu_seconds_per_million_samples"),
              format_bytes(j["server_rss_peak_bytes"].get<std::uint64_t>()).c_str());
  std::printf(
      "ticks scored with the LSTM %.0f, without it %.0f; publisher %.2f us per observation\n",
      number("ticks_scored"), number("ticks_degraded"), number("publisher_cpu_us_per_observation"));
}

}  // namespace

int run_ingest_bench(const ingest_bench_options& options, output_format format) {
  std::signal(SIGINT, note_interrupt);
  std::signal(SIGTERM, note_interrupt);
  ingest_bench bench{options};
  auto result = bench.run();
  if (!result) return report_failure(result.error());
  if (options.keep) std::fprintf(stderr, "kept: %s\n", bench.directory().c_str());
  print_result(result_json(options, *result), format, print_text);
  const bool whole =
      result->lost == 0 && result->duplicated == 0 && result->rejected == 0 && result->refused == 0;
  return whole ? exit_code::ok : exit_code::failed;
}

}  // namespace faultline
