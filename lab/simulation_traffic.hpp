// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lab/rng.hpp"
#include "lab/simulation_faults.hpp"
#include "lab/simulation_model.hpp"

namespace faultline {

/// Something unusual that is no fault. Times are seconds after the start of the recording.
struct sim_benign {
  enum class kind : std::uint8_t { deploy, backup, load_peak, batch_job, failover_drill };
  kind what = kind::deploy;
  std::size_t entity = 0;  ///< of no meaning for a load peak
  double from = 0;
  double to = 0;
  double size = 1;  ///< load peak: factor of the load at its top
};

const char* to_string(sim_benign::kind kind) noexcept;

/// Edition 2 adds batch jobs, failover drills, and deploys until there are five look-alikes for
/// each fault, as far as the time holds them.
/// Deploys (one in 6 h), load peaks (one in 30 h) and every database's nightly backup. None
/// coincides with a fault on the same target; load peaks and faults exclude each other.
std::vector<sim_benign> plan_benign(const simulation_options& o, const sim_graph& graph,
                                    const std::vector<sim_fault>& faults);

/// Adds the pressure of @p b at @p t.
void press(const sim_benign& b, double t, std::vector<sim_pressure>& pressure) noexcept;

/// Load at the gateway over time: day, week, bursts, two autoregressive noises, load peaks.
class sim_traffic {
public:
  sim_traffic(const simulation_options& o, double usual_rps);

  /// Load of the next interval, which begins at @p t. Call once per interval, in order.
  double next(double t, const std::vector<sim_benign>& benign);

private:
  random_source rng_;
  double usual_rps_;
  double start_s_;
  double interval_s_;
  double phase_h_;
  double day_size_ = 0.38, weekend_ = 0.75, slow_size_ = 0.04, hours_size_ = 0, hours_ = 0;
  double slow_ = 0, fast_ = 0, burst_ = 0;
};

}  // namespace faultline
