// SPDX-License-Identifier: Apache-2.0
#include "lab/headline.hpp"

#include <algorithm>
#include <cstdio>

#include "lab/injector.hpp"

namespace faultline {

namespace {

namespace fs = std::filesystem;
using taker = std::function<void(study_recording)>;

constexpr event_time prevent_trains_until = event_time_of(1'576'368'000'000);  // 15 Dec 2019

std::vector<fs::path> recordings_below(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code failed;
  for (const auto& item : fs::directory_iterator{folder, failed})
    if (fs::exists(item.path() / "recording.json")) out.push_back(item.path());
  std::sort(out.begin(), out.end());
  return out;
}

bool is_cloudwatch(const fs::path& recording) {
  const std::string name = recording.filename().string();
  for (const char* prefix : {"ec2_", "rds_", "elb_", "grok_", "iio_"})
    if (name.rfind(prefix, 0) == 0) return true;
  return false;
}

outcome<injected_recording> injected(const fs::path& path, const injection_options& o) {
  auto observed = read_telemetry(path);
  if (!observed) return observed.error();
  const auto truth = read_labels(path);
  if (!truth) return truth.error();
  return inject_faults(std::move(*observed), *truth, o);
}

outcome<void> real_sets(const headline_options& o, const taker& take) {
  for (const char* set : {"smd", "nab"}) {
    const auto paths = recordings_below(o.data / set);
    if (paths.empty()) return failure{ec::not_found, (o.data / set).string() + ": no recordings"};
    for (const auto& path : paths) {
      if (std::string{set} == "nab" && !is_cloudwatch(path)) continue;
      injection_options how;
      how.seed = o.seed;
      auto made = injected(path, how);
      if (!made) return made.error();
      take({std::string{set} + ", injected",
            {std::move(made->observed), {}},
            std::move(made->truth)});
    }
  }
  return {};
}

// The nodes of the cluster have no edges between them: each is a recording of its own.
outcome<void> prevent(const headline_options& o, const taker& take) {
  const fs::path path = o.data / "prevent-dev" / "normal";
  injection_options how;
  how.seed = o.seed;
  how.train_until = prevent_trains_until;
  auto made = injected(path, how);
  if (!made) return made.error();
  for (auto& one : split_entities(made->observed, made->truth))
    take({"prevent, injected", {std::move(one.observed), {}}, std::move(one.truth)});
  auto normal = read_telemetry(path);
  if (!normal) return normal.error();
  normal->train_until = prevent_trains_until;
  take({"prevent, as it is", {std::move(*normal), {}}, {}});
  return {};
}

outcome<void> simulated(const headline_options& o, bool quiet, const taker& take) {
  const std::size_t count = quiet ? (o.systems + 1) / 2 : o.systems;
  for (std::size_t n = 0; n < count; ++n) {
    simulation_options s = split_system(data_split::test, 1000 * o.seed + n + (quiet ? 500 : 0));
    s.interval = seconds{60};
    s.duration = seconds{o.days * 86'400};
    s.train_share = 0.25;
    s.random_faults = o.faults_a_system;
    s.quiet = quiet;
    auto made = simulate(s);
    if (!made) return made.error();
    take({quiet ? "simulated, quiet" : "simulated",
          {std::move(made->observed), {}},
          std::move(made->truth)});
  }
  return {};
}

std::string number(double v, int digits) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

std::string bar(const std::string& what, const std::string& wanted, const std::string& measured,
                bool holds) {
  return "| " + what + " | " + wanted + " | " + measured + " | " + (holds ? "yes" : "**no**") +
         " |\n";
}

std::string at_least(const std::string& what, double wanted, const share_figure& s) {
  return bar(what, "at least " + number(wanted, 3),
             number(s.value, 3) + " [" + number(s.range.low, 2) + ", " + number(s.range.high, 2) +
                 "] of " + std::to_string(s.of),
             s.of > 0 && s.value >= wanted);
}

std::string median_bar(const std::string& what, double wanted, const std::optional<double>& v,
                       bool at_most) {
  return bar(what, (at_most ? "at most " : "at least ") + number(wanted, 2),
             v ? number(*v, 2) : "–", v && (at_most ? *v <= wanted : *v >= wanted));
}

const detector_outcome* find(const std::vector<detector_outcome>& all, const std::string& name,
                             double per_month) {
  for (const auto& o : all)
    if (o.name == name && o.promised_per_month == per_month) return &o;
  return nullptr;
}

std::string gain_bar(const std::vector<detector_outcome>& all, const detection_figures& own,
                     const std::string& name, double wanted, std::uint64_t seed) {
  const auto* other = find(all, name, own.promised_per_month);
  if (other == nullptr) return {};
  const auto f = figures_of(*other, "", seed);
  const double gain = f.paged.value > 0 ? own.paged.value / f.paged.value - 1 : 0;
  return bar("gain over " + name, "at least +" + number(100 * wanted, 0) + " %",
             number(100 * gain, 0) + " % (it pages " + number(f.paged.value, 3) + " with " +
                 number(f.false_per_month, 1) + " false a month, " +
                 number(100 * f.alarm_share, 1) + " % under alarm)",
             gain >= wanted || f.paged.value == 0);
}

std::string promise_bars(const std::vector<detector_outcome>& all, std::uint64_t seed) {
  std::string out;
  const auto* day = find(all, all[0].name, 30);
  for (const char* set : {"simulated, quiet", "prevent, as it is"}) {
    const auto month = figures_of(all[0], set, seed);
    if (month.entity_days <= 0) continue;
    const auto& r = month.ratio_range;
    out +=
        bar(std::string{set} + ": realised / promised, pooled at 1 a month", "interval contains 1",
            number(month.ratio_pooled, 2) + " [" + number(r.low, 2) + ", " + number(r.high, 2) +
                "] over " + number(month.entity_days, 0) + " entity-days",
            r.low <= 1 && 1 <= r.high);
    if (day == nullptr) continue;
    const auto f = figures_of(*day, set, seed);
    const bool holds =
        f.ratio_median && *f.ratio_median >= 0.7 && *f.ratio_median <= 1.4 && *f.ratio_p90 <= 3;
    out += bar(std::string{set} + ": by entity at 1 a day, median and p90", "0.7 to 1.4, at most 3",
               f.ratio_median ? number(*f.ratio_median, 2) + ", " + number(*f.ratio_p90, 2) : "–",
               holds);
  }
  return out;
}

}  // namespace

outcome<void> headline_recordings(const headline_options& o, const taker& take) {
  if (!o.data.empty()) {
    if (auto ok = real_sets(o, take); !ok) return ok;
    if (auto ok = prevent(o, take); !ok) return ok;
  }
  if (auto ok = simulated(o, false, take); !ok) return ok;
  return simulated(o, true, take);
}

std::string headline_bars(const std::vector<detector_outcome>& outcomes, std::uint64_t seed) {
  if (outcomes.empty()) return {};
  const auto own = figures_of(outcomes[0], "", seed);
  std::string out = "# Bars\n\n| measure | bar | measured | holds |\n|---|---|---|---|\n";
  out += at_least("visible faults paged, 1 false episode per entity and month", 0.85, own.paged);
  out += at_least("of those with impact", 0.923, own.paged_with_impact);
  out += bar("fault-free time under alarm", "at most 1 %", number(100 * own.alarm_share, 2) + " %",
             own.alarm_share <= 0.01);
  for (const char* kind : {"", ", oracle"}) {
    out += gain_bar(outcomes, own, std::string{"one global k-sigma"} + kind, 0.34, seed);
    out += gain_bar(outcomes, own, std::string{"limits per entity"} + kind, 0.10, seed);
  }
  out += at_least("progressive: warned 5 min before full effect", 0.80, own.warned);
  out += median_bar("lead as a share of the ramp, linear, median", 0.40, own.lead_linear, false);
  out += median_bar("likewise, exponential", 0.15, own.lead_exponential, false);
  out += median_bar("abrupt: delay after the first visible effect, ticks, median", 2,
                    own.delay_median_ticks, true);
  return out + promise_bars(outcomes, seed);
}

}  // namespace faultline
