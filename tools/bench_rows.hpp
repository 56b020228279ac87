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

  /// From the next tick on the entity of rank r is in a tick with probability min(1, c /
  /// r^exponent) where c makes it a quarter of all on average. Exponent 0: everybody in every tick.
  void set_zipf(double exponent);
  /// @p count entities, spread over all, whose first metric rises above `probe_limit` for two of
  /// eight ticks; they are in every tick. @pre count <= entities
  void set_probes(std::size_t count) noexcept;
  static constexpr double probe_limit = 1e12;

  std::size_t batches() const noexcept { return batches_.size(); }
  /// Rows in the payload of @p batch as it was filled last; before that, of all its entities.
  std::size_t rows(std::size_t batch) const noexcept { return batches_[batch].rows; }
  /// Goes on to the tick at @p ts_ms for the batches that follow. @p everybody: whatever set_zipf()
  /// says.
  void set_tick(std::int64_t ts_ms, bool everybody = false) noexcept;
  /// Payload of @p batch at the tick; valid until the next call. May hold no row.
  std::string_view fill(std::size_t batch);
  /// Rows of @p entity that were filled so far.
  std::uint32_t filled(std::size_t entity) const noexcept { return filled_[entity]; }
  /// Entities of @p batch that have just crossed their limit, at the tick it was filled for.
  const std::vector<std::size_t>& crossing(std::size_t batch) const noexcept {
    return batches_[batch].crossing;
  }

  /// "service/cart-00017" and the like: every entity in its order.
  static std::string entity_name(std::size_t entity);
  static std::string metric_name(std::size_t metric);
  /// The next number in [0, 1) of the sequence at @p state (not 0).
  static double uniform(std::uint64_t& state) noexcept;

private:
  struct batch_bytes {
    std::string payload;
    std::vector<std::uint32_t> row_at;  ///< offset of each row, and of the end
    std::vector<std::uint32_t> ts_at;   ///< offset of the eight bytes of each row's ts
    std::size_t first_entity = 0;
    std::size_t rows = 0;
    std::vector<std::size_t> crossing;
  };
  struct series {
    float base;
    float wander;
  };
  static constexpr std::size_t phases = 64;

  void append_row(batch_bytes& to, std::size_t entity);
  void write_row(batch_bytes& to, std::size_t row);
  bool is_probe(std::size_t entity) const noexcept {
    return probes_ != 0 && entity % probe_stride_ == 0 && entity / probe_stride_ < probes_;
  }
  bool takes_part(std::size_t entity) noexcept;

  std::size_t metrics_;
  std::vector<batch_bytes> batches_;
  std::vector<std::uint32_t> value_after_ts_;  ///< from a row's ts to the bytes of each value
  std::vector<series> series_;                 ///< entity-major
  std::array<float, phases> day_{};            ///< the daily curve at this tick, by phase
  std::int64_t ts_ms_ = 0;
  std::uint64_t tick_ = 0;
  bool everybody_ = true;
  double zipf_ = 0, zipf_scale_ = 0;
  std::size_t probes_ = 0, probe_stride_ = 1;
  std::vector<std::uint32_t> filled_;
  std::vector<std::uint32_t> chosen_rows_;
  std::string chosen_;  ///< payload of those that take part, where not all do
  std::uint64_t random_;
};

}  // namespace faultline
