// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storage/store.hpp"

namespace faultline::testing {

/// A store that is another one in all that its heirs do not do themselves. @p real outlives it.
class store_over : public store {
public:
  explicit store_over(store& real) : real_{real} {}
  event_log& events() override { return real_.events(); }
  checkpoint_store& checkpoints() override { return real_.checkpoints(); }
  decision_log& decisions() override { return real_.decisions(); }
  feed_store& feed() override { return real_.feed(); }
  dead_letter_store& dead_letters() override { return real_.dead_letters(); }
  poison_store& poison() override { return real_.poison(); }
  note_store& notes() override { return real_.notes(); }
  std::uint64_t bytes_on_disk() const override { return real_.bytes_on_disk(); }
  outcome<void> sync() override { return real_.sync(); }
  outcome<void> flush() override { return real_.flush(); }
  outcome<void> sweep_retention(arrival_time now) override { return real_.sweep_retention(now); }
  void set_retention(const storage_options& options) override { real_.set_retention(options); }

private:
  store& real_;
};

}  // namespace faultline::testing
