// SPDX-License-Identifier: Apache-2.0
#include "lab/study_report.hpp"

#include <algorithm>
#include <cstdio>

namespace faultline {

namespace {

std::string text_of(double v, int digits = 3) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

std::string text_of(const std::optional<double>& v, int digits = 2) {
  return v ? text_of(*v, digits) : "–";
}

std::string range_of(const interval95& r, int digits) {
  return " [" + text_of(r.low, digits) + ", " + text_of(r.high, digits) + "]";
}

std::string text_of(const share_figure& s) {
  return s.of == 0 ? "–" : text_of(s.value, 3) + range_of(s.range, 2);
}

std::string row_of(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const auto& c : cells) line += " " + c + " |";
  return line + "\n";
}

std::string head_of(const std::vector<std::string>& names) {
  std::string line = row_of(names) + "|";
  for (std::size_t i = 0; i < names.size(); ++i) line += "---|";
  return line + "\n";
}

std::string named(const detection_figures& f) {
  return f.detector + " at " + text_of(f.promised_per_month, f.promised_per_month < 10 ? 1 : 0);
}

std::string detection_table(const std::vector<detection_figures>& all) {
  std::string out =
      head_of({"detector at false episodes per entity and month", "paged", "with impact",
               "unseen kinds", "on at some time", "false per entity and month", "under alarm %",
               "precision", "AP", "VUS-PR"});
  for (const auto& f : all)
    out += row_of({named(f), text_of(f.paged), text_of(f.paged_with_impact),
                   text_of(f.paged_unseen), text_of(f.overlapped.value),
                   text_of(f.false_per_month, 2) + range_of(f.false_range, 2),
                   text_of(100 * f.alarm_share, 2), text_of(f.precision, 2),
                   text_of(f.average_precision, 3), text_of(f.vus_pr, 3)});
  return out;
}

std::string time_table(const std::vector<detection_figures>& all) {
  std::string out = head_of({"detector", "abrupt: median delay, ticks", "p90",
                             "progressive: warned 5 min before full effect", "median lead, min",
                             "lead / ramp, linear", "exponential", "realised / promised, pooled",
                             "entities: median", "p90"});
  for (const auto& f : all)
    out += row_of({named(f), text_of(f.delay_median_ticks, 1), text_of(f.delay_p90_ticks, 1),
                   text_of(f.warned), text_of(f.lead_median_min, 0), text_of(f.lead_linear),
                   text_of(f.lead_exponential),
                   text_of(f.ratio_pooled, 2) + range_of(f.ratio_range, 2), text_of(f.ratio_median),
                   text_of(f.ratio_p90)});
  return out;
}

std::vector<detection_figures> figures(const std::vector<detector_outcome>& outcomes,
                                       const std::string& set, std::uint64_t seed) {
  std::vector<detection_figures> out;
  for (const auto& o : outcomes) out.push_back(figures_of(o, set, seed));
  return out;
}

std::string gains(const std::vector<detection_figures>& all) {
  std::string out;
  const detection_figures& own = all.front();
  for (const auto& f : all) {
    const bool other = f.detector != own.detector && f.promised_per_month == own.promised_per_month;
    if (!other || f.paged.value <= 0) continue;
    out += "- against " + named(f) + ": " +
           text_of(100 * (own.paged.value / f.paged.value - 1), 0) + " % in faults paged; it has " +
           text_of(f.false_per_month, 2) + " false episodes per entity and month and " +
           text_of(100 * f.alarm_share, 2) + " % of fault-free time under alarm.\n";
  }
  return out.empty() ? out : "\nGain of " + named(own) + "\n\n" + out;
}

}  // namespace

std::vector<std::string> sets_of(const std::vector<detector_outcome>& outcomes) {
  std::vector<std::string> out;
  for (const auto& o : outcomes)
    for (const auto& e : o.entities)
      if (std::find(out.begin(), out.end(), e.set) == out.end()) out.push_back(e.set);
  if (out.size() > 1) out.emplace_back();
  return out;
}

std::string report_markdown(const std::vector<detector_outcome>& outcomes, std::uint64_t seed) {
  std::string out =
      "# Detection\n\nShares with a 95 % bootstrap interval over cases, rates with a "
      "Poisson interval. A page counts where an episode begins; nothing is "
      "point-adjusted. Oracles chose their threshold on the scored rows: to compare "
      "with, not what a user gets.\n";
  for (const auto& set : sets_of(outcomes)) {
    const auto all = figures(outcomes, set, seed);
    out += "\n## " + all.front().set + ": " + std::to_string(all.front().paged.of) +
           " faults that can be seen (" + std::to_string(all.front().paged_with_impact.of) +
           " with impact, " + std::to_string(all.front().abrupt) + " abrupt, " +
           std::to_string(all.front().warned.of) + " progressive), " +
           text_of(all.front().entity_days, 1) + " fault-free entity-days\n\n";
    out += detection_table(all) + "\n" + time_table(all) + gains(all);
    if (const auto head = head_markdown(head_of(outcomes.front(), set)); !head.empty())
      out += "\n" + head;
  }
  if (!outcomes.empty() && outcomes[0].probabilities.count() > 0)
    out += "\nThe score as a probability: Brier " + text_of(outcomes[0].probabilities.brier(), 4) +
           ", expected calibration error " +
           text_of(outcomes[0].probabilities.expected_error(), 4) + ".\n";
  return out;
}

std::string ablation_markdown(const std::vector<detector_outcome>& outcomes, std::uint64_t seed) {
  std::string out = "# Ablation\n\n" +
                    head_of({"variant", "paged", "difference", "with impact",
                             "false per entity and month", "under alarm %", "abrupt: median delay",
                             "warned 5 min before", "lead / ramp, linear", "AP", "VUS-PR"});
  if (outcomes.empty()) return out;
  const auto all = figures(outcomes, "", seed);
  for (const auto& f : all)
    out += row_of(
        {f.detector, text_of(f.paged), text_of(f.paged.value - all[0].paged.value, 3),
         text_of(f.paged_with_impact), text_of(f.false_per_month, 2) + range_of(f.false_range, 2),
         text_of(100 * f.alarm_share, 2), text_of(f.delay_median_ticks, 1), text_of(f.warned),
         text_of(f.lead_linear), text_of(f.average_precision, 3), text_of(f.vus_pr, 3)});
  return out;
}

}  // namespace faultline
