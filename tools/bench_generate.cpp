// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <thread>

#include <nlohmann/json.hpp>

#include "messages/event_codec.hpp"
#include "tools/bench.hpp"
#include "tools/bench_load.hpp"
#include "tools/bench_rows.hpp"
#include "tools/bench_server.hpp"
#include "tools/internal/bench_output.hpp"
#include "tools/progress.hpp"
#include "tools/session_keys.hpp"

namespace faultline {

namespace {

using clock = std::chrono::steady_clock;
using json = nlohmann::ordered_json;

volatile std::sig_atomic_t interrupted = 0;
void note_interrupt(int) { interrupted = 1; }

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

/// Sends what was encoded before, over and over, for so long.
outcome<void> send_all(load_publishers& to, const generate_bench_options& o,
                       const std::vector<std::string>& payloads) {
  const auto start = clock::now();
  const auto end =
      start + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>{o.seconds});
  const load_pace pace{o.rate, start};
  progress_bar bar{"send", static_cast<std::uint64_t>(o.seconds)};
  std::uint64_t messages = 0;
  while (!interrupted && clock::now() < end) {
    const auto due = pace.due(messages * o.batch);
    if (due >= end) break;
    while (!interrupted && clock::now() < due) {
      if (auto pumped = to.pump(std::chrono::milliseconds{0}); !pumped) return pumped;
      std::this_thread::sleep_until(std::min(due, clock::now() + std::chrono::milliseconds{1}));
    }
    const auto sent = to.send(messages % to.size(), payloads[messages % payloads.size()], o.batch);
    if (!sent) return sent;
    ++messages;
    bar.at(static_cast<std::uint64_t>(seconds_since(start)));
  }
  std::this_thread::sleep_until(interrupted ? clock::now() : end);
  return to.flush(std::chrono::seconds{60});
}

json counts_json(const load_counts& c, double seconds, double cpu) {
  return json{{"events_per_second", seconds > 0 ? static_cast<double>(c.sent()) / seconds : 0},
              {"sent", c.sent()},
              {"seconds", seconds},
              {"acknowledged",
               {{"requests", c.requests},
                {"events", c.events},
                {"accepted", c.accepted},
                {"rejected", c.rejected},
                {"retry_replies", c.retries},
                {"given_up_requests", c.given_up_requests},
                {"refused_requests", c.refused_requests},
                {"resent_requests", c.resent}}},
              {"pushed", {{"messages", c.pushed_messages}, {"events", c.pushed_events}}},
              {"published", {{"messages", c.published_messages}, {"events", c.published_events}}},
              {"cpu_seconds", cpu}};
}

void print_text(const json& j) {
  const auto count = [&](const char* group, const char* key) {
    return format_count(j[group][key].get<std::uint64_t>());
  };
  std::printf(
      "%s events in %.1f s: %s a second, %.2f CPU seconds\n",
      format_count(j["sent"].get<std::uint64_t>()).c_str(), j["seconds"].get<double>(),
      format_count(static_cast<std::uint64_t>(j["events_per_second"].get<double>())).c_str(),
      j["cpu_seconds"].get<double>());
  std::printf(
      "acknowledged: %s events in %s requests, %s accepted, %s rejected, %s told to wait, "
      "%s given up\n",
      count("acknowledged", "events").c_str(), count("acknowledged", "requests").c_str(),
      count("acknowledged", "accepted").c_str(), count("acknowledged", "rejected").c_str(),
      count("acknowledged", "retry_replies").c_str(),
      count("acknowledged", "given_up_requests").c_str());
  std::printf("pushed: %s events; published: %s events\n", count("pushed", "events").c_str(),
              count("published", "events").c_str());
}

}  // namespace

outcome<std::vector<std::string>> prepared_payloads(const generate_bench_options& o) {
  const entity_draw draw{o.entities, o.zipf};
  std::uint64_t state = o.seed * 0x9e3779b97f4a7c15ULL + 1;
  std::vector<std::string> names(o.metrics);
  for (std::size_t m = 0; m < o.metrics; ++m) names[m] = bench_rows::metric_name(m);
  std::vector<std::string> all(o.prepare);
  event_view event;
  for (std::string& payload : all) {
    encode_batch_header(o.batch, payload);
    for (std::size_t i = 0; i < o.batch; ++i) {
      const std::string entity =
          o.prefix + bench_rows::entity_name(draw.at(bench_rows::uniform(state)));
      event.clear();
      event.entity = entity;
      for (const std::string& name : names)
        event.metrics.push_back({name, bench_rows::uniform(state)});
      encode_event(event, wire_encoding::msgpack, payload);
    }
    if (payload.size() > payload_limits::bytes)
      return failure{ec::invalid, "a payload of " + std::to_string(o.batch) + " events of " +
                                      std::to_string(o.metrics) +
                                      " metrics is larger than 1 MiB: take a smaller --batch"};
  }
  return all;
}

int run_generate_bench(const generate_bench_options& o, const command_session& session) {
  if (o.publishers + o.push + o.bind.size() == 0)
    return report_usage("nobody sends: --publishers, --push or --bind");
  if (o.publishers > 0 && o.router.empty()) return report_usage("--publishers needs --router");
  if (o.push > 0 && o.pull.empty()) return report_usage("--push needs --pull");
  auto keys = keys_of(session);
  if (!keys) return report_no_keys(keys.error(), session);
  const auto payloads = prepared_payloads(o);
  if (!payloads) return report_usage(payloads.error().what);
  std::signal(SIGINT, note_interrupt);
  std::signal(SIGTERM, note_interrupt);
  load_options load;
  load.router = o.router;
  load.keys = std::move(*keys);
  load.pull = o.pull;
  load.publish = o.bind;
  load.acknowledged = o.publishers;
  load.pushing = o.push;
  load.window = o.window;
  load.heed_retry = !o.unheeding;
  load.name = o.name;
  auto to = load_publishers::connect(load);
  if (!to) return report_failure(to.error());
  if (auto heard = (*to)->wait_for_subscribers(std::chrono::seconds{30}); !heard)
    return report_failure(heard.error());
  const double cpu = own_cpu_seconds();
  const auto start = clock::now();
  if (auto sent = send_all(**to, o, *payloads); !sent) return report_failure(sent.error());
  const double took = seconds_since(start);
  const auto counts = (*to)->counts();
  to->reset();  // waits until what was pushed has gone out
  print_result(counts_json(counts, took, own_cpu_seconds() - cpu), session.format, print_text);
  return counts.refused_requests + counts.rejected == 0 ? exit_code::ok : exit_code::failed;
}

}  // namespace faultline
