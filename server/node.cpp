// SPDX-License-Identifier: Apache-2.0
#include "server/node.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "server/node_impl.hpp"
#include "server/placement.hpp"

namespace faultline {

void node::impl::step_done(const char* step) const {
  const auto passed = std::chrono::steady_clock::now() - started;
  spdlog::debug("start step={} at_ms={} process_cpu_s={:.2f}", step,
                std::chrono::duration_cast<milliseconds>(passed).count(), process_cpu_seconds());
}

outcome<void> node::impl::go_on(const char* step) const {
  step_done(step);
  if (!options.told_to_end || !options.told_to_end()) return {};
  return failure{ec::shutting_down, std::string{"told to end behind the step "} + step};
}

// Each step stands on those before it; end() goes the other way.
outcome<void> node::impl::begin() {
  struct step {
    const char* name;
    outcome<void> (impl::*take)();
  };
  static constexpr step steps[] = {
      {"store", &impl::open_store},    // what was taken and decided before
      {"rules", &impl::take_up},       // what is judged by, recorded before anybody does
      {"bound", &impl::bind_doors},    // who finds an address in use ends before anybody works
      {"actors", &impl::spawn},        // whom the log is told to; they begin to catch up
      {"publishers", &impl::open_log}  // who is known, so that what comes again is told apart
  };
  for (const auto& next : steps) {
    if (auto done = (this->*next.take)(); !done) return done;
    if (auto more = go_on(next.name); !more) return more;
  }
  if (auto done = serve(); !done) return done;
  step_done("doors");
  serves = true;
  reloads.succeeded_at_ms.store(unix_ms(time_now()));
  return {};
}

outcome<void> node::impl::open_store() {
  clock.follow(wall_clock(), running_clock());
  if (auto possible = check_placement(options.placement); !possible) return possible;
  const placed here{"fl-storage", options.placement.storage, thread_turn::whole};
  auto opened = open_rocksdb_store(options.storage,
                                   [](const std::string& text) { spdlog::info("{}", text); });
  if (!opened) return opened.error();
  memory = std::move(*opened);
  return {};
}

outcome<void> node::impl::take_up() {
  for (partition_id p = 0; p < memory->events().partitions(); ++p)
    had_records = had_records || memory->events().last(p) != 0;
  if (auto read = read_flight(); !read) return read;
  return settle_rules();
}

// What has killed the process twice is never tried again (rule 10): it is named before anything
// is applied.
outcome<void> node::impl::read_flight() {
  auto opened = flight_recorder::open(options.storage.path + "/flight");
  if (!opened) return opened.error();
  flight = std::move(*opened);
  for (const auto& s : flight->suspects()) {
    const auto name = name_of(s.where);
    spdlog::warn("the process died applying {} deaths={}", name, s.deaths);
    if (s.deaths < flight_recorder::deadly) continue;
    dead_letter letter;
    letter.reason = "poison";
    letter.arrived = time_now();
    letter.source = "process";
    letter.text = name + " killed the process " + std::to_string(s.deaths) + " times";
    const auto p = s.where.partition;
    decision d;
    d.kind = decision_kind::notice;
    d.notice = notice{"poison",
                      p == decision_space   ? "decisions"
                      : p == question_space ? "root_cause"
                                            : "partition/" + std::to_string(p),
                      letter.text + "; it is not applied any more",
                      event_time_of(unix_ms(letter.arrived))};
    if (auto skipped = memory->poison().skip(s.where, letter); !skipped) return skipped;
    notices.push_back(std::move(d));
    flight->forget(s.where);
  }
  const auto questions = memory->poison().load(question_space);
  if (!questions) return questions.error();
  for (const auto& where : *questions) deadly_questions.insert(where.position);
  return {};
}

outcome<void> node::impl::drain() {
  caf::scoped_actor asker{*system};
  outcome<void> result;
  asker->request(actors.supervisor, std::chrono::seconds{60}, drain_request{})
      .receive(
          [&](const drained& d) {
            if (!d.complete)
              result =
                  failure{ec::deadline_passed, "a partition did not finish; it replays at start"};
          },
          [&](const caf::error& why) { result = from_caf_error(why); });
  return result;
}

/// Waits for it, but not for long: what is not recorded ends as it was recorded before.
void node::impl::close_posts() {
  constexpr std::chrono::seconds patience{2};
  if (!serves || gave_up) return;
  const auto heard = std::make_shared<std::promise<outcome<bool>>>();
  auto said = heard->get_future();
  cycle->close_posts([heard](outcome<bool> done) { heard->set_value(std::move(done)); });
  if (said.wait_for(patience) != std::future_status::ready)
    spdlog::warn("ends of posted alerts not recorded reason=\"no answer\"");
  else if (auto done = said.get(); !done)
    spdlog::warn("ends of posted alerts not recorded reason=\"{}\"", done.error().what);
}

// From the last step of begin() to the first, for as many of them as were taken; only the ways out
// stay open until everything that came in is applied.
outcome<void> node::impl::end() {
  ending = true;
  stop_clock();
  stop_taking();
  outcome<void> result;
  // Who was told to end before it served has applied nothing that the log does not hold.
  if (serves && !gave_up) result = drain();
  stop_telling();
  end_actors();
  backups.reset();
  if (memory)
    if (auto flushed = memory->flush(); !flushed && result) result = flushed;
  return result;
}

void node::impl::stop_clock() {
  {
    const std::lock_guard<std::mutex> lock{clock_mutex};
    clock_stop = true;
  }
  clock_wake.notify_all();
  if (clock_thread.joinable()) clock_thread.join();
}

/// From the doors inwards: each hands over what it holds to the next, and the log has it all.
void node::impl::stop_taking() {
  if (sockets) sockets->stop_reading();
  listeners.stop();
  if (posts) posts->stop();
  if (desk) desk->close();
  if (commit) commit->stop();
}

/// What was applied last has been told: nobody asks, posts or listens any more.
void node::impl::stop_telling() {
  if (notifications) notifications->stop();
  if (web) web->stop();
  close_posts();
  if (watchers) watchers->stop();
  if (sockets) sockets->stop();
}

void node::impl::end_actors() {
  link->set(correlator_actor{});
  actors.end();
  if (directory)
    for (partition_id p = 0; p < directory->size(); ++p) directory->set(p, partition_actor{});
  if (inference) inference->stop();
  // Questions under way hold answers and cycle; they end with the actors they ask. Both hold actors
  // with threads of their own, which CAF 0.17 waits for until the last handle is gone.
  if (system) system->await_all_actors_done();
  answers.reset();
  cycle.reset();
  feed.reset();
  system.reset();
}

node::node() = default;

outcome<std::unique_ptr<node>> node::start(const node_options& options,
                                           std::function<void(const std::string&)> give_up) {
  std::unique_ptr<node> house{new node};
  house->impl_ = std::make_unique<impl>(options, std::move(give_up));
  if (auto done = house->impl_->begin(); !done) return done.error();
  return house;
}

outcome<void> node::stop() {
  if (std::exchange(impl_->stopped, true)) return {};
  return impl_->end();
}

node::~node() {
  if (!impl_) return;
  if (auto done = stop(); !done) spdlog::warn("stop incomplete: {}", done.error().what);
}

std::vector<std::string> node::late_actors(std::chrono::milliseconds patience) {
  auto& i = *impl_;
  std::vector<std::string> late;
  caf::scoped_actor asker{*i.system};
  asker
      ->request(i.actors.supervisor, patience + std::chrono::seconds{1},
                pulse_question{patience, i.commit->has_space()})
      .receive([&](pulse& answer) { late = std::move(answer.late); },
               [&](const caf::error&) { late.emplace_back("supervisor"); });
  auto& counted = late.empty() ? i.counters.pulses_answered : i.counters.pulses_late;
  counted.fetch_add(1, std::memory_order_relaxed);
  return late;
}

std::vector<std::string> node::bound_addresses() const {
  std::vector<std::string> all{impl_->web->bound_address()};
  for (auto& e : impl_->sockets->bound_endpoints()) all.push_back(std::move(e));
  for (auto& e : impl_->listeners.bound_endpoints()) all.push_back(std::move(e));
  return all;
}

outcome<reload_report> node::reload() { return impl_->reload(); }

bool node::ready() const { return impl_->answers && impl_->answers->ready(); }

const char* version() noexcept { return FAULTLINE_VERSION; }

}  // namespace faultline
