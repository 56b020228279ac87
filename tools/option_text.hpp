// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

/// For CLI11's add_option_function: reads a duration into @p into; CLI11 shows the sentence of a
/// failure. @returns what CLI11 wants of a validator: empty when fine.
std::function<std::string(const std::string&)> duration_check();

/// Likewise, of whole seconds: what is shorter would be cut off.
std::function<std::string(const std::string&)> seconds_check();

/// For CLI11's check(): a finite number above 0. CLI11's own PositiveNumber takes "nan", and says
/// of what it refuses that it is not in a range of 300 digits.
std::string above_zero(const std::string& text);

/// How long something lasts, at least @p least, as the option @p name says it. Fails: ec::invalid,
/// naming the option.
outcome<milliseconds> length_of(const char* name, const std::string& text, milliseconds least);

/// "cpu_hog|memory_leak|..." for help texts.
std::string fault_type_names();

/// @pre duration_check() accepted @p text
milliseconds duration_of(const std::string& text);

/// For CLI11's transform() of an option: puts the number behind one of @p words in its place.
/// CLI11's own shows these numbers, which of a small type are control characters.
std::function<std::string(std::string&)> number_of_word(std::map<std::string, unsigned> words);

template <class Enum>
std::function<std::string(std::string&)> one_of(const std::map<std::string, Enum>& words) {
  std::map<std::string, unsigned> numbers;
  for (const auto& entry : words) numbers.emplace(entry.first, static_cast<unsigned>(entry.second));
  return number_of_word(std::move(numbers));
}

}  // namespace faultline
