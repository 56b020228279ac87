// SPDX-License-Identifier: Apache-2.0
#include "messages/error.hpp"

namespace faultline {

const char* to_string(ec code) noexcept {
  switch (code) {
    case ec::malformed:
      return "malformed";
    case ec::invalid:
      return "invalid";
    case ec::unknown_version:
      return "unknown_version";
    case ec::too_large:
      return "too_large";
    case ec::not_found:
      return "not_found";
    case ec::overloaded:
      return "overloaded";
    case ec::no_space:
      return "no_space";
    case ec::deadline_passed:
      return "deadline_passed";
    case ec::store_unavailable:
      return "store_unavailable";
    case ec::store_corrupt:
      return "store_corrupt";
    case ec::model_failed:
      return "model_failed";
    case ec::io_failed:
      return "io_failed";
    case ec::unsupported:
      return "unsupported";
    case ec::shutting_down:
      return "shutting_down";
  }
  return "unknown";
}

}  // namespace faultline
