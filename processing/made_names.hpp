// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace faultline {

/// The name of a counter of a histogram or summary, as the namer writes it: NAME.sum,
/// NAME_count{code=200}, NAME.bucket_seconds.
struct counter_name {
  std::string_view base;    ///< without the labels
  std::string_view stem;    ///< with the dot or underscore at its end
  std::string_view word;    ///< sum, count, bucket
  std::string_view unit;    ///< "_seconds", or nothing
  std::string_view labels;  ///< "{code=200}", or nothing
};
/// Nothing where @p word is not the last word of @p name, but for a unit.
std::optional<counter_name> counter_name_of(std::string_view name, std::string_view word);

/// What the entity calls what it makes of them; empty where that would be too long.
/// What one took on average: "mean" in the word's place; where the unit is a time and nothing else
/// in the name says so, latency.mean: a latency, by the words of roles.
std::string mean_name(const counter_name& of);
/// The 99th percentile: "p99" of a latency, which that word says, "q99" of what is none.
std::string quantile_name(const counter_name& of);

}  // namespace faultline
