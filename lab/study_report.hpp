// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lab/detection_study.hpp"

namespace faultline {

/// Sets named by the outcomes, in the order they came, and "" for pooled when there are several.
std::vector<std::string> sets_of(const std::vector<detector_outcome>& outcomes);

/// Markdown: for each set a table of detection, one of times and one of rates, per detector. An
/// oracle is called one.
std::string report_markdown(const std::vector<detector_outcome>& outcomes, std::uint64_t seed);

/// Markdown: one line per variant, pooled, with the difference to the first.
std::string ablation_markdown(const std::vector<detector_outcome>& outcomes, std::uint64_t seed);

/// All figures with their intervals, and what came of each fault and entity.
std::string report_json(const std::vector<detector_outcome>& outcomes, std::uint64_t seed);

/// Writes report.md, report.json, detection.svg (share of faults paged against false episodes),
/// lead.svg (lead as a share of the ramp) and reliability.svg. @returns ec::io_failed.
outcome<void> write_report(const std::filesystem::path& directory,
                           const std::vector<detector_outcome>& outcomes, std::uint64_t seed,
                           bool ablation);

}  // namespace faultline
