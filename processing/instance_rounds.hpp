// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "messages/sample.hpp"

namespace faultline {

/// One value for all instances of an entity that tell the same series, once a round: when each that
/// still lives has told it. What they counted is added, each over the time it counted in; of gauges
/// see instances_join. A series that one instance tells is left as it is.
///
/// An instance lives until it is half an interval of its own overdue, and no round waits longer
/// than that, however many end and begin. What a counter counted before it was first heard is not
/// known, unless it began within `fresh_ms`: the first rounds of such an instance say nothing.
/// Nothing is kept beyond the process; of an entity that was told to have several the first round
/// lasts until one of them comes again.
///
/// Lives:  one per sample_namer; begin() for each body, keep() when it was taken.
/// Limits: `most_tellers` over all series, `most_of_one` of each; series beyond the first are left
///         as they are, instances beyond the second have no place.
class instance_rounds {
public:
  static constexpr std::size_t most_tellers = std::size_t{1} << 18;
  static constexpr std::size_t most_of_one = 256;
  static constexpr std::int64_t fresh_ms = 300'000;
  static constexpr std::int64_t silent_ms = 600'000;  ///< after it an instance is forgotten

  enum class place : std::uint8_t { alone, joined, too_many };
  struct joined_value {
    double value = 0;
    metric_kind kind = metric_kind::gauge;  ///< or rate
    std::int64_t ts_ms = 0;                 ///< of the newest in it
    std::size_t instances = 0;              ///< whose values are in it
  };

  /// A body that arrived at @p now_ms. What the one before brought is taken back, unless it was
  /// kept.
  void begin(std::int64_t now_ms);
  void keep() { before_.clear(); }

  bool knows(std::uint64_t series) const { return series_.count(series) != 0; }
  /// @p value of @p series as @p instance tells it. @p several: should it be the first, there were
  /// others before this process.
  place add(std::uint64_t series, std::uint64_t instance, const metric_sample& value, bool several);
  /// The round of @p series, when it is over. Ask once for each series of a body, at its end.
  std::optional<joined_value> close(std::uint64_t series);

private:
  struct teller {
    std::uint64_t instance = 0;
    std::uint64_t body = 0;  ///< the last it was in
    std::int64_t heard_ms = 0;
    std::int64_t usual_ms = 0;  ///< between its bodies; 0: not known
    std::int64_t ts_ms = 0;
    double last = 0;       ///< as it was told
    double grown = 0;      ///< in this round
    double passed_ms = 0;  ///< in which it grew
    std::uint8_t rounds = 0;
    bool told = false;  ///< in this round
  };
  struct series_state {
    std::vector<teller> tellers;
    std::int64_t since_ms = 0;  ///< arrival: the begin of this round
    std::int64_t ts_ms = 0;     ///< of the last round's value; 0: there was none
    metric_kind kind = metric_kind::gauge;
    instances_join join = instances_join::mean;
    bool several = false;
    bool settled = true;  ///< who lives is known
  };
  teller* teller_of(series_state& s, std::uint64_t instance);
  void tell(teller& t, const metric_sample& value, std::int64_t ts_ms) const;
  static std::int64_t patience_ms(const teller& t) noexcept;
  bool is_over(series_state& s) const;
  static bool carry_over(series_state& s);
  void forget_one_that_ended(series_state& s);
  void forget_silent(series_state& s);
  void sweep();

  std::unordered_map<std::uint64_t, series_state> series_;
  std::unordered_map<std::uint64_t, std::optional<series_state>> before_;  ///< this body
  std::size_t tellers_ = 0;
  std::uint64_t body_ = 0;
  std::int64_t now_ms_ = 0, swept_ms_ = 0;
};

}  // namespace faultline
