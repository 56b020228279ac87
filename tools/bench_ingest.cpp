// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
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
#include "tools/bench_ingest.hpp"
#include "tools/bench_load.hpp"
#include "tools/bench_probe.hpp"
#include "tools/bench_rows.hpp"
#include "tools/bench_sampler.hpp"
#include "tools/bench_server.hpp"
#include "tools/bench_turns.hpp"
#include "tools/progress.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {

namespace {

using wall_clock = std::chrono::steady_clock;

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
  double lag = 0, scored = 0, degraded = 0, shed = 0;
};

/// One measurement from start to end.
class ingest_bench {
public:
  ingest_bench(const ingest_bench_options& o, const ingest_case& c)
      : o_{o},
        case_{c},
        rows_{c.entities, c.metrics, c.batch, o.seed},
        turns_{rows_.batches(), c.batch, o.active, o.churn} {}

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
  outcome<void> connect();
  std::string probe_lines() const;
  outcome<void> warm_up();
  outcome<void> send_timed();
  outcome<void> send_tick(bool everybody, std::size_t batches);
  outcome<void> warm_up_tick(std::size_t tick);
  std::size_t warm_up_ticks() const;
  outcome<void> send_batch(std::size_t batch, std::size_t who);
  outcome<void> wait_until_due();
  outcome<void> wait_until_applied();
  outcome<void> finish(const process_usage& usage, const server_counts& before);
  outcome<void> compare_entities();
  outcome<server_counts> counts() const;

  failure explained(const failure& why) const {
    return {why.code, why.what + "\nthe server's last words:\n" + server_->log_tail()};
  }

  const ingest_bench_options& o_;
  const ingest_case& case_;
  bench_rows rows_;
  bench_turns turns_;
  std::unique_ptr<bench_server> server_;
  std::unique_ptr<load_publishers> to_;
  std::unique_ptr<publisher_client> warm_;  ///< sends the warm-up where nobody acknowledges
  std::unique_ptr<decision_probe> probe_;
  std::unique_ptr<ingest_sampler> sampler_;
  load_pace pace_{0, {}};
  std::int64_t next_tick_ms_ = 0;
  std::uint64_t events_sent_ = 0;
  std::uint64_t events_timed_ = 0;  ///< of those, since the clock runs
  bool timed_ = false;
  ingest_result result_;
};

/// Limits on the first metric of the probes; nothing where the given configuration has its own.
std::string ingest_bench::probe_lines() const {
  if (o_.probes == 0) return {};
  std::string lines;
  const std::size_t count = std::min(o_.probes, case_.entities);
  const std::size_t stride = std::max<std::size_t>(1, case_.entities / count);
  for (std::size_t i = 0; i < count; ++i)
    lines += (lines.empty() ? "" : ", ") + std::string{"{entity: \""} +
             bench_rows::entity_name(i * stride) + "\", metric: \"" + bench_rows::metric_name(0) +
             "\", above: " + std::to_string(bench_rows::probe_limit) + "}";
  return "\nlimits: [" + lines + "]\n";
}

outcome<void> ingest_bench::start() {
  load_options load;
  load.publish.assign(o_.pub, "tcp://127.0.0.1:*");
  auto wanted = server_options(o_.server);
  if (!wanted) return wanted.error();
  auto& options = *wanted;
  const bool own_limits = ("\n" + options.config).find("\nlimits:") != std::string::npos;
  const bool probing = o_.probes > 0 && !own_limits;
  if (probing) {
    options.config += probe_lines();
    rows_.set_probes(std::min(o_.probes, case_.entities));
  }
  rows_.set_zipf(o_.zipf);
  // PUB publishers bind before the server is there; the others connect to what is bound later.
  if (o_.pub > 0) {
    load.acknowledged = 0;
    auto bound = load_publishers::connect(load);
    if (!bound) return bound.error();
    options.subscribe = (*bound)->published_at();
    to_ = std::move(*bound);
  }
  auto server = bench_server::start(options);
  if (!server) return server.error();
  server_ = std::move(*server);
  if (auto connected = connect(); !connected) return connected;
  if (!probing) return {};
  auto probe = decision_probe::start(server_->feed(), server_->replay());
  if (!probe) return probe.error();
  probe_ = std::move(*probe);
  return {};
}

outcome<void> ingest_bench::connect() {
  load_options load;
  load.router = server_->router();
  load.pull = server_->pull();
  load.acknowledged = o_.publishers;
  load.pushing = o_.push;
  load.window = o_.window;
  if (!to_) {
    auto all = load_publishers::connect(load);
    if (!all) return all.error();
    to_ = std::move(*all);
  } else if (auto joined = to_->join(load); !joined) {
    return joined;
  }
  if (auto heard = to_->wait_for_subscribers(patience); !heard) return heard;
  for (const auto& p : to_->acknowledged())
    p->observe([this](const publish_reply&, std::chrono::nanoseconds since_sent) {
      if (timed_)
        result_.acknowledged_ms.push_back(
            std::chrono::duration<double, std::milli>(since_sent).count());
    });
  publisher_options warm;
  warm.endpoint = server_->router();
  warm.publisher = "bench-warm-up";
  warm.resend_after = std::chrono::seconds{10};
  auto client = publisher_client::connect(warm);
  if (!client) return client.error();
  warm_ = std::move(*client);
  return {};
}

outcome<void> ingest_bench::wait_until_due() {
  const auto due = pace_.due(events_timed_);
  while (!interrupted && wall_clock::now() < due) {
    if (auto pumped = to_->pump(std::chrono::milliseconds{0}); !pumped) return pumped;
    std::this_thread::sleep_until(
        std::min(due, wall_clock::now() + std::chrono::microseconds{500}));
  }
  return {};
}

outcome<void> ingest_bench::send_batch(std::size_t batch, std::size_t who) {
  const std::string_view payload = rows_.fill(batch);
  if (rows_.rows(batch) == 0) return {};
  if (timed_) {
    if (auto waited = wait_until_due(); !waited) return waited;
  }
  if (timed_) {
    if (auto sent = to_->send(who, payload, rows_.rows(batch)); !sent) return sent;
  } else if (auto sent = warm_->send(std::string{payload}, patience); !sent) {
    return sent.error();
  }
  // At a steady rate what counts is when it was due: a sender that is late is part of the delay.
  const auto at = timed_ && o_.rate > 0 ? pace_.due(events_timed_) : wall_clock::now();
  for (const std::size_t entity : rows_.crossing(batch))
    if (probe_ && timed_) probe_->sent(bench_rows::entity_name(entity), next_tick_ms_, at);
  events_sent_ += rows_.rows(batch);
  if (timed_) events_timed_ += rows_.rows(batch);
  return {};
}

/// An entity has one publisher, so that its rows keep their order.
outcome<void> ingest_bench::send_tick(bool everybody, std::size_t batches) {
  rows_.set_tick(next_tick_ms_, everybody);
  for (std::size_t i = 0; i < batches; ++i) {
    if (interrupted) return failure{ec::shutting_down, "interrupted"};
    const std::size_t b = turns_.at(i);
    if (auto sent = send_batch(b, b % to_->size()); !sent) return sent;
  }
  next_tick_ms_ += tick_ms;
  return {};
}

std::size_t ingest_bench::warm_up_ticks() const {
  if (turns_.all()) return o_.warm_up_ticks;
  return turns_.groups() * (o_.warm_up_ticks + bench_turns::silence) - bench_turns::silence;
}

/// Where not all speak at a time: a group speaks for some ticks, then time passes that sends it to
/// disk, and the next one comes. The last one speaks on.
outcome<void> ingest_bench::warm_up_tick(std::size_t tick) {
  if (turns_.all()) return send_tick(true, turns_.active());
  const auto in_group = tick % (o_.warm_up_ticks + bench_turns::silence);
  if (tick != 0 && in_group == 0) turns_.next_group();
  return send_tick(true, in_group < o_.warm_up_ticks ? turns_.active() : 1);
}

outcome<void> ingest_bench::warm_up() {
  // Event time begins so long ago that even the fastest run does not overtake the clock.
  const double per_second = o_.rate > 0 ? o_.rate : most_per_second;
  const double share = (o_.zipf > 0 ? 0.25 : 1) * static_cast<double>(turns_.active()) /
                       static_cast<double>(rows_.batches());
  const auto ticks = static_cast<std::int64_t>(per_second * static_cast<double>(o_.seconds) /
                                               (share * static_cast<double>(case_.entities))) +
                     static_cast<std::int64_t>(warm_up_ticks()) + 2;
  next_tick_ms_ = now_ms() / tick_ms * tick_ms - ticks * tick_ms;
  progress_bar bar{"warm-up", warm_up_ticks()};
  for (std::size_t i = 0; i < warm_up_ticks(); ++i) {
    if (auto sent = warm_up_tick(i); !sent) return sent;
    bar.at(i + 1);
  }
  if (auto flushed = warm_->flush(patience); !flushed) return flushed;
  if (auto applied = wait_until_applied(); !applied || turns_.all()) return applied;
  return wait_until_passive(*server_, turns_.active() * case_.batch);
}

outcome<void> ingest_bench::send_timed() {
  const auto usage = server_->usage();
  const auto before = counts();
  if (!usage) return usage.error();
  if (!before) return before.error();
  const double own_cpu = own_cpu_seconds();
  timed_ = true;
  const auto start = wall_clock::now();
  pace_ = load_pace{o_.rate, start};
  if (!o_.plot.empty())
    sampler_ = std::make_unique<ingest_sampler>(server_->http(), server_->pid(), start);
  progress_bar bar{"send", o_.seconds};
  for (double gone = 0; gone < static_cast<double>(o_.seconds);
       gone = seconds_between(start, wall_clock::now())) {
    if (next_tick_ms_ > now_ms() + 240'000) break;  // the server refuses the future
    if (auto sent = send_tick(false, turns_.active()); !sent) return sent;
    turns_.pass();
    ++result_.ticks;
    bar.at(static_cast<std::uint64_t>(gone));
  }
  if (auto flushed = to_->flush(patience); !flushed) return flushed;
  timed_ = false;
  result_.acknowledged_in = seconds_between(start, wall_clock::now());
  result_.own_cpu = own_cpu_seconds() - own_cpu;
  if (auto applied = wait_until_applied(); !applied) return applied;
  result_.seconds = seconds_between(start, wall_clock::now());
  bar.finish();
  return finish(*usage, *before);
}

outcome<void> ingest_bench::finish(const process_usage& usage, const server_counts& before) {
  if (sampler_) result_.samples = sampler_->stop();
  const auto usage_after = server_->usage();
  const auto after = counts();
  if (!usage_after) return usage_after.error();
  if (!after) return after.error();
  result_.server_cpu = usage_after->cpu_seconds - usage.cpu_seconds;
  result_.written_bytes = usage_after->written_bytes - usage.written_bytes;
  result_.rss_peak = usage_after->rss_peak_bytes;
  result_.scored = after->scored - before.scored;
  result_.degraded = after->degraded - before.degraded;
  result_.shed = static_cast<std::uint64_t>(after->shed - before.shed);
  const load_counts c = to_->counts();
  result_.sent = c.sent();
  result_.accepted = c.accepted;
  result_.rejected = c.rejected;
  result_.refused = c.refused_requests;
  result_.retries = c.retries;
  result_.resent = c.resent;
  // What is decided now came too late to be waited for; it is not there.
  if (probe_) result_.decision_ms = probe_->stop();
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
  c.shed = metric_sum(*metrics, "faultline_events_shed_total");
  return c;
}

outcome<void> ingest_bench::wait_until_applied() {
  auto deadline = wall_clock::now() + patience;
  const std::uint64_t expected = events_sent_ - to_->counts().rejected;
  server_counts before;
  while (wall_clock::now() < deadline) {
    if (interrupted) return failure{ec::shutting_down, "interrupted"};
    if (server_->ended()) return failure{ec::io_failed, "the server has ended"};
    const auto c = counts();  // a server at its limit may answer late
    if (c && c->observations + static_cast<std::uint64_t>(c->shed) >= expected && c->lag <= 0)
      return {};
    if (c && (c->observations != before.observations || c->lag < before.lag))
      deadline = wall_clock::now() + patience;
    if (c) before = *c;
    std::this_thread::sleep_for(milliseconds{10});
  }
  return {};  // what is missing then is counted as lost
}

/// What the server counts of each entity must be what was sent; of what the server says it shed
/// nobody knows whose it was.
outcome<void> ingest_bench::compare_entities() {
  const auto deadline = wall_clock::now() + std::chrono::seconds{10};
  for (;;) {
    const auto observations = observations_of_all(server_->http());
    if (!observations) return observations.error();
    result_.lost = result_.duplicated = 0;
    for (std::size_t e = 0; e < case_.entities; ++e) {
      const auto found = observations->find(bench_rows::entity_name(e));
      const std::uint64_t has = found == observations->end() ? 0 : found->second;
      const std::uint64_t sent = rows_.filled(e);
      result_.lost += has < sent ? sent - has : 0;
      result_.duplicated += has > sent ? has - sent : 0;
    }
    result_.lost -= std::min(result_.lost, result_.shed);
    if (result_.lost + result_.duplicated == 0 || wall_clock::now() > deadline) return {};
    std::this_thread::sleep_for(milliseconds{200});
  }
}

}  // namespace

int run_ingest_bench(const ingest_bench_options& options, output_format format) {
  if (options.publishers + options.push + options.pub == 0)
    return report_usage("nobody sends: --publishers, --push or --pub");
  const auto [cases, skipped] = ingest_cases(options);
  for (const auto& sentence : skipped) std::fprintf(stderr, "faultline: %s\n", sentence.c_str());
  if (cases.empty()) return report_usage("no combination is left: take a smaller --batch");
  std::signal(SIGINT, note_interrupt);
  std::signal(SIGTERM, note_interrupt);
  std::vector<ingest_report> all;
  bool whole = true;
  for (const ingest_case& c : cases) {
    ingest_bench bench{options, c};
    auto result = bench.run();
    if (!result) return report_failure(result.error());
    if (options.server.keep) std::fprintf(stderr, "kept: %s\n", bench.directory().c_str());
    whole = whole && result->whole();
    all.push_back({c, std::move(*result)});
  }
  if (!options.plot.empty())
    if (auto drawn = plot_ingest(options, all); !drawn) return report_failure(drawn.error());
  if (format == output_format::json)
    std::puts(ingest_json(options, all).c_str());
  else
    print_ingest(options, all);
  return whole ? exit_code::ok : exit_code::failed;
}

}  // namespace faultline
