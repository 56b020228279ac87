// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace faultline {

/// A line with a mark at each of its points.
struct plot_line {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

/// A diagram with both axes, in SVG 1.1 without scripts, fonts or files of others. The same input
/// gives the same bytes.
struct svg_plot {
  std::string title, x_name, y_name;
  bool log_x = false;  ///< points with x <= 0 are left out
  bool unit_y = true;  ///< y from 0 to 1
  std::vector<plot_line> lines;

  std::string text() const;
};

}  // namespace faultline
