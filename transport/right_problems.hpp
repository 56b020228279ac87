// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "transport/addresses.hpp"

namespace faultline {

/// What the files that give rights say before a start.
struct right_findings {
  std::vector<address_problem> problems;  ///< for these the doors would not open
  std::vector<address_problem> unseen;    ///< files that are another user's, and cannot be judged
};

/// Reads the files of keys, clients, certificates and tokens that are named as the doors do when
/// they open. Logs of seals as they do.
right_findings look_at_rights(const socket_options& sockets, const web_options& web);

}  // namespace faultline
