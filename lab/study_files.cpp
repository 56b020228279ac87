// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <fstream>
#include <system_error>

#include <nlohmann/json.hpp>

#include "lab/study_report.hpp"
#include "lab/svg_plot.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

json of(const std::optional<double>& v) { return v ? json(*v) : json(nullptr); }
json of(const interval95& r) { return json::array({r.low, r.high}); }
json of(const share_figure& s) {
  return {{"of", s.of}, {"share", s.value}, {"range", of(s.range)}};
}

json of(const detection_figures& f) {
  return {{"detector", f.detector},
          {"promised_per_month", f.promised_per_month},
          {"oracle", f.oracle},
          {"paged", of(f.paged)},
          {"paged_with_impact", of(f.paged_with_impact)},
          {"paged_unseen", of(f.paged_unseen)},
          {"overlapped", of(f.overlapped)},
          {"false_episodes", f.false_episodes},
          {"entity_days", f.entity_days},
          {"false_per_month", f.false_per_month},
          {"false_range", of(f.false_range)},
          {"alarm_share", f.alarm_share},
          {"precision", f.precision},
          {"abrupt", f.abrupt},
          {"delay_median_ticks", of(f.delay_median_ticks)},
          {"delay_p90_ticks", of(f.delay_p90_ticks)},
          {"warned", of(f.warned)},
          {"lead_linear", of(f.lead_linear)},
          {"lead_exponential", of(f.lead_exponential)},
          {"lead_median_min", of(f.lead_median_min)},
          {"ratio_pooled", f.ratio_pooled},
          {"ratio_range", of(f.ratio_range)},
          {"ratio_median", of(f.ratio_median)},
          {"ratio_p90", of(f.ratio_p90)},
          {"average_precision", of(f.average_precision)},
          {"chance", of(f.chance)},
          {"vus_pr", of(f.vus_pr)},
          {"brier", f.brier},
          {"calibration_error", f.calibration_error}};
}

json of(const head_study& h) {
  json out{{"ticks", h.ticks()},
           {"ticks_before_full_effect", h.yes()},
           {"ranking", h.ranking()},
           {"brier", h.probabilities().brier()},
           {"calibration_error", h.probabilities().expected_error()},
           {"ramps", h.ramps()}};
  for (std::size_t l = 0; l < head_study::levels.size(); ++l)
    out["said"].push_back({{"probability", head_study::levels[l]},
                           {"ramps", h.ramps_said(l)},
                           {"false_per_month", h.false_a_month(l)}});
  return out;
}

json cases_of(const detector_outcome& o) {
  json out = json::array();
  for (const auto& f : o.faults)
    out.push_back({{"set", f.set},
                   {"recording", f.recording},
                   {"fault", f.id},
                   {"type", f.type},
                   {"form", f.form},
                   {"visible", f.visible},
                   {"impact", f.impact},
                   {"unseen", f.unseen},
                   {"paged", f.paged},
                   {"delay_ticks", f.paged ? json(f.delay_ticks) : json(nullptr)},
                   {"lead_s", f.paged ? json(f.lead_s) : json(nullptr)},
                   {"effect_s", f.effect_s}});
  return out;
}

svg_plot detection_plot(const std::vector<detector_outcome>& outcomes) {
  svg_plot plot{"Faults paged",
                "false episodes per entity and month",
                "share of visible faults",
                true,
                true,
                {}};
  for (const auto& o : outcomes) {
    const auto f = figures_of(o, "", 1);
    auto line = std::find_if(plot.lines.begin(), plot.lines.end(),
                             [&](const plot_line& l) { return l.name == o.name; });
    if (line == plot.lines.end()) line = plot.lines.insert(line, plot_line{o.name, {}});
    line->points.emplace_back(f.false_per_month, f.paged.value);
  }
  for (auto& line : plot.lines) std::sort(line.points.begin(), line.points.end());
  return plot;
}

/// Share of progressive faults warned of with at least so much of the ramp to go.
svg_plot lead_plot(const std::vector<detector_outcome>& outcomes) {
  svg_plot plot{"Lead of progressive faults",
                "lead as a share of the ramp, at least",
                "share of visible faults",
                false,
                true,
                {}};
  for (const auto& o : outcomes) {
    if (!outcomes.empty() && o.promised_per_month != outcomes[0].promised_per_month) continue;
    std::vector<double> leads;
    for (const auto& f : o.faults)
      if (f.visible && (f.form == "linear" || f.form == "exponential") && f.effect_s > 0)
        leads.push_back(f.paged ? f.lead_s / f.effect_s : -1);
    plot_line line{o.name, {}};
    for (int i = 0; i <= 20 && !leads.empty(); ++i) {
      const double at = 0.05 * i;
      const auto n = std::count_if(leads.begin(), leads.end(), [&](double l) { return l >= at; });
      line.points.emplace_back(at, static_cast<double>(n) / static_cast<double>(leads.size()));
    }
    plot.lines.push_back(std::move(line));
  }
  return plot;
}

svg_plot reliability_plot(const std::vector<detector_outcome>& outcomes) {
  svg_plot plot{"The score as a probability",
                "mean score of a bin",
                "share of rows inside a fault",
                false,
                true,
                {{"as promised", {{0, 0}, {1, 1}}}}};
  for (const auto& o : outcomes) {
    plot_line line{o.name, {}};
    for (const auto& b : o.probabilities)
      if (b.count > 0)
        line.points.emplace_back(b.probability / static_cast<double>(b.count),
                                 b.faults / static_cast<double>(b.count));
    if (!line.points.empty()) plot.lines.push_back(std::move(line));
  }
  return plot;
}

outcome<void> put_text(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out{file, std::ios::binary | std::ios::trunc};
  out << text;
  out.close();
  if (!out) return failure{ec::io_failed, file.string() + " cannot be written"};
  return {};
}

}  // namespace

std::string report_json(const std::vector<detector_outcome>& outcomes, std::uint64_t seed) {
  json root;
  root["seed"] = seed;
  for (const auto& set : sets_of(outcomes)) {
    json rows = json::array();
    for (const auto& o : outcomes) rows.push_back(of(figures_of(o, set, seed)));
    const std::string name = set.empty() ? "pooled" : set;
    root["sets"][name] = std::move(rows);
    const auto head = head_of(outcomes.front(), set);
    if (head.ticks() > 0) root["fault_head"][name] = of(head);
  }
  if (!outcomes.empty()) root["cases"] = cases_of(outcomes.front());
  return root.dump(1) + "\n";
}

outcome<void> write_report(const std::filesystem::path& directory,
                           const std::vector<detector_outcome>& outcomes, std::uint64_t seed,
                           bool ablation) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return failure{ec::io_failed, directory.string() + ": " + failed.message()};
  const std::pair<const char*, std::string> files[] = {
      {"report.md", ablation ? ablation_markdown(outcomes, seed) : report_markdown(outcomes, seed)},
      {"report.json", report_json(outcomes, seed)},
      {"detection.svg", detection_plot(outcomes).text()},
      {"lead.svg", lead_plot(outcomes).text()},
      {"reliability.svg", reliability_plot(outcomes).text()}};
  for (const auto& [name, text] : files)
    if (auto ok = put_text(directory / name, text); !ok) return ok;
  return {};
}

}  // namespace faultline
