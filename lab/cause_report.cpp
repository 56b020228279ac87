// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "lab/cause_study.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

std::string fixed(double v, int digits) {
  if (!std::isfinite(v)) return "–";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

double less_than(double ours, double other) { return other > 0 ? 100 * (1 - ours / other) : 0; }

std::string head_of(const cause_figures& f) {
  return std::to_string(f.faults()) + " faults; a random order has AC@1/3/5 " +
         fixed(f.chance_within(1), 2) + "/" + fixed(f.chance_within(3), 2) + "/" +
         fixed(f.chance_within(5), 2) + " and inspects " + fixed(f.by_chance(), 1) +
         "; alerts by severity " + fixed(f.by_alerts(), 2) + "\n\n";
}

std::string line_of(const cause_row& r) {
  const cause_figures& f = r.figures;
  const interval95 i = f.first_interval();
  std::string text = "| " + r.method + " | " + fixed(f.within(1), 3) + " [" + fixed(i.low, 2) +
                     ", " + fixed(i.high, 2) + "]";
  for (const double v : {f.within(3), f.within(5), f.average5(), f.reciprocal()})
    text += " | " + fixed(v, 3);
  text += " | " + fixed(f.inspected(), 2) + " | " + fixed(f.abstained(), 2) + " | " +
          fixed(f.first_unless_abstained(), 3) + " | " +
          fixed(f.calibration().expected_error(), 3) + " | " + fixed(f.calibration().brier(), 3) +
          " | ";
  if (r.quiet > 0) {
    text += fixed(static_cast<double>(r.quiet_silent) / static_cast<double>(r.quiet), 3) + " of " +
            std::to_string(r.quiet);
  } else {
    text += "–";
  }
  return text + " |\n";
}

json json_of(const cause_row& r) {
  const cause_figures& f = r.figures;
  json out{{"method", r.method},
           {"faults", f.faults()},
           {"AC@1", f.within(1)},
           {"AC@3", f.within(3)},
           {"AC@5", f.within(5)},
           {"Avg@5", f.average5()},
           {"MRR", f.reciprocal()},
           {"inspected", f.inspected()},
           {"by_alerts", f.by_alerts()},
           {"by_chance", f.by_chance()},
           {"abstained", f.abstained()},
           {"ECE", f.calibration().expected_error()},
           {"Brier", f.calibration().brier()}};
  if (r.quiet > 0) {
    out["quiet"] = r.quiet;
    out["specificity"] = static_cast<double>(r.quiet_silent) / static_cast<double>(r.quiet);
  }
  return out;
}

std::vector<std::string> sets_in(const std::vector<cause_row>& rows) {
  std::vector<std::string> sets;
  for (const cause_row& r : rows)
    if (sets.empty() || sets.back() != r.set) sets.push_back(r.set);
  std::vector<std::string> once;
  for (const std::string& s : sets)
    if (std::find(once.begin(), once.end(), s) == once.end()) once.push_back(s);
  return once;
}

/// Entities inspected, over the faults of all sets but one.
std::string effort_of(const std::vector<cause_row>& rows, const std::string& apart) {
  double faults = 0, ours = 0, alerts = 0;
  const std::string product = rows.front().method;
  for (const cause_row& r : rows) {
    if (r.method != product || r.set == apart) continue;
    const auto n = static_cast<double>(r.figures.faults());
    faults += n;
    ours += n * r.figures.inspected();
    alerts += n * r.figures.by_alerts();
  }
  if (faults == 0) return {};
  return "Inspected until the cause is found, pooled without " + apart + ": " +
         fixed(ours / faults, 2) + " entities, walking the alerts by severity " +
         fixed(alerts / faults, 2) + ": " + fixed(less_than(ours, alerts), 0) + " % fewer, over " +
         std::to_string(static_cast<std::size_t>(faults)) + " faults.\n";
}

}  // namespace

std::string cause_markdown(const cause_study& study, const std::string& apart) {
  const auto& rows = study.rows();
  if (rows.empty()) return "No fault was asked about.\n";
  std::string text;
  for (const std::string& set : sets_in(rows)) {
    bool head = false;
    for (const cause_row& r : rows) {
      if (r.set != set) continue;
      if (!head)
        text +=
            "### " + set + ": " + head_of(r.figures) +
            "|  | AC@1 [95 %] | AC@3 | AC@5 | Avg@5 | MRR | inspected | abstained | AC@1 if not "
            "| ECE | Brier | specificity |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n";
      head = true;
      text += line_of(r);
    }
    text += "\n";
  }
  text += effort_of(rows, apart);
  const auto [ms, count] = study.slowest_ms(150);
  if (count > 0)
    text += "Windows to ranked list, 150 entities and more: 95th percentile " + fixed(ms, 1) +
            " ms, " + std::to_string(count) + " questions.\n";
  return text;
}

std::string cause_json(const cause_study& study) {
  json sets = json::object();
  for (const cause_row& r : study.rows()) sets[r.set].push_back(json_of(r));
  const auto [ms, count] = study.slowest_ms(150);
  json out{{"sets", std::move(sets)}};
  if (count > 0) out["large"] = {{"p95_ms", ms}, {"questions", count}};
  return out.dump(2) + "\n";
}

}  // namespace faultline
