// SPDX-License-Identifier: Apache-2.0
#include "server/entity_pages.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include <caf/event_based_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "server/asking.hpp"

namespace faultline {

namespace {

/// First the names of all partitions, then a row of each name on the page. One actor gathers: its
/// handlers run one at a time, so nothing here needs a lock.
class page_gatherer : public std::enable_shared_from_this<page_gatherer> {
public:
  page_gatherer(caf::event_based_actor* self, const partition_directory& all, list_question what,
                answer<entity_page> done)
      : self_{self}, all_{all}, what_{std::move(what)}, done_{std::move(done)} {}

  void ask_for_names() {
    auto question = what_;
    ++question.limit;  // whether there are more
    left_ = all_.size();
    for (partition_id p = 0; p < all_.size(); ++p)
      ask<list_answer>(all_.owner(p), question, [this](list_answer& a) { take(a); });
  }

private:
  template <class Answer, class Question, class Then>
  void ask(const partition_actor& owner, const Question& question, Then then) {
    if (!owner) return fail(failure{ec::overloaded, "a partition is starting"});
    self_->request(owner, question_deadline, question)
        .then([me = shared_from_this(), then](Answer& a) { then(a); },
              [me = shared_from_this()](const caf::error& why) { me->fail(from_caf_error(why)); });
  }
  void take(list_answer& a) {
    std::move(a.entities.begin(), a.entities.end(), std::back_inserter(names_));
    if (--left_ == 0) ask_for_rows();
  }
  void ask_for_rows() {
    std::sort(names_.begin(), names_.end());
    const bool more = names_.size() > what_.limit;
    if (more) names_.resize(what_.limit);
    if (names_.empty()) return done_(entity_page{});
    if (more) next_ = names_.back();
    left_ = names_.size();
    rows_.resize(names_.size());
    for (std::size_t i = 0; i < names_.size(); ++i)
      ask<entity_answer>(all_.owner_of(names_[i]), entity_question{names_[i], true},
                         [this, i](const entity_answer& a) { take(i, a); });
  }
  void take(std::size_t i, const entity_answer& a) {
    if (a.known)
      rows_[i] =
          entity_row{a.status.id, a.status.state, a.status.observations, unix_ms(a.status.last_ts)};
    if (--left_ == 0) finish();
  }
  void finish() {
    entity_page page;
    page.next = std::move(next_);
    for (auto& row : rows_)
      if (!row.id.empty()) page.entities.push_back(std::move(row));
    done_(std::move(page));
  }
  /// The first says why; what is not answered then leaves the count above 0.
  void fail(failure why) {
    if (!std::exchange(failed_, true)) done_(std::move(why));
  }

  caf::event_based_actor* self_;
  const partition_directory& all_;
  const list_question what_;
  answer<entity_page> done_;
  std::vector<std::string> names_;
  std::vector<entity_row> rows_;  ///< without an id: it is gone
  std::string next_;
  std::size_t left_ = 0;  ///< answers that are awaited
  bool failed_ = false;
};

}  // namespace

void gather_entities(caf::actor_system& system, const partition_directory& all, list_question what,
                     answer<entity_page> done) {
  system.spawn([&all, what = std::move(what),
                done = std::move(done)](caf::event_based_actor* self) mutable {
    std::make_shared<page_gatherer>(self, all, std::move(what), std::move(done))->ask_for_names();
  });
}

}  // namespace faultline
