// SPDX-License-Identifier: Apache-2.0
#include "lab/told_faults.hpp"

#include <algorithm>
#include <cstdio>

#include "lab/rng.hpp"
#include "lab/simulator.hpp"
#include "messages/identity.hpp"

namespace faultline {
namespace {

constexpr std::int64_t day_s = 86'400;
constexpr double usual_errors = 0.02;  // of its lines, as the simulator writes them

enum class trouble : std::uint8_t { new_error, new_warning, more_errors };
constexpr std::array troubles{trouble::new_error, trouble::new_warning, trouble::more_errors};
constexpr std::array names{"new error", "new warning", "more errors"};

constexpr std::array new_errors{"unhandled exception in the worker loop: index out of bounds",
                                "cannot parse the answer of the upstream: unexpected end of input",
                                "transaction rolled back: serialisation failure",
                                "checksum of the segment does not match, giving up"};
constexpr std::array new_warnings{"falling back to the default currency table",
                                  "retrying with a fresh session, the old one was refused",
                                  "certificate chain is incomplete, continuing anyway",
                                  "deprecated call used by a client of version 3"};

class teller {
public:
  teller(const told_fault_options& o, std::size_t number, telemetry& into)
      : rng_{o.seed * 1000 + number, "told faults"}, t_{&into} {}

  fault_label tell(std::size_t n, event_time start) {
    const auto kind = troubles[n % troubles.size()];
    const auto last = seconds{30 * 60 + static_cast<std::int64_t>(rng_.below(1800))};
    const std::string root = service();
    fault_label f;
    f.id = "told-" + std::to_string(n);
    f.start = start;
    f.end = start + last;
    f.roots = f.entities = {root};
    f.type = names[n % names.size()];
    f.visible = true;
    write(root, start, last, rng_.uniform(1.0, 4.0), kind);
    for (const auto& e : t_->edges) {
      if (e.to != root || e.kind != edge_kind::calls) continue;
      f.entities.push_back(e.from);
      write(e.from, start, last, 0.25, trouble::more_errors);
    }
    return f;
  }

private:
  std::string service() {
    std::vector<const std::string*> all;
    for (const auto& e : t_->entities)
      if (!e.metrics.empty() && e.id.rfind("host/", 0) != 0) all.push_back(&e.id);
    return *all[rng_.below(all.size())];
  }
  void write(const std::string& entity, event_time start, seconds last, double a_minute,
             trouble kind) {
    const auto pick = rng_.below(4);
    for (auto at = start; at < start + last;) {
      at += milliseconds{1 + static_cast<std::int64_t>(rng_.exponential(60'000 / a_minute))};
      log_line line{at, entity, log_severity::error, {}};
      if (kind == trouble::new_error)
        line.body = std::string{new_errors[pick]} + " (" + to_hex(rng_.next()) + ")";
      if (kind == trouble::new_warning)
        line.body = new_warnings[pick], line.severity = log_severity::warn;
      if (kind == trouble::more_errors)
        line.body = "request " + to_hex(rng_.next()) + " failed: upstream error";
      t_->logs.push_back(std::move(line));
    }
  }

  random_source rng_;
  telemetry* t_;
};

/// Scores both ways of looking at one system.
void add(const told_system& s, const char* way, const evaluation_input& input,
         detection_study& found, cause_study& causes, const evaluation_models& models,
         const evaluation_progress& progress) {
  found.add(way, input, s.truth, models, progress);
  causes.add(way, input, s.truth, models);
}

}  // namespace

outcome<told_system> told_fault_system(const told_fault_options& o, std::size_t number) {
  simulation_options made = split_system(data_split::test, 7000 * o.seed + number);
  random_source rng{made.seed, "size of a told system"};
  made.services = 8 + rng.below(9);
  made.interval = seconds{60};
  made.duration = seconds{o.days * day_s};
  made.train_share = 0.5;
  made.quiet = true;
  made.log_lines_per_hour = o.lines_per_hour;
  made.name = "told/" + std::to_string(number);
  auto system = simulate(made);
  if (!system) return system.error();
  told_system out{{std::move(system->observed), {}}, {}};
  auto& t = out.input.scored;
  out.truth.benign = system->truth.benign;
  out.truth.early_s = 0;
  teller tell{o, number, t};
  const auto span = seconds{o.days * day_s / 2};
  for (std::size_t n = 0; n < o.faults; ++n) {
    const auto at = (2 * n + 1) * static_cast<std::uint64_t>(span.count()) / (2 * o.faults);
    out.truth.faults.push_back(tell.tell(n + number, t.train_until + seconds{at}));
  }
  std::stable_sort(t.logs.begin(), t.logs.end(),
                   [](const log_line& a, const log_line& b) { return a.ts < b.ts; });
  return out;
}

evaluation_input without_logs(evaluation_input input) {
  input.scored.logs.clear();
  if (input.training) input.training->logs.clear();
  return input;
}

outcome<std::vector<told_fault_row>> study_told_faults(const told_fault_options& o,
                                                       const evaluation_options& judge,
                                                       const evaluation_models& models,
                                                       const evaluation_progress& progress) {
  study_options studied;
  studied.variants.push_back({"faultline", judge, models.forecast != nullptr, false});
  studied.baselines = false;
  cause_study_options caused;
  caused.judge = judge;
  caused.variants = {{"faultline", {}}};
  caused.baselines = false;
  caused.own = true;
  caused.quiet = 0;
  detection_study found{studied};
  cause_study causes{caused};
  for (std::size_t n = 0; n < o.systems; ++n) {
    const auto system = told_fault_system(o, n);
    if (!system) return system.error();
    add(*system, "metrics only", without_logs(system->input), found, causes, models, progress);
    add(*system, "+ logs", system->input, found, causes, models, progress);
  }
  const auto outcomes = found.finish();
  std::vector<told_fault_row> rows;
  for (const char* way : {"metrics only", "+ logs"}) {
    told_fault_row row;
    row.way = way;
    row.found = figures_of(outcomes.front(), way, o.seed);
    for (const auto& r : causes.rows()) {
      if (r.set != way) continue;
      if (r.method == "faultline") row.given = r.figures;
      if (r.method == "faultline, own onset") row.own = r.figures;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string told_fault_markdown(const std::vector<told_fault_row>& rows) {
  std::string out =
      "| | faults | paged | false pages, entity and month (promised) | under alarm | AC@1 / AC@3, "
      "start given | AC@1 / AC@3, own onset |\n|---|---|---|---|---|---|---|\n";
  for (const auto& r : rows) {
    char text[256];
    std::snprintf(
        text, sizeof text,
        "| %s | %zu | %.3f [%.3f, %.3f] | %.2f [%.2f, %.2f] (%g) | %.2f %% | %.3f / %.3f | "
        "%.3f / %.3f |\n",
        r.way.c_str(), r.found.paged.of, r.found.paged.value, r.found.paged.range.low,
        r.found.paged.range.high, r.found.false_per_month, r.found.false_range.low,
        r.found.false_range.high, r.found.promised_per_month, 100 * r.found.alarm_share,
        r.given.within(1), r.given.within(3), r.own.within(1), r.own.within(3));
    out += text;
  }
  return out;
}

}  // namespace faultline
