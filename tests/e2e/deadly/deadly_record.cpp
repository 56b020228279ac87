// SPDX-License-Identifier: Apache-2.0
//
// A faultlined in which some records are deadly, as a bug would make them: linked with --wrap, so
// that the server itself knows nothing of it.
//
//   metric "test.deadly.abort"      aborts the process
//   metric "test.deadly.segfault"   writes to nowhere
//   metric "test.deadly.throw"      kills its entity
//   metric "test.deadly.clock"      kills its entity with the first clock beyond its events
//   four roles in one tick         abort the process in the lane (two: they do not)
//   retiring "test.deadly.owner"    kills the owner of its partition
//   change "test.deadly.abort"      aborts the process in the correlator
//   change "test.deadly.throw"      throws there
//   change "test.deadly.stuck"      never returns from there
//   incident at "test/abort"        aborts the process when its cause is looked for
//   incident at "test/throw"        throws there
//
// The machine's clock is ahead of the true one by as many milliseconds as the eight bytes of the
// file FAULTLINE_TEST_CLOCK say.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "actors/rules_history.hpp"
#include "inference/forecaster.hpp"
#include "judgement/correlator_core.hpp"
#include "judgement/root_cause.hpp"
#include "processing/tick_builder.hpp"

#define REAL(name) __real_##name
#define WRAP(name) __wrap_##name

namespace {

class deadly_forecaster final : public faultline::forecaster {
public:
  explicit deadly_forecaster(std::unique_ptr<faultline::forecaster> real)
      : real_{std::move(real)} {}
  std::size_t capacity() const noexcept override { return real_->capacity(); }
  const faultline::model_identity& identity() const noexcept override { return real_->identity(); }
  faultline::outcome<void> step(const faultline::forecast_row* const* rows,
                                faultline::forecast_result* const* results,
                                std::size_t count) override {
    constexpr auto slots = faultline::forecast_shape::slots;
    for (std::size_t i = 0; i < count; ++i) {
      const auto mask = rows[i]->input.begin() + slots;
      if (std::count_if(mask, mask + slots, [](float m) { return m > 0; }) >= 4) std::abort();
    }
    return real_->step(rows, results, count);
  }

private:
  std::unique_ptr<faultline::forecaster> real_;
};

}  // namespace

extern "C" {

using builder = faultline::tick_builder;

static int* volatile nowhere = nullptr;

builder::result REAL(
    _ZN9faultline12tick_builder3addERKNS_10event_viewERKSt4pairImjERKNS_18processing_optionsE)(
    builder*, const faultline::event_view&, const faultline::record_mark&,
    const faultline::processing_options&);

builder::result WRAP(
    _ZN9faultline12tick_builder3addERKNS_10event_viewERKSt4pairImjERKNS_18processing_optionsE)(
    builder* self, const faultline::event_view& event, const faultline::record_mark& cause,
    const faultline::processing_options& options) {
  for (const auto& m : event.metrics) {
    if (m.name == "test.deadly.abort") std::abort();
    if (m.name == "test.deadly.segfault") *nowhere = 1;
    if (m.name == "test.deadly.throw") throw std::runtime_error{"a bug"};
  }
  return REAL(
      _ZN9faultline12tick_builder3addERKNS_10event_viewERKSt4pairImjERKNS_18processing_optionsE)(
      self, event, cause, options);
}

#define ADVANCE \
  _ZN9faultline12tick_builder7advanceENSt6chrono10time_pointINS_11event_clockENS1_8durationIlSt5ratioILl1ELl1000EEEEEERKSt4pairImjERKNS_18processing_optionsE
#define EXPANDED(macro, name) macro(name)

bool EXPANDED(REAL, ADVANCE)(builder*, faultline::event_time, const faultline::record_mark&,
                             const faultline::processing_options&);

bool EXPANDED(WRAP, ADVANCE)(builder* self, faultline::event_time now,
                             const faultline::record_mark& cause,
                             const faultline::processing_options& options) {
  static std::atomic<bool> dead{false};
  for (const auto& c : self->channels())
    if (c.name == "test.deadly.clock" && now > self->newest() && !dead.exchange(true))
      throw std::runtime_error{"a bug"};
  return EXPANDED(REAL, ADVANCE)(self, now, cause, options);
}

#define SYSTEM_NOW _ZNSt6chrono3_V212system_clock3nowEv

std::chrono::system_clock::time_point EXPANDED(REAL, SYSTEM_NOW)();

std::chrono::system_clock::time_point EXPANDED(WRAP, SYSTEM_NOW)() {
  static const volatile std::int64_t* const ahead = [] {
    const char* file = std::getenv("FAULTLINE_TEST_CLOCK");
    const int fd = file == nullptr ? -1 : ::open(file, O_RDONLY | O_CLOEXEC);
    void* page = fd < 0 ? MAP_FAILED : ::mmap(nullptr, 8, PROT_READ, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? nullptr : static_cast<const std::int64_t*>(page);
  }();
  return EXPANDED(REAL, SYSTEM_NOW)() + std::chrono::milliseconds{ahead == nullptr ? 0 : *ahead};
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

using folded = faultline::correlator_output;

folded REAL(_ZN9faultline15correlator_core5applyERKNS_8decisionE)(faultline::correlator_core*,
                                                                  const faultline::decision&);

folded WRAP(_ZN9faultline15correlator_core5applyERKNS_8decisionE)(faultline::correlator_core* self,
                                                                  const faultline::decision& d) {
  if (d.change.summary == "test.deadly.abort") std::abort();
  if (d.change.summary == "test.deadly.throw") throw std::runtime_error{"a bug"};
  while (d.change.summary == "test.deadly.stuck")
    std::this_thread::sleep_for(std::chrono::hours{1});
  return REAL(_ZN9faultline15correlator_core5applyERKNS_8decisionE)(self, d);
}

#define FIND_ROOT_CAUSE \
  _ZN9faultline15find_root_causeERKNS_12rca_questionERKNS_18root_cause_optionsERKSt6vectorINS_7runbookESaIS7_EEPNS_12cause_rankerE

faultline::root_cause_result EXPANDED(REAL, FIND_ROOT_CAUSE)(const faultline::rca_question&,
                                                             const faultline::root_cause_options&,
                                                             const std::vector<faultline::runbook>&,
                                                             faultline::cause_ranker*);

faultline::root_cause_result EXPANDED(WRAP, FIND_ROOT_CAUSE)(
    const faultline::rca_question& question, const faultline::root_cause_options& options,
    const std::vector<faultline::runbook>& runbooks, faultline::cause_ranker* ranker) {
  for (const auto& node : question.nodes) {
    if (node.entity == "test/abort") std::abort();
    if (node.entity == "test/throw") throw std::runtime_error{"a bug"};
  }
  return EXPANDED(REAL, FIND_ROOT_CAUSE)(question, options, runbooks, ranker);
}

using loaded_forecaster = faultline::outcome<std::unique_ptr<faultline::forecaster>>;

loaded_forecaster REAL(_ZN9faultline15load_forecasterERKNSt10filesystem7__cxx114pathEm)(
    const std::filesystem::path&, std::size_t);

loaded_forecaster WRAP(_ZN9faultline15load_forecasterERKNSt10filesystem7__cxx114pathEm)(
    const std::filesystem::path& file, std::size_t batch) {
  auto real = REAL(_ZN9faultline15load_forecasterERKNSt10filesystem7__cxx114pathEm)(file, batch);
  if (!real) return real;
  return std::unique_ptr<faultline::forecaster>{new deadly_forecaster{std::move(*real)}};
}

}  // extern "C"
