// SPDX-License-Identifier: Apache-2.0
#include "actors/correlator.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/scheduling.hpp"

namespace faultline {

namespace {
constexpr std::size_t page_decisions = 256;
/// Our state is saved after this many decisions, and not before it costs less than this much a
/// decision: with many alerts it is megabytes. A restart folds again what came after.
constexpr std::uint64_t decisions_per_save = 64;
constexpr std::uint64_t saved_bytes_per_decision = 512;
/// Questions kept while we are behind; as many as may wait for the root-cause actor. One that is
/// let go is asked again when its time for an answer has passed.
constexpr std::size_t most_requests = 1024;
/// Questions from outside that wait until we know what we had told, or what they ask for; those who
/// ask have a deadline.
constexpr std::size_t most_held = 128;
constexpr std::chrono::minutes store_deadline{1};
constexpr milliseconds clock_step{10'000};  ///< event time between clock decisions
constexpr int deadly = 2;                   ///< throws after which a decision is not folded again
/// What we tell ourselves while somebody waits for an answer: it comes behind what is here already.
constexpr std::uint64_t no_decision = 0;
/// What of a decision is folded, and skipped where it is deadly.
constexpr std::uint32_t whole_decision = 0, end_of_alert = 1;
}  // namespace

correlator_state::~correlator_state() {
  for (auto& q : held_) q.to.deliver(to_caf_error({ec::shutting_down, "the correlator has ended"}));
}

void correlator_state::begin(correlation_options correlation, actor_options o, correlator_peers p) {
  correlation_ = std::move(correlation);
  options_ = o;
  peers_ = std::move(p);
  load();
}

/// From the last saved state, with nothing under way.
void correlator_state::load() {
  core_ = std::make_unique<correlator_core>(correlation_);
  through_ = saved_through_ = saved_bytes_ = 0;
  requests_.clear();
  requested_.clear();
  requests_let_go_ = 0;
  loaded_ = caught_up_ = busy_ = telling_ = false;
  tell_whole();
  self->request(peers_.librarian, store_deadline, load_correlator{})
      .then([this](const correlator_image& image) { on_image(image); },
            [this](const caf::error& why) { fail(why); });
}

void correlator_state::fail(const caf::error& why) { self->quit(why); }

void correlator_state::on_image(const correlator_image& image) {
  if (!image.checkpoint.state.empty()) {
    if (auto done = core_->restore(image.checkpoint.state); !done) {
      fail(to_caf_error(done.error()));
      return;
    }
    through_ = saved_through_ = image.checkpoint.state_through;
    saved_bytes_ = image.checkpoint.state.size();
  }
  skipped_.clear();
  for (const record_address& where : image.skipped) skipped_.insert(where.mark());
  told_through_ = image.checkpoint.through;
  known_last_ = std::max(known_last_, image.decisions_last);
  feed_seq_ = image.feed_last;
  loaded_ = true;
  tell_whole();
  read_on();
  if (!busy_) send_requests();
}

void correlator_state::on_available(const decisions_available& d) {
  if (d.last == no_decision) {
    answering_ = false;
    answer_held();
    return;
  }
  known_last_ = std::max(known_last_, d.last);
  read_on();
}

void correlator_state::read_on() {
  if (!loaded_ || busy_ || through_ >= known_last_) return;
  busy_ = true;
  self->request(peers_.librarian, store_deadline, read_decisions{through_ + 1, page_decisions})
      .then([this](const decision_page& page) { on_page(page); },
            [this](const caf::error& why) { fail(why); });
}

void correlator_state::collect_requests(std::vector<rca_request> fresh, const decision& d) {
  if (d.kind == decision_kind::root_cause)
    if (const auto at = requested_.find(d.root_cause.incident); at != requested_.end()) {
      requests_[at->second - requests_let_go_].reset();
      requested_.erase(at);
    }
  for (auto& r : fresh) {
    while (requested_.size() >= most_requests && requested_.count(r.incident) == 0) {
      if (requests_.front()) requested_.erase(requests_.front()->incident);
      requests_.pop_front();
      ++requests_let_go_;
    }
    const auto [at, is_new] =
        requested_.try_emplace(r.incident, requests_let_go_ + requests_.size());
    if (is_new)
      requests_.emplace_back(std::move(r));
    else
      requests_[at->second - requests_let_go_] = std::move(r);
  }
}

/// Nothing: it threw, and we begin again.
std::optional<correlator_output> correlator_state::fold(const decision& d) {
  for (const std::uint32_t way : {whole_decision, end_of_alert}) {
    const record_address where{decision_space, d.seq, way};
    if (skipped_.count(where.mark()) != 0) continue;
    const flight_recorder::mark folding{peers_.flight, where};
    try {
      return way == whole_decision ? core_->apply(d) : core_->pass_over(d);
    } catch (const std::exception& why) {
      on_thrown(d, where, why.what());
      return std::nullopt;
    }
  }
  return correlator_output{};
}

void correlator_state::on_thrown(const decision& thrown, const record_address& where,
                                 const std::string& why) {
  loaded_ = false;  // it may have stopped half-way
  tell_whole();
  if (++thrown_[where.mark()] < deadly) {
    load();
    return;
  }
  dead_letter letter;
  letter.reason = "poison";
  letter.source = "correlator";
  letter.text = name_of(where) + " threw twice: " + why;
  decision d;
  d.kind = decision_kind::notice;
  d.notice = notice{"poison", "decisions", letter.text + "; it is not applied any more",
                    std::max({clock_told_, thrown.alert.updated, thrown.change.at, thrown.notice.at,
                              thrown.clock})};
  self->request(peers_.keeper, keeper_deadline, append_decisions{{std::move(d)}})
      .then([](const decisions_appended&) {}, [this](const caf::error& e) { fail(e); });
  self->request(peers_.keeper, keeper_deadline, skip_record{where, std::move(letter)})
      .then([this](const record_skipped&) { load(); }, [this](const caf::error& e) { fail(e); });
}

void correlator_state::on_page(const decision_page& page) {
  write_feed out;
  for (const auto& d : page.decisions) {
    auto result = fold(d);
    if (!result) return;
    through_ = d.seq;
    if (d.kind == decision_kind::clock) clock_asked_ = false;
    collect_requests(std::move(result->requests), d);
    if (d.seq <= told_through_) continue;  // told before the restart
    std::move(result->feed.begin(), result->feed.end(), std::back_inserter(out.events));
  }
  telling_ = !out.events.empty();
  count_signs();
  tell_whole();
  if (page.decisions.empty() || through_ <= told_through_) {
    busy_ = false;
    if (page.decisions.empty()) known_last_ = through_;
    read_on();
    if (!busy_) send_requests();
    return;
  }
  out.through = through_;
  if (through_ - saved_through_ >=
      std::max(decisions_per_save, saved_bytes_ / saved_bytes_per_decision)) {
    out.state = core_->save();
    saved_through_ = through_;
    saved_bytes_ = out.state.size();
  }
  self->request<caf::message_priority::high>(peers_.keeper, keeper_deadline, std::move(out))
      .then(
          [this](const feed_written& w) {
            busy_ = telling_ = false;
            told_through_ = through_;
            feed_seq_ = w.last_seq;
            answer_held();  // before more is folded
            send_requests();
            read_on();
          },
          [this](const caf::error& why) { fail(why); });
}

// An answer to a question may stand further on in the log: nothing is asked before its end. What is
// open then after a restart was asked before it, and its answer is lost.
void correlator_state::send_requests() {
  if (through_ < known_last_) return;
  if (!caught_up_) {
    auto outstanding = core_->outstanding();
    requests_.assign(std::make_move_iterator(outstanding.begin()),
                     std::make_move_iterator(outstanding.end()));
  }
  caught_up_ = true;
  for (auto& r : requests_)
    if (r) self->send(peers_.rca, find_cause{std::move(*r)});
  requests_.clear();
  requested_.clear();
  requests_let_go_ = 0;
}

void correlator_state::count_signs() const {
  if (peers_.counters == nullptr) return;
  const sign_counters n = core_->signs();
  peers_.counters->weak_signs = n.signs;
  peers_.counters->sign_questions = n.asked;
  peers_.counters->sign_incidents = n.opened;
}

void correlator_state::on_clock(const event_clock_at& c) {
  if (!loaded_ || clock_asked_ || c.at < clock_told_ + clock_step || !core_->wants_clock(c.at))
    return;
  clock_told_ = c.at;
  clock_asked_ = true;
  decision d;
  d.kind = decision_kind::clock;
  d.clock = c.at;
  self->request(peers_.keeper, keeper_deadline, append_decisions{{std::move(d)}})
      .then([](const decisions_appended&) {}, [this](const caf::error& why) { fail(why); });
}

caf::result<correlator_view> correlator_state::on_question(const correlator_question& q) {
  if (can_answer(q)) return view_of(q);
  if (held_.size() == most_held) {  // who has waited longest is likeliest not to wait any more
    held_.front().to.deliver(to_caf_error({ec::overloaded, "too many ask and wait"}));
    held_.pop_front();
  }
  held_.push_back({q, self->make_response_promise<correlator_view>()});
  return held_.back().to;
}

void correlator_state::tell_whole() {
  if (peers_.whole != nullptr) peers_.whole->store(whole());
  go_on_answering();
}

/// The first of those that wait whose answer is known.
std::deque<correlator_state::held_question>::iterator correlator_state::next_held() {
  return std::find_if(held_.begin(), held_.end(),
                      [this](const held_question& h) { return can_answer(h.what); });
}

void correlator_state::go_on_answering() {
  if (next_held() == held_.end() || std::exchange(answering_, true)) return;
  self->send(self, decisions_available{no_decision});
}

void correlator_state::answer_held() {
  const auto next = next_held();
  if (next == held_.end()) return;
  next->to.deliver(view_of(next->what));
  held_.erase(next);
  go_on_answering();
}

correlator_view correlator_state::view_of(const correlator_question& q) const {
  correlator_view view;
  if (q.alerts) view.firing = core_->firing();
  if (q.incidents) view.open = core_->open();
  if (q.silences) view.silences = core_->silences();
  if (q.topology) {
    view.nodes = core_->nodes();
    view.edges = core_->edges();
    view.taken_away = core_->taken_away();
  }
  view.feed_seq = feed_seq_;
  view.through = through_;
  return view;
}

correlator_actor::behavior_type correlator(
    correlator_actor::stateful_pointer<correlator_state> self, correlation_options correlation,
    actor_options options, correlator_peers peers) {
  be_urgent(*self);
  self->state.begin(std::move(correlation), options, std::move(peers));
  return {
      [self](const decisions_available& d) { self->state.on_available(d); },
      [self](const event_clock_at& c) { self->state.on_clock(c); },
      [self](const correlator_question& q) { return self->state.on_question(q); },
      [](const pulse_question&) { return pulse{}; },
  };
}

}  // namespace faultline
