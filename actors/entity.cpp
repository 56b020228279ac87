// SPDX-License-Identifier: Apache-2.0
#include "actors/entity.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "actors/scheduling.hpp"
#include "processing/prefetch.hpp"

namespace faultline {

namespace {

/// A result nearer than this to its tick waits for the entity's next event, whatever its tails say:
/// a knock costs a message, and most ticks have an event soon.
constexpr float least_loud = 8;

/// Rule 15: so many ticks without an event, and it goes to disk.
constexpr std::uint32_t passive_after_ticks = 12;
constexpr std::uint64_t look_at_memory = 32;  ///< every so many events

/// By one; we alone write it.
void grow(std::atomic<std::uint64_t>& counter) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void append(std::vector<closed_block>& to, std::vector<closed_block> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// One view per worker thread, so that reading a record allocates nothing in steady state.
record_view& scratch_record() {
  static thread_local record_view record;
  return record;
}

}  // namespace

void entity_state::begin(entity_birth birth, std::shared_ptr<const entity_peers> who) {
  cell_ = std::move(birth.cell);
  peers_ = std::move(who);
  core_ = std::make_unique<entity_core>(birth.id, birth.rules);
  if (!birth.snapshot.empty()) {
    const auto restored = core_->restore(birth.snapshot);
    if (!restored) throw std::runtime_error{"snapshot unreadable: " + restored.error().what};
  }
  model_ = model_of(*birth.rules);
  core_->adopt(std::move(birth.recorded), birth.decided_through);
  static std::atomic<std::uint64_t> incarnations{0};
  asked_ = {incarnations.fetch_add(1, std::memory_order_relaxed) + 1, 0};
  slot_ = std::make_shared<lane_slot>();
  slot_->owner = caf::actor_cast<caf::weak_actor_ptr>(self);
  slot_->partition = peers_->partition;
  slot_->credit = peers_->credit;
  slot_->cell = cell_;
  count_told();
}

void entity_state::prefetch_state() const noexcept {
  if (!core_) return;
  core_->prefetch_state();
  prefetch(slot_.get(), sizeof(lane_slot));
  prefetch(cell_.get(), sizeof(entity_cell));
}

void entity_state::prefetch_parts() const noexcept {
  if (core_) core_->prefetch_parts();
}

entity_state::~entity_state() {
  if (told_bytes_ != 0)
    peers_->counters->told_bytes.fetch_sub(told_bytes_, std::memory_order_relaxed);
}

/// Lines and spans take what they are given: the door has to know (rule 15).
void entity_state::count_told() {
  const auto now = static_cast<std::uint32_t>(core_->told_bytes());
  if (now == told_bytes_) return;
  peers_->counters->told_bytes.fetch_add(std::uint64_t{now} - told_bytes_,
                                         std::memory_order_relaxed);
  told_bytes_ = now;
}

void entity_state::count_left_out(std::uint64_t before) {
  const auto more = core_->left_out() - before;
  if (more != 0) peers_->counters->values_too_many.fetch_add(more, std::memory_order_relaxed);
}

void entity_state::on_observation(const observation& o) {
  absorb();
  if (held_.empty() && !must_wait(o.clock))
    take(o);
  else
    hold(o);
  pump();
}

// A silence is judged with every tick before it finished: which clock says it must not depend on
// how fast the lane was. So a clock that may say it waits for the row in the lane, and what comes
// behind waits too.
bool entity_state::must_wait(const partition_time& clock) const {
  if (!core_->in_flight() && !core_->row_waiting()) return false;
  return core_->may_fall_silent(clock);
}

void entity_state::hold(held_message m) {
  held_.push_back(std::move(m));
  take_held();  // what those before it waited for may have come
}

void entity_state::take_held() {
  std::size_t taken = 0;
  for (; taken < held_.size(); ++taken) {
    begin_rows();  // what is finished without the lane keeps nobody waiting
    const auto& next = held_[taken];
    if (std::visit([this](const auto& m) { return must_wait(m); }, next)) break;
    std::visit([this](const auto& m) { take(m); }, next);
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(taken));
}

void entity_state::take(const observation& o) {
  if (!cell_->begin()) return;  // its partition's owner has ended: the next one reads it
  ++begun_;
  const record_address where{o.blob->partition, o.blob->position, o.index};
  cell_->position.store(where.position, std::memory_order_relaxed);
  cell_->index.store(where.index, std::memory_order_relaxed);
  peers_->counters->in_flight.fetch_sub(1, std::memory_order_relaxed);
  ++owed_;
  if (o.counted) {
    ++owed_counted_;
    grow(cell_->begun_counted);
  }
  auto& record = scratch_record();
  under_way_ = where;
  const flight_recorder::mark applying{peers_->flight, where};
  const auto read = read_record_at(o.blob->bytes, o.offset, record);
  if (!read) throw std::runtime_error{"record unreadable: " + read.error().what};
  follow_clock(o.clock, where);
  core_->set_degraded(o.degraded);
  apply(record.event, where);
  if (begun_ % look_at_memory == 0) count_told();
  cell_->applied.store(begun_, std::memory_order_relaxed);
}

void entity_state::take(const clock_passed& c) {
  under_way_ = c.where;
  // Whoever dies of it has not died of its last event.
  cell_->position.store(c.where.position, std::memory_order_relaxed);
  cell_->index.store(c.where.index, std::memory_order_relaxed);
  const flight_recorder::mark applying{peers_->flight, c.where};
  follow_clock(c.clock, c.where);
  ++clocks_done_;
}

void entity_state::apply(const event_view& event, const record_address& where) {
  auto& n = *peers_->counters;
  const auto left_out = core_->left_out();
  const auto applied = core_->observe(event, where, decided_);
  count_left_out(left_out);
  switch (applied) {
    case applied_as::taken:
      n.events_taken.fetch_add(1, std::memory_order_relaxed);
      break;
    case applied_as::late:
      n.events_late.fetch_add(1, std::memory_order_relaxed);
      break;
    case applied_as::kept:
      n.events_kept.fetch_add(1, std::memory_order_relaxed);
      break;
    case applied_as::duplicate:
      n.events_replayed.fetch_add(1, std::memory_order_relaxed);
      return;
  }
  covered_ = where;
}

void entity_state::follow_clock(const partition_time& clock, const record_address& where) {
  if (clock.event <= clock_) return;
  clock_ = clock.event;
  core_->set_degraded(clock.degraded);
  const auto left_out = core_->left_out();
  core_->advance(clock, where, decided_);
  count_left_out(left_out);
}

void entity_state::on_clock(const clock_passed& c) {
  absorb();
  if (held_.empty() && !must_wait(c.clock))
    take(c);
  else
    hold(c);
  pump();
  say_idle();
}

// Only a clock can say that nothing came.
void entity_state::say_idle() {
  if (core_->idle_ticks() < passive_after_ticks || !held_.empty() || waiting_for_lane_ ||
      core_->row_waiting() || snapshot_wanted())
    return;
  if (auto partition = caf::actor_cast<caf::strong_actor_ptr>(peers_->partition))
    self->send(caf::actor_cast<partition_actor>(partition), entity_idle{std::string{core_->id()}});
}

// A tick is judged by the rules at the record that closed it: new ones wait until what is closed is
// judged, and what comes behind them waits too.
bool entity_state::must_wait(const rules_changed&) const {
  return core_->in_flight() || core_->row_waiting();
}

void entity_state::take(const rules_changed& r) {
  model_ = model_of(*r.rules);
  core_->set_rules(r.rules);
}

std::uint32_t entity_state::model_of(const judgement_rules& rules) const {
  return peers_->inference == nullptr ? 0 : peers_->inference->model_number(rules.model.sha256);
}

void entity_state::on_rules(const rules_changed& r) {
  absorb();
  begin_rows();
  if (held_.empty() && !must_wait(r))
    take(r);
  else
    hold(r);
  pump();
}

void entity_state::on_result() {
  absorb();
  take_held();
  pump();
}

void entity_state::absorb() {
  if (!waiting_for_lane_ || slot_->state.load(std::memory_order_acquire) != lane_slot::done) return;
  if (slot_->answered != asked_) {  // it speaks of another row than ours
    peers_->counters->lane_dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  waiting_for_lane_ = false;
  slot_->state.store(lane_slot::idle, std::memory_order_relaxed);
  finish(slot_->failed ? nullptr : &slot_->result());
}

void entity_state::finish(const forecast_result* result) {
  const flight_recorder::mark applying{peers_->flight, under_way_};
  auto& counter =
      result != nullptr ? peers_->counters->ticks_scored : peers_->counters->ticks_degraded;
  counter.fetch_add(1, std::memory_order_relaxed);
  core_->finish_tick(result, decided_);
}

void entity_state::begin_rows() {
  while (core_->row_waiting()) {
    const bool degraded = core_->row_degraded() || peers_->inference == nullptr;
    slot_->about = core_->row_last();
    if (slot_->about.position == 0) slot_->about = covered_;
    core_->begin_tick(slot_->begin_row());
    if (degraded) {
      finish(nullptr);
      continue;
    }
    submit();
  }
}

void entity_state::pump() {
  begin_rows();
  if (waiting_for_lane_ && (core_->waiting_ticks() != 0 || snapshot_wanted() || !held_.empty())) {
    // Somebody waits for this very result: ticks behind it, a snapshot, or what is held.
    slot_->want_knock(asked_);
    if (slot_->state.load(std::memory_order_seq_cst) == lane_slot::done &&
        slot_->take_knock(asked_))
      self->send(self, result_ready{});
  }
  send_decisions();
  release_credit();
  answer_snapshot();
}

void entity_state::submit() {
  ++asked_.tick;
  slot_->asked = asked_;
  slot_->model = model_;
  slot_->loud_threshold = std::max(core_->loud_threshold(), least_loud);
  if (core_->expectant())
    slot_->want_knock(asked_);
  else
    slot_->want_no_knock();
  slot_->state.store(lane_slot::submitted, std::memory_order_release);
  slot_->held = owed_ != 0 ? 1 : 0;
  owed_ -= slot_->held;
  slot_->held_counted = owed_counted_ != 0 ? slot_->held : 0;
  owed_counted_ -= slot_->held_counted;
  waiting_for_lane_ = true;
  peers_->inference->submit(slot_);
}

void entity_state::send_decisions() {
  auto blocks = core_->take_blocks();
  if (!blocks.empty()) append(saving_now().blocks, std::move(blocks));
  if (decided_.empty()) {
    cell_->clocks_done.store(clocks_done_, std::memory_order_release);
    return;
  }
  peers_->counters->decisions.fetch_add(decided_.size(), std::memory_order_relaxed);
  if (auto partition = caf::actor_cast<caf::strong_actor_ptr>(peers_->partition))
    self->send(caf::actor_cast<partition_actor>(partition),
               entity_decided{std::string{core_->id()}, std::move(decided_)});
  decided_.clear();
  grow(cell_->decided_sent);
  cell_->clocks_done.store(clocks_done_, std::memory_order_release);
}

void entity_state::release_credit() {
  // A tick that waits behind the lane holds the credit of its event: so their number is bounded.
  const auto held = std::min<std::uint64_t>(owed_, core_->waiting_ticks());
  const auto n = owed_ - held;
  if (n == 0) return;
  owed_ = held;
  const auto n_counted = owed_counted_ - std::min(owed_counted_, held);
  owed_counted_ -= n_counted;
  if (!cell_->release(n, n_counted)) return;
  peers_->counters->finished.fetch_add(n_counted, std::memory_order_relaxed);
  if (!peers_->credit->give_back(static_cast<std::int64_t>(n))) return;
  if (auto partition = caf::actor_cast<caf::strong_actor_ptr>(peers_->partition))
    self->send(caf::actor_cast<partition_actor>(partition), credit_back{});
}

void entity_state::on_take_snapshot() {
  absorb();
  take_held();
  saving_now().wanted = true;
  pump();
}

void entity_state::answer_snapshot() {
  if (!snapshot_wanted() || !held_.empty() || core_->in_flight() || core_->row_waiting()) return;
  if (auto partition = caf::actor_cast<caf::strong_actor_ptr>(peers_->partition))
    self->send(caf::actor_cast<partition_actor>(partition), save_now());
  saving_->wanted = false;
  if (saving_->handed.empty()) saving_.reset();
}

void entity_state::on_blocks_stored(const blocks_stored& b) {
  if (!saving_) return;
  auto& handed = saving_->handed;
  handed.erase(std::remove_if(handed.begin(), handed.end(),
                              [&](const closed_block& block) { return block.number <= b.through; }),
               handed.end());
  if (handed.empty() && saving_->blocks.empty() && !saving_->wanted) saving_.reset();
}

entity_state::saving& entity_state::saving_now() {
  if (!saving_) saving_ = std::make_unique<saving>();
  return *saving_;
}

/// @pre snapshot_wanted().
entity_saved entity_state::save_now() {
  entity_saved saved;
  saved.entity = core_->id();
  saved.bytes = core_->save();
  saved.outline = core_->outline();
  saved.position = covered_.position;
  saved.index = covered_.index;
  auto& now = *saving_;
  append(now.handed, std::vector<closed_block>{now.blocks});
  const auto kept = std::min<std::size_t>(now.handed.size(), storage_options{}.blocks_per_entity);
  now.handed.erase(now.handed.begin(), now.handed.end() - static_cast<std::ptrdiff_t>(kept));
  saved.blocks = std::exchange(now.blocks, {});
  return saved;
}

window_answer entity_state::on_window(const window_question& q) const {
  window_answer answer{true, core_->window(q.as_of, q.detail), {}};
  if (!saving_) return answer;
  answer.fresh = saving_->handed;
  append(answer.fresh, std::vector<closed_block>{saving_->blocks});
  return answer;
}

entity_answer entity_state::on_question() const {
  return entity_answer{true, false, core_->status()};
}

entity_actor::behavior_type entity(entity_actor::stateful_pointer<entity_state> self,
                                   std::shared_ptr<entity_birth> birth,
                                   std::shared_ptr<const entity_peers> peers) {
  be_foreseen(*self);
  self->state.begin(std::move(*birth), std::move(peers));
  return {
      [self](const observation& o) { self->state.on_observation(o); },
      [self](const clock_passed& c) { self->state.on_clock(c); },
      [self](const rules_changed& r) { self->state.on_rules(r); },
      [self](const result_ready&) { self->state.on_result(); },
      [self](const take_snapshot&) { self->state.on_take_snapshot(); },
      [self](const blocks_stored& b) { self->state.on_blocks_stored(b); },
      [self](const window_question& q) { return self->state.on_window(q); },
      [self](const entity_question&) { return self->state.on_question(); },
  };
}

}  // namespace faultline
