// SPDX-License-Identifier: Apache-2.0
//
// A faultlined in which some records are deadly, as a bug would make them: linked with --wrap, so
// that the server itself knows nothing of it.
//
//   metric "test.deadly.abort"      aborts the process
//   metric "test.deadly.segfault"   writes to nowhere
//   metric "test.deadly.throw"      kills its entity
#include <cstdlib>
#include <stdexcept>

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

}  // extern "C"
