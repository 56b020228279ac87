// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

/// Load for `bench ingest`: one row per entity and tick, encoded once as msgpack batches and
/// patched in place, so that the generator costs little of the processors it shares with the
/// server. Values follow a daily curve, shifted from entity to entity, with a slow wander of their
/// own; every value changes with every tick. The same arguments give the same bytes.
class bench_rows {
public:
  /// @pre entities, metrics, batch > 0; metrics <= 256
  bench_rows(std::size_t entities, std::size_t metrics, std::size_t batch, std::uint64_t seed);

  std::size_t batches() const noexcept { return batches_.size(); }
  std::size_t rows(std::size_t batch) const noexcept { return batches_[batch].ts_at.size(); }
  /// Goes on to the tick at @p ts_ms for the batches that follow.
  void set_tick(std::int64_t ts_ms) noexcept;
  /// Payload of @p batch at the tick; valid until the next call for the same batch.
  std::string_view fill(std::size_t batch) noexcept;

  /// "service/cart-00017" and the like: every entity in its order.
  static std::string entity_name(std::size_t entity);
  static std::string metric_name(std::size_t metric);
  /// The next number in [0, 1) of the sequence at @p state (not 0).
  static double uniform(std::uint64_t& state) noexcept;

private:
  struct batch_bytes {
    std::string payload;
    std::vector<std::uint32_t> ts_at;  ///< offset of the eight bytes of each row's ts
    std::size_t first_entity = 0;
  };
  struct series {
    float base;
    float wander;
  };
  static constexpr std::size_t phases = 64;

  void append_row(batch_bytes& to, std::size_t entity);

  std::size_t metrics_;
  std::vector<batch_bytes> batches_;
  std::vector<std::uint32_t> value_after_ts_;  ///< from a row's ts to the bytes of each value
  std::vector<series> series_;                 ///< entity-major
  std::array<float, phases> day_{};            ///< the daily curve at this tick, by phase
  std::int64_t ts_ms_ = 0;
  std::uint64_t random_;
};

}  // namespace faultline
