// SPDX-License-Identifier: Apache-2.0
#include <prometheus/counter.h>

#include "server/internal/metrics.hpp"

namespace faultline {

void add_receivers(prometheus::Registry& to, const post_desk& posts) {
  auto& fates = prometheus::BuildCounter()
                    .Name("faultline_posts_total")
                    .Help("Requests of other protocols, by receiver and what became of them.")
                    .Register(to);
  auto& samples = prometheus::BuildCounter()
                      .Name("faultline_samples_total")
                      .Help("Values, lines and spans of these that came in events.")
                      .Register(to);
  auto& left = prometheus::BuildCounter()
                   .Name("faultline_samples_left_out_total")
                   .Help("Values, lines and spans of these that came in none, by reason.")
                   .Register(to);
  for (const auto& [name, counted] : posts.counters()) {
    for (std::size_t i = 0; i < post_fates; ++i)
      fates.Add({{"receiver", name}, {"outcome", to_string(static_cast<post_fate>(i))}})
          .Increment(static_cast<double>(counted.posts[i]));
    samples.Add({{"receiver", name}}).Increment(static_cast<double>(counted.samples));
    for (std::size_t i = 0; i < left_out_reasons; ++i)
      if (counted.left_out[i] != 0)
        left.Add({{"receiver", name}, {"reason", to_string(static_cast<left_out>(i))}})
            .Increment(static_cast<double>(counted.left_out[i]));
  }
}

}  // namespace faultline
