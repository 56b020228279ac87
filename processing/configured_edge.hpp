// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <tuple>

#include "messages/event.hpp"

namespace faultline {

/// An edge that somebody sets by hand.
struct configured_edge {
  std::string from;
  std::string to;
  edge_kind kind = edge_kind::calls;

  friend bool operator<(const configured_edge& a, const configured_edge& b) {
    return std::tie(a.from, a.to, a.kind) < std::tie(b.from, b.to, b.kind);
  }
  friend bool operator==(const configured_edge& a, const configured_edge& b) {
    return std::tie(a.from, a.to, a.kind) == std::tie(b.from, b.to, b.kind);
  }
};

}  // namespace faultline
