// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "messages/outcome.hpp"
#include "messages/sample.hpp"

namespace faultline {

/// What a metric family of Prometheus is.
enum class prometheus_type : std::uint8_t { unknown, counter, gauge, histogram, summary };

/// The types and units of families, as metadata told them: they come in other requests than the
/// values. The last word counts.
///
/// Lives:  as long as its receiver, on one thread.
/// Limits: `most` families of names of at most `longest` bytes; others are told by their names
///         alone.
class prometheus_types {
public:
  static constexpr std::size_t most = 16'384;
  static constexpr std::size_t longest = 512;
  void learn(std::string_view family, prometheus_type type);
  /// @p unit as OpenMetrics has it: a word ("seconds"); others, and none, are no unit.
  void learn_unit(std::string_view family, std::string_view unit);
  prometheus_type of(const std::string& family) const;
  /// What a value called @p metric is: by the type of its family where one was told (_sum and
  /// _count of a histogram or summary are counters); else a counter if its name ends in _total.
  metric_kind kind_of(std::string_view metric) const;
  /// In what a value called @p metric is, as its family was told to be; not of what counts
  /// observations. Empty: not told.
  std::string_view unit_told(std::string_view metric) const;

  /// Whether @p metric says when a counter, histogram or summary began (NAME_created): a constant
  /// that leaps when the process begins anew.
  bool is_begin(std::string_view metric) const;

private:
  struct known {
    prometheus_type type = prometheus_type::unknown;
    std::string_view unit;
  };
  known* at(std::string_view family);

  std::unordered_map<std::string, known> families_;
  bool has_units_ = false;
};

/// Reads a request of remote write 1.0, unpacked.
/// Staleness markers and native histograms are left out.
/// Fails: ec::malformed.
outcome<void> read_remote_write(std::string_view body, prometheus_types& types, sample_sink& sink);

/// Reads the text format, version 0.0.4 (and what OpenMetrics shares with it, and its units). @p
/// more are labels that every sample has (instance, job); those of the text come first. Fails:
/// ec::malformed, naming the line.
outcome<void> read_exposition(std::string_view text, const sample_labels& more,
                              prometheus_types& types, sample_sink& sink);

}  // namespace faultline
