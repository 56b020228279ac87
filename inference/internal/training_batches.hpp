// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to the room: cuts sequences into segments and hands them out side by side, a chunk of
// ticks at a time, with the corruptions that make the model robust. No LibTorch here.

#include <cstddef>
#include <vector>

#include "inference/forecaster_training.hpp"
#include "inference/internal/seeded_rng.hpp"

namespace faultline {

/// Ticks [begin, end) of one sequence.
struct training_segment {
  const training_sequence* sequence = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Cuts @p sequences into pieces of @p ticks. @param rng shifts the cuts and shuffles the pieces;
/// null leaves them where they are.
std::vector<training_segment> cut_segments(const std::vector<training_sequence>& sequences,
                                           std::size_t ticks, seeded_rng* rng);

/// Some ticks of all segments of a batch, time first: element [tick][segment][...].
struct training_chunk {
  std::size_t ticks = 0;
  std::size_t rows = 0;             ///< ticks that exist, over all segments
  std::vector<float> input;         ///< [..][inputs]
  std::vector<float> lagged;        ///< [..][slots x lags]
  std::vector<float> target;        ///< [..][horizons x slots]
  std::vector<float> weight;        ///< [..][horizons x slots], 0 where there is no target
  std::vector<float> fault;         ///< [..] 0 or 1
  std::vector<float> fault_weight;  ///< [..] 0 where not known
  std::vector<float> excess;        ///< [..] intervals beyond the regular one, for the decay
  bool gaps = false;                ///< any excess > 0
};

/// How much to corrupt. All zero for validation.
struct corruption {
  double input_noise = 0;
  double channel_dropout = 0;
  double tick_dropout = 0;
};

/// Walks over the segments of one batch in step.
class segment_batch {
public:
  segment_batch(std::vector<training_segment> segments, const corruption& how, seeded_rng& rng);

  std::size_t size() const noexcept { return lanes_.size(); }
  /// Fills @p out with up to @p ticks ticks. @returns false when all segments have ended.
  bool next(std::size_t ticks, training_chunk& out);

private:
  struct lane {
    training_segment segment;
    std::size_t at = 0;
    lag_history history;
    std::array<bool, forecast_shape::slots> dropped{};
  };

  forecast_tick corrupted(const lane& l, std::size_t tick);
  void fill(lane& l, std::size_t index, training_chunk& out);
  void fill_targets(const lane& l, std::size_t index, training_chunk& out) const;

  std::vector<lane> lanes_;
  corruption how_;
  seeded_rng& rng_;
};

}  // namespace faultline
