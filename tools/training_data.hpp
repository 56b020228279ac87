// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "inference/forecaster_training.hpp"
#include "inference/ranker_training.hpp"
#include "judgement/root_cause.hpp"
#include "lab/simulator.hpp"

// What models learn from: simulated systems, seen through the same judgement code as in service.

namespace faultline {

/// A system for the forecaster: sizes, intervals from ten seconds to five minutes, times of the
/// week, quiet or with faults, all drawn from @p seed.
simulation_options forecaster_system(std::uint64_t seed);

/// A system for the ranker: one fault of any type and shape, one in four without; intervals from
/// ten seconds to five minutes.
simulation_options ranker_system(std::uint64_t seed);

/// The same in edition 2 of the simulator: system number @p n of @p split.
simulation_options forecaster_system(data_split split, std::uint64_t n);
simulation_options ranker_system(data_split split, std::uint64_t n);

/// Appends one sequence for each entity with metrics: the inputs that the entity's core would give
/// the model. Ticks of a fault that reaches the entity are not usable; within 15 minutes before
/// the full effect of a fault that ramps up, from its start on, `fault_soon` is 1.
void append_sequences(const simulated_system& system, std::vector<training_sequence>& to);

/// Appends what the ranker would be asked while the system's fault grows and after its full effect,
/// with the true root; of a quiet system, what it would be asked after a false alarm. Each case
/// stands twice: as it is, and as it would be with fewer kinds of metrics and fewer known edges.
void append_cases(const simulated_system& system, std::uint64_t seed, std::vector<ranker_case>& to);

/// The class that a root-cause run would call a simulated fault.
fault_class class_of(fault_type type) noexcept;

}  // namespace faultline
