// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace faultline {

/// Last transitions of the newest alerts that have ended, so that what is told of one again is
/// known. An alert is kept as the stable hash of its id: of 65,536 ids two are one in one server of
/// ten thousand million. All memory is taken with the first one and none after that (1.5 MiB of
/// 65,536).
class ended_episodes {
public:
  struct entry {
    std::uint64_t id_hash = 0;
    std::uint32_t transition = 0;
  };

  /// @pre 0 < @p most < 2^31
  explicit ended_episodes(std::size_t most) : most_{most} {}

  std::size_t size() const noexcept { return size_; }

  /// The last transition of the alert @p id. Nothing: it has not ended, or long ago.
  std::optional<std::uint32_t> find(std::string_view id) const noexcept;

  /// The newest one is @p id now; the oldest one goes when there are too many. What has ended
  /// already keeps its place.
  void add(std::string_view id, std::uint32_t transition) { add_hash(hash_of(id), transition); }
  void add_hash(std::uint64_t id_hash, std::uint32_t transition);

  /// @p n of size(), the oldest first.
  const entry& at(std::size_t n) const noexcept { return ring_[(first_ + n) % most_]; }

  static std::uint64_t hash_of(std::string_view id) noexcept;

private:
  std::size_t place_of(std::uint64_t id_hash) const noexcept;
  void forget_oldest() noexcept;
  void take_out(std::size_t place) noexcept;

  std::size_t most_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  std::vector<entry> ring_;
  std::vector<std::uint32_t> places_;  ///< open addressing: place in ring_ + 1, or 0
};

}  // namespace faultline
