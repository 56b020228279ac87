// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/event.hpp"
#include "processing/byte_io.hpp"

namespace faultline {

/// A counter of a histogram that says how many observations were at most `le`.
struct bucket_name {
  std::string_view histogram;  ///< all before the label: NAME_bucket, NAME_bucket{code=200
  double le = 0;               ///< perhaps infinite
};
/// Nothing of other names: NAME_bucket{le=0.5}, NAME.bucket_seconds{code=200,le=+Inf}, `le` last.
std::optional<bucket_name> bucket_name_of(std::string_view metric);

/// What buckets of one entity's histograms come to: of each the 99th percentile of what was
/// observed in a tick. Buckets are no channels; here their last counts are kept, by bound, in
/// whatever order and requests they come. Pure: the same events and ticks, the same values.
///
/// A histogram counts when all its bounds have come with one time; those that are missing three
/// times in a row are no bounds of it any more. A bound that is new says nothing before its second
/// time, nor do the others then, unless those about it had counted the same. When any of its counts
/// falls, all have begun anew.
///
/// Limits: `most_bounds` of a histogram, the highest: what lies below is one bucket, for counts are
/// cumulative. Histograms as long as there are fewer than `most_bounds_of_all` bounds; who was not
/// heard of for an hour makes room. Values of those that find none are counted.
class histogram_quantiles {
public:
  static constexpr std::size_t most_bounds = 64;
  static constexpr std::size_t most_bounds_of_all = 1'024;
  static constexpr std::int64_t idle_ms = 3'600'000;

  /// Takes the buckets of @p event at @p ts_ms and leaves all other metrics in @p rest.
  /// @returns whether there were any; if not, @p rest is as it was.
  bool take(const event_view& event, std::int64_t ts_ms, std::vector<metric_point>& rest);
  /// Whether any metric of @p event is a bucket. Cheap where none is.
  static bool has_buckets(const event_view& event);

  struct quantile {
    const std::string& name;  ///< NAME.p99, NAME.q99; lives as long as nothing is taken
    double value = 0;
  };
  /// Ends a tick: what each histogram that counted anything observed since the last call.
  std::vector<quantile> close();
  /// Values that found no room.
  std::uint64_t left_out() const noexcept { return left_out_; }
  std::int64_t newest_ms() const noexcept { return newest_ms_; }  ///< 0: nothing came

  /// quantiles := left_out(u64) newest(i64) count(u16) histogram*
  void save(byte_writer& out) const;
  bool restore(byte_reader& in);
  /// Without sizeof *this.
  std::size_t memory_bytes() const noexcept;

private:
  struct bound {
    double le = 0;
    double base = 0;   ///< count when it was last added up; NaN: not known
    double now = 0;    ///< count as it came last; a rate that is added up is NaN
    float grown = 0;   ///< in this tick; NaN: it has not come
    bool came = true;  ///< with the newest time
    std::uint8_t missed = 0;
  };
  struct histogram {
    std::uint64_t key = 0;
    std::string name;  ///< of its quantile
    std::int64_t newest_ms = 0;
    bool rates = false;         ///< counts per second, which need no base
    std::vector<bound> bounds;  ///< ascending
  };

  histogram* histogram_of(const bucket_name& bucket, std::int64_t ts_ms);
  void make_room(std::int64_t ts_ms);
  void take(const metric_point& point, const bucket_name& bucket, std::int64_t ts_ms);
  void note(histogram& h, double le, double value);
  void begin(histogram& h, std::int64_t ts_ms, bool rates);
  static void infer_bases(std::vector<bound>& bounds);
  static void add_up(histogram& h);
  static double quantile_of(const histogram& h, double q);

  std::vector<histogram> all_;
  std::size_t last_ = 0;  ///< whom the last bucket was of
  std::size_t bounds_ = 0;
  std::int64_t newest_ms_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace faultline
