// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <caf/event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/correlator_questions.hpp"

namespace faultline {

/// A correlator that answers when it is told to: by a view, by a number with one of nothing as of
/// that feed record, by words with a failure of @p code that says them. Outlives its actor.
struct later_correlator {
  ec code;
  int questions = 0;
  caf::typed_response_promise<correlator_view> promise{};

  caf::behavior behavior_of(caf::event_based_actor* self) {
    return {[this, self](const correlator_question&) {
              ++questions;
              promise = self->make_response_promise<correlator_view>();
              return promise;
            },
            [this](std::uint64_t feed_seq) {
              correlator_view view;
              view.feed_seq = feed_seq;
              promise.deliver(view);
            },
            [this](const correlator_view& view) { promise.deliver(view); },
            [this](const std::string& why) {
              promise.deliver(to_caf_error({code, why}));
            }};
  }
};

}  // namespace faultline
