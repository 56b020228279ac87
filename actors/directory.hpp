// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"

namespace faultline {

/// Who owns which partition now. Written by the supervisor, read by the doors, root cause and
/// queries.
class partition_directory {
public:
  explicit partition_directory(std::uint16_t count) : owners_(count) {}

  std::uint16_t size() const noexcept { return static_cast<std::uint16_t>(owners_.size()); }
  void set(partition_id p, partition_actor owner) {
    const std::lock_guard<std::mutex> lock{mutex_};
    owners_[p] = std::move(owner);
  }
  /// Null while a partition has no owner.
  partition_actor owner(partition_id p) const {
    const std::lock_guard<std::mutex> lock{mutex_};
    return owners_[p];
  }
  partition_actor owner_of(std::string_view entity) const {
    return owner(partition_of(entity, size()));
  }

private:
  mutable std::mutex mutex_;
  std::vector<partition_actor> owners_;
};

}  // namespace faultline
