// SPDX-License-Identifier: Apache-2.0
//
// A faultlined in which some records are deadly, as a bug would make them: linked with --wrap, so
// that the server itself knows nothing of it.
//
//   metric "test.deadly.abort"      aborts the process
//   metric "test.deadly.segfault"   writes to nowhere
//   metric "test.deadly.throw"      kills its entity
//   retiring "test.deadly.owner"    kills the owner of its partition
#include <cstdlib>
#include <stdexcept>

#include "actors/rules_history.hpp"
#include "processing/tick_builder.hpp"

#define REAL(name) __real_##name
#define WRAP(name) __wrap_##name

extern "C" {

using builder = faultline::tick_builder;

static int* volatile nowhere = nullptr;

builder::result REAL(_ZN9faultline12tick_builder3addERKNS_10event_viewEmRKNS_18processing_optionsE)(
    builder*, const faultline::event_view&, faultline::log_position,
    const faultline::processing_options&);

builder::result WRAP(_ZN9faultline12tick_builder3addERKNS_10event_viewEmRKNS_18processing_optionsE)(
    builder* self, const faultline::event_view& event, faultline::log_position cause,
    const faultline::processing_options& options) {
  for (const auto& m : event.metrics) {
    if (m.name == "test.deadly.abort") std::abort();
    if (m.name == "test.deadly.segfault") *nowhere = 1;
    if (m.name == "test.deadly.throw") throw std::runtime_error{"a bug"};
  }
  return REAL(_ZN9faultline12tick_builder3addERKNS_10event_viewEmRKNS_18processing_optionsE)(
      self, event, cause, options);
}

using rules_step = faultline::outcome<faultline::rules_history::step>;

rules_step REAL(_ZN9faultline13rules_history4takeERKNS_14control_recordEm)(
    faultline::rules_history*, const faultline::control_record&, faultline::log_position);

rules_step WRAP(_ZN9faultline13rules_history4takeERKNS_14control_recordEm)(
    faultline::rules_history* self, const faultline::control_record& control,
    faultline::log_position position) {
  if (control.payload == "test.deadly.owner") throw std::runtime_error{"a bug"};
  return REAL(_ZN9faultline13rules_history4takeERKNS_14control_recordEm)(self, control, position);
}

}  // extern "C"
