// SPDX-License-Identifier: Apache-2.0
#include "processing/made_names.hpp"

#include "messages/event_codec.hpp"
#include "messages/units.hpp"
#include "processing/roles.hpp"

namespace faultline {
namespace {

bool is_throughput(std::string_view name) {
  for (const char* per : {"_per_", ".per.", ".per_", "_per."})
    if (name.find(per) != std::string_view::npos) return true;
  return false;
}

bool is_time(const counter_name& of) {
  return is_time_unit(unit_of(of.base)) && !is_throughput(of.base);
}

bool says_latency(const counter_name& of) {
  return role_of(std::string{of.stem}.append("mean")) == metric_role::latency;
}

std::string made_name(const counter_name& of, std::string_view made) {
  std::string name;
  name.append(of.stem).append(made).append(of.unit).append(of.labels);
  return name.size() > payload_limits::metric_name_bytes ? std::string{} : name;
}

}  // namespace

std::optional<counter_name> counter_name_of(std::string_view name, std::string_view word) {
  const auto base = name.substr(0, name.find('{'));
  const auto at = base.rfind(word);
  if (at == std::string_view::npos || at < 2 || (base[at - 1] != '.' && base[at - 1] != '_'))
    return std::nullopt;
  const auto unit = base.substr(at + word.size());  // as the namer adds it
  if (!unit.empty() && (unit.front() != '_' || unit_of(unit) != unit.substr(1)))
    return std::nullopt;
  return counter_name{base, base.substr(0, at), word, unit, name.substr(base.size())};
}

std::string mean_name(const counter_name& of) {
  if (!is_time(of) || says_latency(of)) return made_name(of, "mean");
  return made_name(of, std::string{"latency"}.append(1, of.stem.back()).append("mean"));
}

std::string quantile_name(const counter_name& of) {
  return made_name(of, is_time(of) || says_latency(of) ? "p99" : "q99");
}

}  // namespace faultline
