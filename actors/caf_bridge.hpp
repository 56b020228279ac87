// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <caf/atom.hpp>
#include <caf/error.hpp>
#include <caf/make_message.hpp>
#include <caf/result.hpp>

#include "messages/outcome.hpp"

namespace faultline {

/// The only place where a failure becomes a caf::error: the code, and the sentence as context.
inline caf::error to_caf_error(const failure& why) {
  return caf::error{static_cast<std::uint8_t>(why.code), caf::atom("faultline"),
                    caf::make_message(why.what)};
}

/// And back; errors of CAF itself (timeouts, dead receivers) become deadline_passed.
inline failure from_caf_error(const caf::error& e) {
  if (e.category() == caf::atom("faultline")) {
    auto text = e.context().empty() ? std::string{} : e.context().get_as<std::string>(0);
    return failure{static_cast<ec>(e.code()), std::move(text)};
  }
  return failure{ec::deadline_passed, "no answer in time"};
}

template <class T>
caf::result<T> to_reply(outcome<T> x) {
  if (!x) return to_caf_error(x.error());
  return std::move(*x);
}

}  // namespace faultline
