// SPDX-License-Identifier: Apache-2.0
#include "processing/interval_means.hpp"

#include <cmath>

#include "messages/event_codec.hpp"
#include "messages/units.hpp"
#include "processing/roles.hpp"

namespace faultline {
namespace {

constexpr std::string_view sum_word = "sum";
/// Beyond so many channels no new mean is made: the rest is for what is sent.
constexpr std::size_t most_with_means = 192;

bool is_throughput(std::string_view name) {
  for (const char* per : {"_per_", ".per.", ".per_", "_per."})
    if (name.find(per) != std::string_view::npos) return true;
  return false;
}

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
  const auto base = sum.substr(0, sum.find('{'));
  const auto labels = sum.substr(base.size());
  const auto at = base.rfind(sum_word);
  if (at == std::string_view::npos || at < 2 || (base[at - 1] != '.' && base[at - 1] != '_'))
    return std::nullopt;
  const auto unit = base.substr(at + sum_word.size());  // as the namer adds it
  if (!unit.empty() && (unit.front() != '_' || unit_of(unit) != unit.substr(1)))
    return std::nullopt;
  const std::string stem{base.substr(0, at)};  // with what separates
  mean_names names;
  names.count = stem + "count";
  names.count.append(labels);
  names.mean = stem + "mean";
  if (is_time_unit(unit_of(base)) && !is_throughput(base) &&
      role_of(names.mean) != metric_role::latency)
    names.mean = stem + "latency" + base[at - 1] + "mean";
  names.mean.append(unit).append(labels);
  if (names.mean.size() > payload_limits::metric_name_bytes) return std::nullopt;
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
    if (const auto to = ticks.derive(names->mean, most_with_means))
      ticks.set_derived(nth, *to, mean);
  }
}

}  // namespace faultline
