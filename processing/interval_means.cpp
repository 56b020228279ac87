// SPDX-License-Identifier: Apache-2.0
#include "processing/interval_means.hpp"

#include <cmath>

#include "processing/made_names.hpp"

namespace faultline {
namespace {

/// The channel of counter @p name; those of one histogram mostly stand side by side.
std::optional<std::size_t> counter_named(const tick_builder& ticks, const std::string& name,
                                         std::size_t near) {
  const auto& all = ticks.channels();
  const auto is = [&](std::size_t c) {
    return c < all.size() && all[c].kind == metric_kind::counter && all[c].name == name;
  };
  for (const auto c : {near - 1, near + 1})
    if (is(c)) return c;
  for (std::size_t c = 0; c < all.size(); ++c)
    if (is(c)) return c;
  return std::nullopt;
}

}  // namespace

std::optional<mean_names> mean_names_of(std::string_view sum) {
  const auto of = counter_name_of(sum, "sum");
  if (!of) return std::nullopt;
  mean_names names{std::string{of->stem}.append("count").append(of->labels), mean_name(*of)};
  if (names.mean.empty()) return std::nullopt;
  return names;
}

void derive_means(tick_builder& ticks, std::size_t nth) {
  const auto sent = ticks.channels().size();
  const auto value_of = [&](std::size_t c) {
    const auto& values = ticks.waiting_tick(nth).values;
    return c < values.size() ? values[c] : std::nan("");
  };
  for (std::size_t c = 0; c < sent; ++c) {
    if (ticks.channels()[c].kind != metric_kind::counter || std::isnan(value_of(c))) continue;
    const auto names = mean_names_of(ticks.channels()[c].name);
    if (!names) continue;
    const auto count = counter_named(ticks, names->count, c);
    if (!count || !(value_of(*count) > 0)) continue;
    const double mean = value_of(c) / value_of(*count);
    if (!std::isfinite(mean)) continue;
    if (const auto to = ticks.derive(names->mean, most_made_channels))
      ticks.set_derived(nth, *to, mean);
  }
}

}  // namespace faultline
