// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace faultline {

/// The units of metrics whose names do not say them, as their senders told them; of two that differ
/// the last. For people's eyes alone: nothing is decided by it, and after a start it is empty until
/// they send again.
///
/// Threads: any.
/// Limits: `most` metrics, with names of at most `longest` bytes; others have the unit of their
///         name.
class unit_book {
public:
  static constexpr std::size_t most = 16'384;
  static constexpr std::size_t longest = 128;

  /// @p unit is a word of unit_word() or unit_of().
  void learn(std::string_view metric, std::string_view unit);
  /// The unit that @p metric, with its labels, says in its name, or was told to have; that of
  /// NAME.mean, .p99 and .q99 (NAME_mean) is NAME.sum's. Empty: not known.
  std::string_view of(std::string_view metric) const;

private:
  std::string_view told(std::string_view metric) const;

  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::string_view> told_;
};

}  // namespace faultline
