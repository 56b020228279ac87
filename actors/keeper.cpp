// SPDX-License-Identifier: Apache-2.0
#include "actors/keeper.hpp"

#include <stdexcept>
#include <thread>
#include <utility>

#include "actors/caf_bridge.hpp"
#include "actors/retirement.hpp"
#include "actors/scheduling.hpp"

namespace faultline {

namespace {

constexpr std::size_t outbox_page = 256;
constexpr std::chrono::milliseconds no_space_pause{100};

/// What @p write gives, once there is room for it.
template <class Write>
auto with_room(const keeper_hooks& hooks, Write write) {
  for (bool waited = false;;) {
    auto done = write();
    const bool waits = !done && done.error().code == ec::no_space && !hooks.ending();
    if (waits != waited) hooks.full(waits);
    if (!waits) return done;
    waited = waits;
    std::this_thread::sleep_for(no_space_pause);
  }
}

void consume(outbox_entry& entry, partition_id partition, decision_append& batch) {
  batch.outbox_consumed[partition] = entry.seq;
  batch.decisions.push_back(std::move(entry.decision));
}

/// 16 hex digits that sort from new to old.
std::string newest_first(event_time t) { return to_hex(~static_cast<std::uint64_t>(unix_ms(t))); }

struct feed_parts {
  feed_append batch;
  std::vector<std::vector<std::string>> topics;  ///< per item
};

void add_event(const feed_event& e, arrival_time now, feed_parts& parts) {
  switch (e.what) {
    case feed_event::kind::alert: {
      auto topics = topics_of(e.alert);
      parts.batch.items.push_back(
          {topics.front(),
           [a = e.alert, now](std::uint64_t seq) { return feed_payload(a, seq, now); },
           {topics.begin() + 1, topics.end()}});
      const auto bytes = encode_alert(e.alert);
      const auto item = parts.batch.items.size() - 1;
      parts.batch.records.push_back({record_key(e.alert), bytes, item});
      parts.batch.records.push_back({time_key(e.alert), bytes, item});
      parts.topics.push_back(std::move(topics));
      break;
    }
    case feed_event::kind::incident: {
      const auto topic = topic_of(e.incident);
      parts.batch.items.push_back(
          {topic, [i = e.incident, now](std::uint64_t seq) { return feed_payload(i, seq, now); }});
      const auto bytes = encode_incident(e.incident);
      const auto item = parts.batch.items.size() - 1;
      parts.batch.records.push_back({record_key(e.incident), bytes, item});
      parts.batch.records.push_back({time_key(e.incident), bytes, item});
      parts.topics.push_back({topic});
      break;
    }
    case feed_event::kind::notice: {
      const auto topic = topic_of(e.notice);
      parts.batch.items.push_back(
          {topic, [n = e.notice, now](std::uint64_t seq) { return feed_payload(n, seq, now); }});
      parts.topics.push_back({topic});
      break;
    }
  }
}

}  // namespace

std::string record_key(const alert& a) { return "alert/" + a.id; }
std::string record_key(const incident& i) { return "incident/" + i.id; }
std::string time_key(const alert& a) {
  return "alerts-by-time/" + newest_first(a.started) + "/" + a.id;
}
std::string time_key(const incident& i) {
  return "incidents-by-time/" + newest_first(i.started) + "/" + i.id;
}

void keeper_state::when_durable(std::function<void(const outcome<void>&)> then) {
  waiting_.push_back({into->written(), std::move(then)});
  if (std::exchange(asked_, true)) return;
  if (hooks.disk)
    ask_disk();
  else  // behind what has come already: one wait for all
    self->send(self, group_due{});
}

template <class T>
caf::result<T> keeper_state::answer_when_durable(T answer) {
  auto promise = self->make_response_promise<T>();
  when_durable([promise, answer = std::move(answer)](const outcome<void>& synced) mutable {
    if (synced)
      promise.deliver(std::move(answer));
    else
      promise.deliver(to_caf_error(synced.error()));
  });
  return promise;
}

void keeper_state::settle(const outcome<void>& synced) {
  const auto durable = into->durable();
  while (!waiting_.empty() && (!synced || waiting_.front().written <= durable)) {
    const auto then = std::move(waiting_.front().then);
    waiting_.pop_front();
    then(synced);
  }
}

void keeper_state::on_group_due() {
  settle({});  // a feed record, or another's wait, may have been faster
  ask_disk();
}

void keeper_state::ask_disk() {
  asked_ = !waiting_.empty();
  if (!asked_) return;
  const auto waited = [this](const outcome<void>& synced) {
    settle(synced);
    ask_disk();
  };
  if (hooks.disk)
    self->request(hooks.disk, keeper_deadline, wait_for_disk{})
        .then([waited](const disk_waited&) { waited({}); },
              [waited](const caf::error& why) { waited(from_caf_error(why)); });
  else
    waited(into->sync());
}

outcome<std::uint64_t> keeper_state::append(const decision_append& batch, sync_when when) {
  auto first = with_room(hooks, [&] { return into->decisions().append(batch, when); });
  if (!first) return first.error();
  hooks.decided(*first + batch.decisions.size() - 1);
  return *first;
}

outcome<void> keeper_state::catch_up() {
  feed_seq_ = into->feed().last();
  auto consumed = into->decisions().outbox_consumed();
  if (!consumed) return consumed.error();
  for (partition_id p = 0; p < into->events().partitions(); ++p)
    if (auto done = catch_up(p, (*consumed)[p] + 1); !done) return done;
  return {};
}

outcome<void> keeper_state::catch_up(partition_id p, std::uint64_t next) {
  for (;;) {
    auto page = into->checkpoints().read_outbox(p, next, outbox_page);
    if (!page) return page.error();
    if (page->empty()) return {};
    decision_append batch;
    for (auto& entry : *page) consume(entry, p, batch);
    next = page->back().seq + 1;
    if (auto done = append(batch, sync_when::now); !done) return done.error();
  }
}

/// What stands in the outbox of @p p and found no room in the decision log comes before all that
/// follows it there.
outcome<void> keeper_state::catch_up_if_behind(partition_id p) {
  if (behind_.count(p) == 0) return {};
  auto consumed = into->decisions().outbox_consumed();
  if (!consumed) return consumed.error();
  auto done = catch_up(p, (*consumed)[p] + 1);
  if (done) behind_.erase(p);
  return done;
}

caf::result<checkpoint_written> keeper_state::on_checkpoint(const write_checkpoint& w) {
  if (auto done = catch_up_if_behind(w.batch->partition); !done) return to_caf_error(done.error());
  auto appended =
      with_room(hooks, [&] { return into->checkpoints().write(*w.batch, sync_when::later); });
  if (!appended) return to_caf_error(appended.error());
  if (!appended->empty()) {
    decision_append batch;
    std::vector<std::string> retired;
    for (auto& entry : *appended) {
      if (is_by_silence(entry.key)) retired.push_back(entry.entity);
      consume(entry, w.batch->partition, batch);
    }
    if (auto done = append(batch, sync_when::later); !done) {
      behind_.insert(w.batch->partition);
      return to_caf_error(done.error());
    }
    for (const std::string& entity : retired) hooks.retired(entity);
  }
  const checkpoint_written answer{appended->size()};
  if (!w.batch->sync && appended->empty()) return answer;
  return answer_when_durable(answer);
}

void keeper_state::hand_over_controls(std::uint64_t first, const std::vector<decision>& decisions) {
  for (const auto& d : decisions) {
    if (d.kind == decision_kind::command && is_control(d.command.name))
      hooks.control(first, d.command);
    ++first;
  }
}

caf::result<decisions_appended> keeper_state::on_decisions(const append_decisions& a) {
  decision_append batch;
  for (const auto& d : a.decisions) {
    batch.decisions.push_back(encode_decision(d));
    if (d.kind != decision_kind::command || !is_control(d.command.name)) continue;
    batch.control = batch.decisions.size();
    if (!sets_rules(d.command.name)) continue;
    batch.rules = batch.decisions.size();
    batch.rules_record = d.command.payload;
  }
  auto first = append(batch, sync_when::later);
  if (!first) return to_caf_error(first.error());
  for (const auto& d : a.decisions)
    if (d.kind == decision_kind::command && d.command.name == "retire")
      hooks.retired(d.command.subject);
  if (batch.control != 0 && hooks.control)
    when_durable([this, first = *first, decisions = a.decisions](const outcome<void>& synced) {
      if (synced) hand_over_controls(first, decisions);
    });
  return answer_when_durable(decisions_appended{*first});
}

// Answered when it is written: what follows from it is written behind it. Told to the outside when
// it is on the disk, and so is all that led to it.
outcome<feed_written> keeper_state::on_feed(const write_feed& w) {
  feed_parts parts;
  const auto now = hooks.now();
  for (const auto& e : w.events) add_event(e, now, parts);
  parts.batch.through = w.through;
  parts.batch.state = w.state;
  auto written =
      with_room(hooks, [&] { return into->feed().append(parts.batch, sync_when::later); });
  if (!written) return written.error();
  if (written->empty()) return feed_written{feed_seq_};
  feed_seq_ = written->back().seq;
  when_durable([this, records = std::move(*written),
                topics = std::move(parts.topics)](const outcome<void>& synced) {
    if (!synced) return;  // the store takes nothing more, and the node ends
    for (std::size_t i = 0; i < records.size(); ++i) hooks.publish(records[i], topics[i]);
  });
  return feed_written{feed_seq_};
}

keeper_actor::behavior_type keeper(keeper_actor::stateful_pointer<keeper_state> self, store* into,
                                   keeper_hooks hooks) {
  self->state.into = into;
  self->state.hooks = std::move(hooks);
  if (auto done = self->state.catch_up(); !done)
    throw std::runtime_error{"outbox cannot be read: " + done.error().what};
  return {
      [self](const write_checkpoint& w) { return self->state.on_checkpoint(w); },
      [self](const append_decisions& a) { return self->state.on_decisions(a); },
      [self](const write_feed& w) { return to_reply(self->state.on_feed(w)); },
      [self](const skip_record& s) -> caf::result<record_skipped> {
        auto why =
            s.why;  // a partition's clock may not have begun yet: retention asks when it came
        if (why.arrived == arrival_time{}) why.arrived = self->state.hooks.now();
        auto done = with_room(self->state.hooks,
                              [&] { return self->state.into->poison().skip(s.where, why); });
        if (!done) return to_caf_error(done.error());
        return record_skipped{};
      },
      [self](const group_due&) { self->state.on_group_due(); },
      [](const pulse_question&) { return pulse{}; },
  };
}

keeper_actor::behavior_type keeper_door(keeper_actor::pointer self, keeper_actor real,
                                        std::shared_ptr<const std::atomic<bool>> full) {
  be_urgent(*self);
  const auto hand_on = [self, real](const auto& what) { return self->delegate(real, what); };
  return {
      [=](const write_checkpoint& w) { return hand_on(w); },
      [=](const append_decisions& a) -> caf::result<decisions_appended> {
        if (full->load())
          return to_caf_error({ec::no_space, "the disk is full: ask again when there is room"});
        return hand_on(a);
      },
      [=](const write_feed& w) { return hand_on(w); },
      [=](const skip_record& s) { return hand_on(s); },
      [](const group_due&) {},
      [=](const pulse_question& q) { return hand_on(q); },
  };
}

disk_actor::behavior_type disk(disk_actor::pointer, store* into) {
  return {[into](const wait_for_disk&) -> caf::result<disk_waited> {
    if (auto done = into->sync(); !done) return to_caf_error(done.error());
    return disk_waited{};
  }};
}

}  // namespace faultline
