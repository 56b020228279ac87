// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "messages/outcome.hpp"

namespace faultline {

/// A hold on the directory that a server made for `faultline backup create`, between processes of
/// one machine. It ends with the process that has it, however that ends.
class copy_lease {
public:
  copy_lease() = default;
  ~copy_lease();
  copy_lease(copy_lease&& other) noexcept;
  copy_lease& operator=(copy_lease&& other) noexcept;

  /// For whoever takes the copy away; several may. Fails: ec::overloaded while it is being made,
  /// ec::io_failed.
  static outcome<copy_lease> to_take(const std::string& directory);
  /// For whoever makes it, or removes it to make another: alone. Fails: ec::overloaded while
  /// somebody takes it away, ec::io_failed.
  static outcome<copy_lease> to_make(const std::string& directory);

private:
  explicit copy_lease(int held) : held_{held} {}
  static outcome<copy_lease> of(const std::string& directory, int how, const char* otherwise);

  int held_ = -1;  ///< descriptor of the directory
};

}  // namespace faultline
