// SPDX-License-Identifier: Apache-2.0
#include "lab/told_faults.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <map>
#include <unordered_map>

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

/// Puts faults into spans that are there.
class tracer {
public:
  tracer(const told_fault_options& o, std::size_t number, telemetry& into)
      : rng_{o.seed * 1000 + number, "faults told in spans"},
        t_{&into},
        operations_{o.shown == told_in::operations} {
    for (std::size_t i = 0; i < into.spans.size(); ++i) by_id_.emplace(into.spans[i].span, i);
  }

  fault_label tell(std::size_t n, event_time start) {
    const bool slow = n % 2 == 0;
    const auto last = seconds{30 * 60 + static_cast<std::int64_t>(rng_.below(1800))};
    fault_label f;
    f.id = "told-" + std::to_string(n);
    f.start = start;
    f.end = start + last;
    f.type = operations_ ? slow ? "slow operation" : "failing operation"
             : slow      ? "slow calls"
                         : "failing calls";
    f.visible = true;
    const auto mine = operations_ ? asked(f.start, f.end) : called(f.start, f.end);
    const double how_much = slow ? rng_.uniform(3, 8) : rng_.uniform(0.3, 0.8);
    for (const auto at : mine) slow ? delay(at, how_much) : fail(at, how_much);
    const std::string root = t_->spans[mine.front()].entity;
    f.roots = f.entities = {root};
    for (const auto& e : t_->edges)
      if (e.to == root && e.kind == edge_kind::calls) f.entities.push_back(e.from);
    return f;
  }

private:
  /// The spans from @p from to @p to of one entity that is called then, drawn by its calls.
  std::vector<std::size_t> called(event_time from, event_time to) {
    std::vector<std::size_t> all, mine;
    for (std::size_t i = 0; i < t_->spans.size(); ++i)
      if (const auto& s = t_->spans[i]; s.ts >= from && s.ts < to && !s.parent.empty())
        all.push_back(i);
    const std::string root = t_->spans[all.at(rng_.below(all.size()))].entity;
    for (const auto i : all)
      if (t_->spans[i].entity == root) mine.push_back(i);
    return mine;
  }
  /// The spans from @p from to @p to of one entity's operation that is rare.
  std::vector<std::size_t> asked(event_time from, event_time to) {
    std::map<std::string, std::size_t> all;
    for (const auto& s : t_->spans) ++all[s.entity];
    std::map<std::pair<std::string, std::string>, std::size_t> of;
    for (const auto& s : t_->spans) ++of[{s.entity, s.operation}];
    std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> rare;
    for (std::size_t i = 0; i < t_->spans.size(); ++i) {
      const auto& s = t_->spans[i];
      if (s.ts < from || s.ts >= to || s.parent.empty()) continue;
      if (12.5 * static_cast<double>(of[{s.entity, s.operation}]) <
          static_cast<double>(all[s.entity]))
        rare[{s.entity, s.operation}].push_back(i);
    }
    for (auto at = rare.begin(); at != rare.end();)
      at = at->second.size() < 5 ? rare.erase(at) : std::next(at);
    if (rare.empty()) return called(from, to);
    return std::next(rare.begin(), static_cast<std::ptrdiff_t>(rng_.below(rare.size())))->second;
  }
  span_row* caller_of(const span_row& s) {
    const auto found = by_id_.find(s.parent);
    return found == by_id_.end() ? nullptr : &t_->spans[found->second];
  }
  void delay(std::size_t at, double factor) {
    const auto more =
        static_cast<std::uint64_t>((factor - 1) * static_cast<double>(t_->spans[at].duration_us));
    for (span_row* s = &t_->spans[at]; s != nullptr; s = caller_of(*s)) s->duration_us += more;
  }
  void fail(std::size_t at, double share) {
    if (!rng_.chance(share)) return;
    span_row* s = &t_->spans[at];
    s->status = span_status::error;
    while ((s = caller_of(*s)) != nullptr && rng_.chance(0.5)) s->status = span_status::error;
  }

  random_source rng_;
  telemetry* t_;
  bool operations_;
  std::unordered_map<std::string, std::size_t> by_id_;
};

template <class Teller>
std::vector<fault_label> told(const told_fault_options& o, std::size_t number, telemetry& t) {
  Teller tell{o, number, t};
  std::vector<fault_label> faults;
  const auto span = seconds{o.days * day_s / 2};
  for (std::size_t n = 0; n < o.faults; ++n) {
    const auto at = (2 * n + 1) * static_cast<std::uint64_t>(span.count()) / (2 * o.faults);
    faults.push_back(tell.tell(n + number, t.train_until + seconds{at}));
  }
  return faults;
}

/// A way of looking at a system.
struct look {
  const char* name;
  bool logs, spans;
};
constexpr std::array looks{look{"metrics only", false, false}, look{"+ logs", true, false},
                           look{"+ spans", false, true}, look{"+ logs and spans", true, true}};

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
  made.traces_per_minute = o.traces_per_minute;
  if (o.shown == told_in::operations) made.operations = 3;
  made.name = "told/" + std::to_string(number);
  auto system = simulate(made);
  if (!system) return system.error();
  told_system out{{std::move(system->observed), {}}, {}};
  auto& t = out.input.scored;
  out.truth.benign = system->truth.benign;
  out.truth.early_s = 0;
  out.truth.faults =
      o.shown == told_in::logs ? told<teller>(o, number, t) : told<tracer>(o, number, t);
  std::stable_sort(t.logs.begin(), t.logs.end(),
                   [](const log_line& a, const log_line& b) { return a.ts < b.ts; });
  return out;
}

evaluation_input told_less(evaluation_input input, bool logs, bool spans) {
  for (auto* t : {&input.scored, input.training ? &*input.training : nullptr}) {
    if (t == nullptr) continue;
    if (logs) t->logs.clear();
    if (spans) t->spans.clear();
  }
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
    for (const auto& l : looks) {
      const auto seen = told_less(system->input, !l.logs, !l.spans);
      found.add(l.name, seen, system->truth, models, progress);
      causes.add(l.name, seen, system->truth, models);
    }
  }
  const auto outcomes = found.finish();
  std::vector<told_fault_row> rows;
  for (const auto& l : looks) {
    told_fault_row row;
    row.way = l.name;
    row.found = figures_of(outcomes.front(), row.way, o.seed);
    for (const auto& r : causes.rows()) {
      if (r.set != row.way) continue;
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
