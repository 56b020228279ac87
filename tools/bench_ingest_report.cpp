// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include <nlohmann/json.hpp>

#include "lab/svg_plot.hpp"
#include "messages/event_codec.hpp"
#include "tools/bench_ingest.hpp"
#include "tools/bench_rows.hpp"
#include "tools/output.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

json quantiles(std::vector<double>& values) {
  const auto p = percentiles(values, {0.5, 0.99, 0.999});
  return json{{"p50", p[0]}, {"p99", p[1]}, {"p999", p[2]}};
}

std::string count_of(const json& j, const char* key) {
  return format_count(static_cast<std::uint64_t>(j[key].get<double>()));
}

std::string milliseconds_of(const json& j, const char* key) {
  char text[96];
  std::snprintf(text, sizeof text, "%.2f ms (p50), %.2f ms (p99), %.2f ms (p99.9)",
                j[key]["p50"].get<double>(), j[key]["p99"].get<double>(),
                j[key]["p999"].get<double>());
  return text;
}

outcome<void> write_plot(const std::filesystem::path& file, const svg_plot& plot) {
  std::ofstream out{file};
  out << plot.text();
  out.close();
  return out ? outcome<void>{} : failure{ec::io_failed, "cannot write " + file.string()};
}

svg_plot rate_plot(const ingest_result& r) {
  svg_plot plot{"Observations applied", "seconds", "thousand a second", false, false, {}};
  plot_line rate{"observations", {}}, memory{"memory, MiB", {}};
  for (std::size_t i = 1; i < r.samples.size(); ++i) {
    const auto& a = r.samples[i - 1];
    const auto& b = r.samples[i];
    if (b.seconds > a.seconds)
      rate.points.emplace_back(b.seconds, (b.applied - a.applied) / (b.seconds - a.seconds) / 1e3);
    memory.points.emplace_back(b.seconds, static_cast<double>(b.rss_bytes) / (1 << 20));
  }
  plot.lines = {std::move(rate), std::move(memory)};
  return plot;
}

plot_line quantile_line(std::string name, const std::vector<double>& sorted) {
  plot_line line{std::move(name), {}};
  const std::size_t steps = std::min<std::size_t>(sorted.size(), 200);
  for (std::size_t i = 1; i <= steps; ++i) {
    const std::size_t at = i * sorted.size() / steps;
    line.points.emplace_back(sorted[at - 1],
                             static_cast<double>(at) / static_cast<double>(sorted.size()));
  }
  return line;
}

svg_plot sweep_plot(const std::vector<json>& all) {
  svg_plot plot{"Observations by events in a request",
                "events in a request",
                "thousand a second",
                true,
                false,
                {}};
  std::map<std::string, plot_line> lines;
  for (const json& j : all) {
    const auto name = count_of(j, "entities") + " x " + count_of(j, "metrics");
    lines.try_emplace(name, plot_line{name, {}});
    lines[name].points.emplace_back(j["batch"].get<double>(),
                                    j["observations_per_second"].get<double>() / 1e3);
  }
  for (auto& [name, line] : lines) plot.lines.push_back(std::move(line));
  return plot;
}

json figures_of(const ingest_bench_options& o, ingest_report& report) {
  const ingest_case& c = report.of;
  ingest_result& r = report.result;
  const auto observations = static_cast<double>(r.sent - r.shed - r.rejected);
  const double samples = observations * static_cast<double>(c.metrics);
  const double rate = r.seconds > 0 ? observations / r.seconds : 0;
  return json{
      {"observations_per_second", rate},
      {"samples_per_second", rate * static_cast<double>(c.metrics)},
      {"server_cpu_seconds_per_million_samples", samples > 0 ? r.server_cpu / (samples / 1e6) : 0},
      {"server_rss_peak_bytes", r.rss_peak},
      {"server_written_bytes", r.written_bytes},
      {"latency_ms", quantiles(r.decision_ms)},
      {"decisions", r.decision_ms.size()},
      {"acknowledged_ms", quantiles(r.acknowledged_ms)},
      {"sent", r.sent},
      {"accepted", r.accepted},
      {"shed", r.shed},
      {"lost", r.lost},
      {"duplicated", r.duplicated},
      {"entities", c.entities},
      {"metrics", c.metrics},
      {"batch", c.batch},
      {"seconds", r.seconds},
      {"seconds_to_last_ack", r.acknowledged_in},
      {"ticks", r.ticks},
      {"ticks_scored", r.scored},
      {"ticks_degraded", r.degraded},
      {"rejected", r.rejected},
      {"refused_requests", r.refused},
      {"retry_replies", r.retries},
      {"resent_requests", r.resent},
      {"publishers", {{"acknowledged", o.publishers}, {"push", o.push}, {"pub", o.pub}}},
      {"rate_asked", o.rate},
      {"zipf", o.zipf},
      {"active", o.active},
      {"churn", o.churn},
      {"window", o.window},
      {"server_cpu_seconds", r.server_cpu},
      {"publisher_cpu_us_per_observation", observations > 0 ? r.own_cpu * 1e6 / observations : 0}};
}

void print_one(const json& j) {
  const auto number = [&](const char* key) { return j[key].get<double>(); };
  std::printf("%s observations/s (%s samples/s), %s entities x %s metrics, %.1f s\n",
              count_of(j, "observations_per_second").c_str(),
              count_of(j, "samples_per_second").c_str(), count_of(j, "entities").c_str(),
              count_of(j, "metrics").c_str(), number("seconds"));
  std::printf("sent %s, lost %s, duplicated %s, rejected %s, shed %s\n",
              count_of(j, "sent").c_str(), count_of(j, "lost").c_str(),
              count_of(j, "duplicated").c_str(), count_of(j, "rejected").c_str(),
              count_of(j, "shed").c_str());
  std::printf("decided after %s; %s alerts\n", milliseconds_of(j, "latency_ms").c_str(),
              count_of(j, "decisions").c_str());
  std::printf("acknowledged after %s\n", milliseconds_of(j, "acknowledged_ms").c_str());
  std::printf("server: %.3f CPU seconds per million samples, peak memory %s, %s written\n",
              number("server_cpu_seconds_per_million_samples"),
              format_bytes(j["server_rss_peak_bytes"].get<std::uint64_t>()).c_str(),
              format_bytes(j["server_written_bytes"].get<std::uint64_t>()).c_str());
  std::printf(
      "ticks scored with the LSTM %.0f, without it %.0f; publisher %.2f us per observation\n",
      number("ticks_scored"), number("ticks_degraded"), number("publisher_cpu_us_per_observation"));
}

void print_sweep(const std::vector<json>& all) {
  std::vector<std::vector<std::string>> rows;
  for (const json& j : all) {
    char cpu[32], p99[32];
    std::snprintf(cpu, sizeof cpu, "%.3f",
                  j["server_cpu_seconds_per_million_samples"].get<double>());
    std::snprintf(p99, sizeof p99, "%.1f", j["latency_ms"]["p99"].get<double>());
    rows.push_back({count_of(j, "entities"), count_of(j, "metrics"), count_of(j, "batch"),
                    count_of(j, "observations_per_second"), count_of(j, "samples_per_second"), cpu,
                    format_bytes(j["server_rss_peak_bytes"].get<std::uint64_t>()),
                    format_bytes(j["server_written_bytes"].get<std::uint64_t>()), p99,
                    count_of(j, "lost")});
  }
  std::fputs(format_table({"entities", "metrics", "batch", "observations/s", "samples/s", "CPU s/M",
                           "memory", "written", "decided p99 ms", "lost"},
                          rows, colours::of(1))
                 .c_str(),
             stdout);
}

std::vector<json> figures_of(const ingest_bench_options& o, std::vector<ingest_report>& all) {
  std::vector<json> figures;
  for (ingest_report& one : all) figures.push_back(figures_of(o, one));
  return figures;
}

}  // namespace

std::pair<std::vector<ingest_case>, std::vector<std::string>> ingest_cases(
    const ingest_bench_options& o) {
  std::vector<ingest_case> cases;
  std::vector<std::string> skipped;
  for (const std::size_t entities : o.entities)
    for (const std::size_t metrics : o.metrics)
      for (const std::size_t batch : o.batch) {
        const std::size_t rows = std::min(batch, entities);
        bench_rows sized{rows, metrics, rows, o.seed};
        const std::size_t bytes = sized.fill(0).size();
        if (bytes <= payload_limits::bytes)
          cases.push_back({entities, metrics, batch});
        else
          skipped.push_back(format_count(batch) + " events of " + format_count(metrics) +
                            " metrics are " + format_bytes(bytes) +
                            ": more than a payload may have, skipped");
      }
  return {std::move(cases), std::move(skipped)};
}

std::string ingest_json(const ingest_bench_options& o, std::vector<ingest_report>& all) {
  const auto figures = figures_of(o, all);
  return (figures.size() == 1 ? figures.front() : json(figures)).dump(2);
}

void print_ingest(const ingest_bench_options& o, std::vector<ingest_report>& all) {
  const auto figures = figures_of(o, all);
  if (figures.size() == 1)
    print_one(figures.front());
  else
    print_sweep(figures);
}

outcome<void> plot_ingest(const ingest_bench_options& o, std::vector<ingest_report>& all) {
  const std::filesystem::path into{o.plot};
  std::error_code error;
  std::filesystem::create_directories(into, error);
  if (error) return failure{ec::io_failed, o.plot + ": " + error.message()};
  const auto figures = figures_of(o, all);
  if (all.size() > 1) return write_plot(into / "sweep.svg", sweep_plot(figures));
  const ingest_result& last = all.front().result;
  if (auto done = write_plot(into / "rate.svg", rate_plot(last)); !done) return done;
  svg_plot latency{"From sending to", "milliseconds", "share", true, true, {}};
  latency.lines = {quantile_line("decision", last.decision_ms),
                   quantile_line("acknowledgement", last.acknowledged_ms)};
  return write_plot(into / "latency.svg", latency);
}

}  // namespace faultline
