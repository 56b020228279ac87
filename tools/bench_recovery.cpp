// SPDX-License-Identifier: Apache-2.0
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
#include "tools/bench_turns.hpp"
#include "tools/internal/bench_output.hpp"
#include "tools/progress.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {

namespace {

using wall_clock = std::chrono::steady_clock;
using json = nlohmann::ordered_json;

constexpr std::int64_t tick_ms = 10'000;
constexpr std::chrono::seconds patience{120};

double seconds_since(wall_clock::time_point t) {
  return std::chrono::duration<double>(wall_clock::now() - t).count();
}

/// What one kill and what came after it came to.
struct recovery_result {
  double first_ack = 0;  ///< seconds from the start of the new process
  double ready = 0;
  double idle_rss_anon = 0, full_rss_anon = 0;  ///< before the first entity, and before the kill
  std::uint64_t replayed = 0;                   ///< records read again
  std::uint64_t woken = 0;                      ///< entities read from their snapshot
  std::uint64_t acks_before_ready = 0;
  std::uint64_t sent = 0, lost = 0, duplicated = 0, rejected = 0, refused = 0;
  double load_rate = 0;  ///< rows a second that were acknowledged before the kill
  std::uint64_t store_bytes = 0;
};

class recovery_bench {
public:
  explicit recovery_bench(const recovery_bench_options& o)
      : o_{o},
        rows_{o.entities, o.metrics, o.batch, o.seed},
        turns_{rows_.batches(), o.batch, o.active, 0} {}

  outcome<recovery_result> run() {
    if (auto started = start(); !started) return started.error();
    for (auto step : {&recovery_bench::fill, &recovery_bench::load, &recovery_bench::kill_and_wait,
                      &recovery_bench::compare}) {
      if (auto done = (this->*step)(); !done)
        return failure{done.error().code,
                       done.error().what + "\nthe server's last words:\n" + server_->log_tail()};
    }
    if (auto stopped = server_->stop(); !stopped) return stopped.error();
    return std::move(result_);
  }
  const std::filesystem::path& directory() const { return server_->directory(); }

private:
  outcome<void> start();
  outcome<void> fill();
  outcome<void> load();
  outcome<void> kill_and_wait();
  outcome<void> compare();
  outcome<void> send_batch();
  void end_tick();
  outcome<void> wait_until_applied();
  outcome<double> metric(const std::string& name, const std::string& label = {}) const;

  const recovery_bench_options& o_;
  bench_rows rows_;
  bench_turns turns_;
  std::unique_ptr<bench_server> server_;
  std::unique_ptr<publisher_client> client_;
  std::int64_t tick_at_ = 0;
  std::size_t next_batch_ = 0;
  std::uint64_t answered_ = 0;
  recovery_result result_;
};

outcome<void> recovery_bench::start() {
  const auto options = server_options(o_.server);
  if (!options) return options.error();
  auto server = bench_server::start(*options);
  if (!server) return server.error();
  server_ = std::move(*server);
  const auto idle = server_->anonymous_bytes();
  if (!idle) return idle.error();
  result_.idle_rss_anon = static_cast<double>(*idle);
  publisher_options publisher;
  publisher.endpoint = server_->router();
  publisher.publisher = "bench";
  publisher.window = o_.window;
  publisher.resend_after = std::chrono::milliseconds{1000};
  auto client = publisher_client::connect(publisher);
  if (!client) return client.error();
  client_ = std::move(*client);
  client_->observe([this](const publish_reply&, std::chrono::nanoseconds) { ++answered_; });
  // Long ago, so that no run overtakes the clock.
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  tick_at_ = (static_cast<std::int64_t>(now.tv_sec) * 1000 / tick_ms - 100'000) * tick_ms;
  rows_.set_tick(tick_at_);
  return {};
}

/// One request; after the last of a tick the next tick begins.
outcome<void> recovery_bench::send_batch() {
  const std::size_t batch = turns_.at(next_batch_);
  const auto sent = client_->send(std::string{rows_.fill(batch)}, patience);
  if (!sent) return sent.error();
  result_.sent += rows_.rows(batch);
  if (++next_batch_ < turns_.active()) return {};
  end_tick();
  return {};
}

void recovery_bench::end_tick() {
  next_batch_ = 0;
  tick_at_ += tick_ms;
  rows_.set_tick(tick_at_);
}

outcome<void> recovery_bench::fill() {
  progress_bar bar{"fill", o_.fill_ticks * turns_.groups()};
  for (std::size_t group = 1; group <= turns_.groups(); ++group) {
    for (std::size_t tick = 0; tick < o_.fill_ticks; ++tick) {
      do {
        if (auto sent = send_batch(); !sent) return sent;
      } while (next_batch_ != 0);
      bar.at((group - 1) * o_.fill_ticks + tick + 1);
    }
    if (group == turns_.groups()) break;  // they speak on
    // Time passes, and they fall silent and go to disk: a tick is told by one batch alone.
    for (std::size_t i = 0; i < bench_turns::silence; ++i) {
      if (auto sent = send_batch(); !sent) return sent;
      if (next_batch_ != 0) end_tick();
    }
    turns_.next_group();
  }
  if (auto flushed = client_->flush(patience); !flushed) return flushed;
  if (auto applied = wait_until_applied(); !applied || turns_.all()) return applied;
  return wait_until_passive(*server_, turns_.active() * o_.batch);
}

outcome<void> recovery_bench::load() {
  progress_bar bar{"load", o_.seconds};
  const auto before = answered_;
  const auto begun = wall_clock::now();
  while (seconds_since(begun) < static_cast<double>(o_.seconds)) {
    if (auto sent = send_batch(); !sent) return sent;
    bar.at(static_cast<std::uint64_t>(seconds_since(begun)));
  }
  result_.load_rate = static_cast<double>((answered_ - before) * o_.batch) / seconds_since(begun);
  const auto full = server_->anonymous_bytes();
  if (!full) return full.error();
  result_.full_rss_anon = static_cast<double>(*full);
  return {};
}

/// kill -9 with requests under way; the publisher goes on as if nothing had happened.
outcome<void> recovery_bench::kill_and_wait() {
  if (auto killed = server_->kill(); !killed) return killed;
  while (true) {  // replies of the old process that lie in the socket are not the new one's
    const auto before = answered_;
    if (auto polled = client_->poll(std::chrono::milliseconds{50}); !polled) return polled.error();
    if (answered_ == before) break;
  }
  const auto before = answered_;
  const auto begun = wall_clock::now();
  if (auto launched = server_->launch_again(); !launched) return launched;
  auto asked = begun;
  while (result_.ready == 0) {
    if (seconds_since(begun) > static_cast<double>(patience.count()))
      return failure{ec::deadline_passed, "not ready in time"};
    if (server_->ended()) return failure{ec::io_failed, "the server has ended"};
    if (auto polled = client_->poll(std::chrono::milliseconds{5}); !polled) return polled.error();
    if (result_.first_ack == 0 && answered_ != before) result_.first_ack = seconds_since(begun);
    while (client_->unanswered() < o_.window / 2)
      if (auto sent = send_batch(); !sent) return sent;
    if (seconds_since(asked) < 0.02) continue;
    asked = wall_clock::now();
    if (server_->ready()) result_.ready = seconds_since(begun);
  }
  result_.acks_before_ready = answered_ - before;
  if (result_.first_ack == 0) {
    while (answered_ == before)
      if (auto polled = client_->poll(std::chrono::milliseconds{5}); !polled) return polled.error();
    result_.first_ack = seconds_since(begun);
  }
  while (next_batch_ != 0)  // a whole tick, so that every entity has as many
    if (auto sent = send_batch(); !sent) return sent;
  return client_->flush(patience);
}

outcome<double> recovery_bench::metric(const std::string& name, const std::string& label) const {
  const auto page = api_get(server_->http(), "/metrics");
  if (!page) return page.error();
  return metric_sum(*page, name, label);
}

outcome<void> recovery_bench::wait_until_applied() {
  const auto begun = wall_clock::now();
  while (seconds_since(begun) < static_cast<double>(patience.count())) {
    if (server_->ended()) return failure{ec::io_failed, "the server has ended"};
    const auto lag = metric("faultline_log_lag_records");
    const auto flying = metric("faultline_events_in_flight");
    if (lag && flying && *lag <= 0 && *flying <= 0) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  return failure{ec::deadline_passed, "the log is not applied in time"};
}

outcome<void> recovery_bench::compare() {
  if (auto applied = wait_until_applied(); !applied) return applied;
  const auto observations = observations_of_all(server_->http());
  if (!observations) return observations.error();
  for (std::size_t e = 0; e < o_.entities; ++e) {
    const auto found = observations->find(bench_rows::entity_name(e));
    const std::uint64_t has = found == observations->end() ? 0 : found->second;
    const std::uint64_t sent = rows_.filled(e);
    result_.lost += has < sent ? sent - has : 0;
    result_.duplicated += has > sent ? has - sent : 0;
  }
  const auto replayed = metric("faultline_events_read_total", "from=\"restart\"");
  const auto woken = metric("faultline_entity_wakes_total");
  const auto bytes = metric("faultline_store_bytes");
  if (!replayed || !woken || !bytes) return failure{ec::io_failed, "the server does not answer"};
  result_.replayed = static_cast<std::uint64_t>(*replayed);
  result_.woken = static_cast<std::uint64_t>(*woken);
  result_.store_bytes = static_cast<std::uint64_t>(*bytes);
  result_.rejected = client_->counters().rejected;
  result_.refused = client_->counters().refused;
  return {};
}

json result_json(const recovery_bench_options& o, const recovery_result& r) {
  return json{{"seconds_to_first_ack", r.first_ack},
              {"seconds_to_ready", r.ready},
              {"records_replayed", r.replayed},
              {"entities_woken", r.woken},
              {"acks_before_ready", r.acks_before_ready},
              {"entities", o.entities},
              {"metrics", o.metrics},
              {"sent", r.sent},
              {"lost", r.lost},
              {"duplicated", r.duplicated},
              {"rejected", r.rejected},
              {"refused_requests", r.refused},
              {"rows_per_second_before", r.load_rate},
              {"rss_anon_idle_bytes", r.idle_rss_anon},
              {"rss_anon_loaded_bytes", r.full_rss_anon},
              {"store_bytes", r.store_bytes}};
}

void print_text(const json& j) {
  std::printf("first acknowledgement after %.2f s, ready after %.2f s (%s requests in between)\n",
              j["seconds_to_first_ack"].get<double>(), j["seconds_to_ready"].get<double>(),
              format_count(j["acks_before_ready"].get<std::uint64_t>()).c_str());
  std::printf("%s records replayed, %s of %s entities read from disk\n",
              format_count(j["records_replayed"].get<std::uint64_t>()).c_str(),
              format_count(j["entities_woken"].get<std::uint64_t>()).c_str(),
              format_count(j["entities"].get<std::uint64_t>()).c_str());
  std::printf("sent %s, lost %s, duplicated %s\n",
              format_count(j["sent"].get<std::uint64_t>()).c_str(),
              format_count(j["lost"].get<std::uint64_t>()).c_str(),
              format_count(j["duplicated"].get<std::uint64_t>()).c_str());
}

}  // namespace

int run_recovery_bench(const recovery_bench_options& options, output_format format) {
  recovery_bench bench{options};
  const auto result = bench.run();
  if (!result) return report_failure(result.error());
  if (options.server.keep) std::fprintf(stderr, "kept: %s\n", bench.directory().c_str());
  print_result(result_json(options, *result), format, print_text);
  const bool whole =
      result->lost == 0 && result->duplicated == 0 && result->rejected == 0 && result->refused == 0;
  return whole ? exit_code::ok : exit_code::failed;
}

}  // namespace faultline
