// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace faultline {

/// One part of a reload: what was read, and not in force before put_in_force() is called, which
/// cannot fail. So of several parts none is in force where one cannot be read.
template <class Changes>
struct reload_step {
  Changes changes;
  std::function<void()> put_in_force;
};

}  // namespace faultline
