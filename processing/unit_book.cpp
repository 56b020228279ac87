// SPDX-License-Identifier: Apache-2.0
#include "processing/unit_book.hpp"

#include "messages/units.hpp"

namespace faultline {

void unit_book::learn(std::string_view metric, std::string_view unit) {
  if (metric.empty() || metric.size() > longest || unit.empty()) return;
  const std::lock_guard<std::mutex> lock{mutex_};
  if (const auto known = told_.find(std::string{metric}); known != told_.end())
    known->second = unit;
  else if (told_.size() < most)
    told_.emplace(metric, unit);
}

std::string_view unit_book::told(std::string_view metric) const {
  const std::lock_guard<std::mutex> lock{mutex_};
  const auto found = told_.find(std::string{metric});
  return found == told_.end() ? std::string_view{} : found->second;
}

std::string_view unit_book::of(std::string_view metric) const {
  if (const auto said = unit_of(metric); !said.empty()) return said;
  const auto family = metric.substr(0, metric.find('{'));
  if (const auto unit = told(family); !unit.empty()) return unit;
  for (const std::string_view made : {"mean", "p99", "q99"}) {
    if (family.size() < made.size() + 2 || family.substr(family.size() - made.size()) != made)
      continue;
    const auto stem = family.substr(0, family.size() - made.size());
    if (stem.back() == '.' || stem.back() == '_') return told(std::string{stem}.append("sum"));
  }
  return {};
}

}  // namespace faultline
