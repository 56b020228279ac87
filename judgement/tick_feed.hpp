// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "judgement/fed_core.hpp"

namespace faultline {

/// Feeds the closed ticks of many entities to their models, in passes as full as can be, as the
/// lane does for the server but on one thread: the ticks of an entity stay in order, one that is
/// degraded or whose pass fails is finished without the model.
///
/// @tparam Resident is a fed_core. Not owned: it outlives its time in the queue.
template <class Resident>
class tick_feed {
public:
  /// @p model_of(resident) is its model, or nullptr: none. @p finish(resident, result) ends its
  /// tick; it may not feed.
  template <class ModelOf, class Finish>
  void add(Resident& r, ModelOf model_of, Finish finish) {
    constexpr std::size_t rows_without_model = 64;
    if (r.queued || !r.core.row_waiting()) return;
    r.queued = true;
    queue_.push_back(&r);
    const forecaster* model = model_of(r);
    if (queue_.size() >= (model != nullptr ? model->capacity() : rows_without_model))
      flush(model_of, finish);
  }

  /// Runs every queued row; an entity that has more waiting goes again.
  template <class ModelOf, class Finish>
  void flush(ModelOf model_of, Finish finish) {
    while (!queue_.empty()) {
      const auto now = std::exchange(queue_, {});
      pass(now, model_of);
      for (auto* r : now) finish(*r, r->scored ? &r->result : nullptr);
      for (auto* r : now) {
        r->queued = r->core.row_waiting();
        if (r->queued) queue_.push_back(r);
      }
    }
  }

private:
  template <class ModelOf>
  static void pass(const std::vector<Resident*>& rows, ModelOf model_of) {
    std::map<forecaster*, std::vector<Resident*>> by_model;
    for (auto* r : rows) {
      const bool degraded = r->core.row_degraded();
      r->core.begin_tick(r->row);
      r->scored = false;
      if (forecaster* model = degraded ? nullptr : model_of(*r)) by_model[model].push_back(r);
    }
    for (auto& [model, group] : by_model) {
      for (std::size_t at = 0; at < group.size(); at += model->capacity()) {
        const auto count = std::min(model->capacity(), group.size() - at);
        std::vector<const forecast_row*> in;
        std::vector<forecast_result*> out;
        for (std::size_t i = at; i < at + count; ++i) {
          in.push_back(&group[i]->row);
          out.push_back(&group[i]->result);
        }
        const bool ran = static_cast<bool>(model->step(in.data(), out.data(), count));
        for (std::size_t i = at; i < at + count; ++i) group[i]->scored = ran;
      }
    }
  }

  std::vector<Resident*> queue_;  ///< with a row waiting, in order of arrival
};

}  // namespace faultline
