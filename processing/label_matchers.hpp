// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "messages/silence.hpp"

namespace faultline {

/// Conditions on labels, ready to be asked often: Alertmanager's, with RE2 for the regular
/// expressions (linear time, whatever the expression). A value: copies share what is compiled.
class label_matchers {
public:
  /// Bounds of what is taken from outside.
  static constexpr std::size_t most = 64;
  static constexpr std::size_t name_bytes = 256;
  static constexpr std::size_t value_bytes = 4096;

  label_matchers();
  /// Fails: ec::invalid with a sentence: no name, too many or too long, a bad expression.
  static outcome<label_matchers> compile(std::vector<label_matcher> list);

  /// Every matcher holds; of none, every label set does.
  bool matches(const std::map<std::string, std::string>& labels) const;
  /// Each is one of @p own, or asks by `=~` for the value of one that is not negated.
  bool found_in(const std::vector<label_matcher>& own) const;
  /// A label set without labels fulfils them: they would cover everything.
  bool cover_everything() const;
  /// Those on the label @p name alone, and those on all others.
  label_matchers only(std::string_view name) const;
  label_matchers without(std::string_view name) const;
  /// The one value of label @p name that `=` asks for, or nullptr.
  const std::string* equal_value(std::string_view name) const;

  const std::vector<label_matcher>& list() const noexcept { return list_; }
  bool empty() const noexcept { return list_.empty(); }

private:
  struct expression;
  bool holds(std::size_t i, const std::string& value) const;
  label_matchers chosen(std::string_view name, bool with) const;
  std::vector<label_matcher> list_;
  std::vector<std::shared_ptr<const expression>> expressions_;  ///< nullptr: no regex
};

/// `name="value"`, `name=~value`, `name!=value`, `name!~"value"`; quotes may be left out. As amtool
/// and Alertmanager write them. Fails: ec::invalid.
outcome<label_matcher> parse_matcher(std::string_view text);
/// One or several of them, separated by commas, with or without braces. Fails: ec::invalid.
outcome<std::vector<label_matcher>> parse_matchers(std::string_view text);

}  // namespace faultline
