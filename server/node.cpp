// SPDX-License-Identifier: Apache-2.0
#include "server/node.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/correlator.hpp"
#include "actors/keeper.hpp"
#include "actors/librarian.hpp"
#include "actors/root_cause.hpp"
#include "actors/supervisor.hpp"
#include "dashboard/rest_api.hpp"
#include "server/audit.hpp"
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

outcome<void> node::impl::open_store() {
  const placed here{"fl-storage", options.placement.storage};
  auto opened = open_rocksdb_store(options.storage,
                                   [](const std::string& text) { spdlog::info("{}", text); });
  if (!opened) return opened.error();
  memory = std::move(*opened);
  return {};
}

outcome<void> node::impl::open() {
  clock.follow(wall_clock(), running_clock());
  if (auto possible = check_placement(options.placement); !possible) return possible;
  if (auto done = open_store(); !done) return done;
  if (auto more = go_on("store"); !more) return more;
  for (partition_id p = 0; p < memory->events().partitions(); ++p)
    had_records = had_records || memory->events().last(p) != 0;
  if (auto read = read_flight(); !read) return read;
  if (auto done = settle_rules(); !done) return done;
  if (auto more = go_on("rules"); !more) return more;
  if (auto made = make_notifier(); !made) return made;
  directory = std::make_unique<partition_directory>(memory->events().partitions());
  const placed here{"fl-doors", options.placement.doors};
  auto bound = open_doors(options.sockets, [this](const std::string& why) { give_up(why); });
  if (!bound) return bound.error();
  sockets = std::move(*bound);
  watchers = std::make_unique<live_desk>(*memory);
  return go_on("bound");
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

// From the last hop to the first, so that each actor is born with its peers. Read upward to follow
// an event.
void node::impl::spawn() {
  auto& sys = *system;
  keeper_hooks hooks;
  hooks.decided = [link = link](std::uint64_t last) { link->tell(last); };
  hooks.control = [this](std::uint64_t sequence, const operator_command& c) {
    desk->copy(sequence, c);
  };
  hooks.retired = [this](const std::string& entity) { posted.retired(entity); };
  hooks.publish = [this](const feed_record& r, const std::vector<std::string>& topics) {
    sockets->publish(r, topics);
    watchers->told(r.seq);
    if (notifications) notifications->wake();
  };
  hooks.now = [this] { return time_now(); };
  hooks.ending = [this] { return ending.load(); };
  {
    const placed here{"fl-storage", options.placement.storage};
    the_librarian = sys.spawn<caf::detached>(librarian, memory.get());  // blocks in RocksDB
    the_second_librarian = sys.spawn<caf::detached>(librarian, memory.get());
    hooks.disk = the_disk = sys.spawn<caf::detached>(disk, memory.get());  // blocks in fdatasync
    the_keeper = sys.spawn<caf::detached>(keeper, memory.get(), hooks);    // blocks in RocksDB
  }
  the_worker = sys.spawn<caf::detached>(
      root_cause_worker, options.root_cause, options.runbooks, ranker,
      rca_worker_past{flight.get(), deadly_questions});  // blocks in LibTorch
  the_rca = sys.spawn(root_cause, options.root_cause, rules->roles,
                      rca_peers{the_librarian, the_keeper, the_worker, directory.get()});
  the_correlator = sys.spawn(correlator, desk->current().correlation, options.actors,
                             correlator_peers{the_librarian, the_keeper, the_rca, flight.get(),
                                              &counters, &correlator_whole});
  link->set(the_correlator);
  if (!notices.empty()) caf::anon_send(the_keeper, append_decisions{std::move(notices)});

  auto plan = std::make_shared<supervisor_plan>();
  for (partition_id p = 0; p < directory->size(); ++p)
    plan->log_ends.push_back(memory->events().last(p));
  plan->partition.actors = options.actors;
  plan->partition.recovery = options.recovery;
  plan->partition.entities = options.entities;
  plan->partition.rules = rules;
  const auto replay_records = options.recovery.replay_rate *
                              static_cast<std::uint64_t>(options.recovery.max_replay.count()) /
                              1000;
  plan->partition.replay_budget = std::max<std::uint64_t>(16, replay_records / directory->size());
  plan->peers.librarian = the_librarian;
  plan->second_librarian = the_second_librarian;
  plan->peers.keeper = the_keeper;
  plan->peers.correlator = the_correlator;
  plan->peers.inference = inference.get();
  plan->partition.partitions = directory->size();
  plan->peers.counters = &counters;
  plan->peers.flight = flight.get();
  plan->peers.registry = &registry;
  plan->directory = directory.get();
  plan->vital = {
      caf::actor_cast<caf::actor>(the_librarian), caf::actor_cast<caf::actor>(the_second_librarian),
      caf::actor_cast<caf::actor>(the_keeper),    caf::actor_cast<caf::actor>(the_correlator),
      caf::actor_cast<caf::actor>(the_rca),       caf::actor_cast<caf::actor>(the_worker)};
  plan->give_up = [this](const std::string& why) { give_up(why); };
  the_supervisor = sys.spawn(supervisor, plan);
}

outcome<void> node::impl::open_doors_and_web() {
  commit_hooks hooks;
  hooks.deliver = [this](shared_blob blob) {
    const auto owner = directory->owner(blob->partition);
    if (owner) caf::anon_send(owner, blob_appended{std::move(blob)});
  };
  hooks.reply = [this](const reply_address& to, std::string frame) {
    if (to.socket == reply_address::posted) return posts->durable(to);
    sockets->reply(to, std::move(frame));
  };
  hooks.now = [this] { return time_now(); };
  hooks.give_up = [this](const std::string& why) { give_up(why); };
  commit = std::make_unique<group_commit>(*memory, options.intake, options.processing, counters,
                                          std::move(hooks));
  if (auto loaded = commit->load_publishers(); !loaded) return loaded;
  if (auto more = go_on("publishers"); !more) return more;
  {
    const placed here{"fl-log", options.placement.storage};
    commit->start();
  }
  const placed here{"fl-doors", options.placement.doors};
  if (auto opened = desk->open(*commit); !opened) return opened;
  intake = std::make_unique<ingress>(
      *commit, registry, counters, options.processing, options.entities, options.intake,
      [this] { return time_now(); }, entity_aliases{options.naming.aliases});
  shelf = std::make_unique<name_shelf>(memory->notes(), registry, counters);
  posts = std::make_unique<post_desk>(
      *intake, options.naming, options.intake, [this] { return time_now(); }, shelf.get());
  posts->start();
  if (auto opened = listeners.open(options.receivers); !opened) return opened;
  receivers = make_receivers(options.receivers);
  feed =
      std::make_unique<feed_door>(*system, *memory, the_correlator, [this] { return time_now(); });
  ladder = std::make_unique<overload_ladder>(options.intake, !options.processing.accept_past);
  const auto durable = memory->events().counters();
  const auto accepted = durable.find("accepted");
  sockets->start(*intake, *feed);
  node_parts parts{memory.get(),
                   &counters,
                   directory.get(),
                   commit.get(),
                   sockets.get(),
                   inference.get(),
                   the_supervisor,
                   the_correlator,
                   the_keeper,
                   the_librarian,
                   [this] { return time_now(); },
                   &intake->publishers(),
                   ladder.get(),
                   accepted == durable.end() ? 0 : accepted->second};
  parts.correlator_whole = &correlator_whole;
  parts.registry = &registry;
  parts.desk = desk.get();
  parts.live = watchers.get();
  parts.reloads = &reloads;
  backups = std::make_unique<backup_desk>(*memory, options.storage.path);
  parts.backups = backups.get();
  parts.notifications = notifications.get();
  parts.reload = [this] { return reload(); };
  parts.activate = [this](const std::string& sha256) { return activate(sha256); };
  answers = std::make_unique<node_queries>(*system, std::move(parts));
  cycle = std::make_unique<node_life_cycle>(
      *system,
      life_cycle_parts{
          memory.get(), &answers->reads(), directory.get(), the_correlator, the_keeper,
          [this] { return time_now(); }, options.silences, notifications.get(),
          [this] { return desk->current().rules.maintenance; },
          [this](const life_cycle_parts::window_edit& edit) { return change_windows(edit); },
          entity_aliases{options.naming.aliases}, &posted});
  auto listening = open_http_server(options.web);
  if (!listening) return listening.error();
  web = std::move(*listening);
  answers->watch(*web);
  answers->watch(*posts, listeners);
  auto page = web_files::read(options.web.pages);
  if (!page) spdlog::warn("the page is not served reason=\"{}\"", page.error().what);
  const bool posted_alerts = options.receivers.alertmanager;
  auto api = make_rest_api(*answers, *cycle, page ? *page : nullptr);
  if (!posted_alerts) api = without_posted_alerts(std::move(api));
  web->start(receivers.before(audited(std::move(api)), *posts),
             [this, posted_alerts](std::string_view path) {
               return receivers.takes(path) || (posted_alerts && path == posted_alerts_path);
             });
  listeners.start(*posts, options.processing.tick);
  return {};
}

outcome<void> node::impl::drain() {
  caf::scoped_actor asker{*system};
  outcome<void> result;
  asker->request(the_supervisor, std::chrono::seconds{60}, drain_request{})
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

node::node() = default;

outcome<std::unique_ptr<node>> node::start(const node_options& options,
                                           std::function<void(const std::string&)> give_up) {
  std::unique_ptr<node> house{new node};
  house->impl_ = std::make_unique<impl>(options, std::move(give_up));
  auto& i = *house->impl_;
  if (auto done = i.open(); !done) return done.error();
  {
    const placed here{"fl-actors", options.placement.actors};
    i.system = std::make_unique<caf::actor_system>(i.config);
  }
  i.spawn();
  if (auto more = i.go_on("actors"); !more) return more.error();
  if (auto done = i.open_doors_and_web(); !done) return done.error();
  if (i.notifications) i.notifications->start();
  i.clock_thread = std::thread{[&i] { i.run_clock(); }};
  i.step_done("doors");
  i.serves = true;
  i.reloads.succeeded_at_ms.store(unix_ms(i.time_now()));
  return house;
}

outcome<void> node::stop() {
  auto& i = *impl_;
  if (i.stopped) return {};
  i.stopped = true;
  i.ending = true;
  outcome<void> result;
  {
    const std::lock_guard<std::mutex> lock{i.clock_mutex};
    i.clock_stop = true;
  }
  i.clock_wake.notify_all();
  if (i.clock_thread.joinable()) i.clock_thread.join();
  if (i.sockets) i.sockets->stop_reading();
  i.listeners.stop();
  if (i.posts) i.posts->stop();
  if (i.desk) i.desk->close();
  if (i.commit) i.commit->stop();
  // Who was told to end before it served has applied nothing that the log does not hold.
  if (i.serves && !i.gave_up) result = i.drain();
  if (i.notifications) i.notifications->stop();
  if (i.web) i.web->stop();
  i.close_posts();
  if (i.watchers) i.watchers->stop();
  if (i.sockets) i.sockets->stop();
  i.link->set(correlator_actor{});
  for (const auto& a :
       {caf::actor_cast<caf::actor>(i.the_supervisor),
        caf::actor_cast<caf::actor>(i.the_correlator), caf::actor_cast<caf::actor>(i.the_rca),
        caf::actor_cast<caf::actor>(i.the_worker), caf::actor_cast<caf::actor>(i.the_librarian),
        caf::actor_cast<caf::actor>(i.the_second_librarian),
        caf::actor_cast<caf::actor>(i.the_keeper), caf::actor_cast<caf::actor>(i.the_disk)})
    if (a) caf::anon_send_exit(a, caf::exit_reason::user_shutdown);
  if (i.directory)
    for (partition_id p = 0; p < i.directory->size(); ++p) i.directory->set(p, partition_actor{});
  i.the_supervisor = nullptr;
  i.the_correlator = nullptr;
  i.the_rca = nullptr;
  i.the_worker = nullptr;
  i.the_librarian = nullptr;
  i.the_second_librarian = nullptr;
  i.the_keeper = nullptr;
  i.the_disk = nullptr;
  if (i.inference) i.inference->stop();
  // Questions under way hold both of these; they end with the actors they ask. Both hold actors
  // with threads of their own, which CAF 0.17 waits for until the last handle is gone.
  if (i.system) i.system->await_all_actors_done();
  i.answers.reset();
  i.cycle.reset();
  i.feed.reset();
  i.system.reset();
  i.backups.reset();
  if (i.memory)
    if (auto flushed = i.memory->flush(); !flushed && result) result = flushed;
  return result;
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
      ->request(i.the_supervisor, patience + std::chrono::seconds{1},
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
