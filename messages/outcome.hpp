// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "messages/error.hpp"

namespace faultline {

/// Why something did not happen: a code for programs, a sentence for people.
struct failure {
  ec code = ec::invalid;
  std::string what;
};

/// A value or the reason there is none.
template <class T>
class [[nodiscard]] outcome {
public:
  outcome(T value) : rep_{std::in_place_index<0>, std::move(value)} {}
  outcome(failure why) : rep_{std::in_place_index<1>, std::move(why)} {}

  explicit operator bool() const noexcept { return rep_.index() == 0; }
  T& operator*() & noexcept { return *std::get_if<0>(&rep_); }  ///< @pre *this
  const T& operator*() const& noexcept { return *std::get_if<0>(&rep_); }
  T&& operator*() && noexcept { return std::move(*std::get_if<0>(&rep_)); }
  T* operator->() noexcept { return std::get_if<0>(&rep_); }
  const T* operator->() const noexcept { return std::get_if<0>(&rep_); }
  const failure& error() const noexcept { return *std::get_if<1>(&rep_); }  ///< @pre !*this

private:
  std::variant<T, failure> rep_;
};

/// Success without a value, or the reason it failed. `return {};` is success.
template <>
class [[nodiscard]] outcome<void> {
public:
  outcome() = default;
  outcome(failure why) : failed_{true}, why_{std::move(why)} {}

  explicit operator bool() const noexcept { return !failed_; }
  const failure& error() const noexcept { return why_; }  ///< @pre !*this

private:
  bool failed_ = false;
  failure why_;
};

}  // namespace faultline
