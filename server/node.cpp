// SPDX-License-Identifier: Apache-2.0
#include "server/node.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/correlator.hpp"
#include "actors/directory.hpp"
#include "actors/feed_door.hpp"
#include "actors/flight_recorder.hpp"
#include "actors/group_commit.hpp"
#include "actors/ingress.hpp"
#include "actors/keeper.hpp"
#include "actors/lane.hpp"
#include "actors/librarian.hpp"
#include "actors/overload.hpp"
#include "actors/replay_meter.hpp"
#include "actors/root_cause.hpp"
#include "actors/supervisor.hpp"
#include "dashboard/rest_api.hpp"
#include "server/machine.hpp"
#include "server/node_queries.hpp"
#include "server/rule_desk.hpp"
#include "transport/doors.hpp"
#include "transport/http_server.hpp"

namespace faultline {

namespace {

arrival_time wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return arrival_time_of(std::chrono::duration_cast<milliseconds>(now).count());
}

struct caf_config : caf::actor_system_config {
  explicit caf_config(const actor_options& o) {
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    set("scheduler.max-threads", o.threads != 0 ? o.threads : std::size_t{cores});
    set("scheduler.max-throughput", o.max_throughput);
    // One queue with a condition variable: with few cores, stealing spins on what the lane needs.
    set("scheduler.policy", caf::atom("sharing"));
  }
};

/// The keeper tells the correlator, which is born after it: handed over once, under a lock.
struct correlator_link {
  std::mutex mutex;
  correlator_actor handle;
  void tell(std::uint64_t last) {
    const std::lock_guard<std::mutex> lock{mutex};
    if (handle) caf::anon_send(handle, decisions_available{last});
  }
  void set(correlator_actor h) {
    const std::lock_guard<std::mutex> lock{mutex};
    handle = std::move(h);
  }
};

}  // namespace

struct node::impl {
  impl(const node_options& o, std::function<void(const std::string&)> g)
      : options{o}, give_up_hook{std::move(g)}, config{o.actors} {
    options.entities.max_active = most_active(options.entities, machine_memory_bytes());
  }

  outcome<void> open();
  outcome<void> read_flight();
  outcome<void> settle_rules();
  void spawn();
  outcome<std::uint64_t> append(decision d);
  outcome<reload_report> reload();
  outcome<reload_report> apply(const fresh_settings& fresh);
  outcome<model_state> activate(const std::string& sha256);
  outcome<void> open_doors_and_web();
  void run_clock();
  /// Where the time of a start goes: one line of the debug log for each step.
  void step_done(const char* step) const;
  void tell_recovered();
  void measure_replay(double passed_s);
  outcome<void> drain();
  void tell(notice n);
  void watch_load();
  void watch_skew();
  void watch_space();
  void give_up(const std::string& why) {
    if (!gave_up.exchange(true)) give_up_hook(why);
  }

  node_options options;
  std::function<void(const std::string&)> give_up_hook;
  std::atomic<bool> gave_up{false};
  std::atomic<bool> ending{false};
  caf_config config;
  std::shared_ptr<const judgement_rules> rules;
  std::unique_ptr<store> memory;
  std::unique_ptr<flight_recorder> flight;
  std::vector<decision> notices;  ///< of the start, said when there is somebody to say it
  std::unique_ptr<rule_desk> desk;
  reload_status reloads;
  node_counters counters;
  entity_registry registry;
  std::unique_ptr<partition_directory> directory;
  std::unique_ptr<lane> inference;
  std::shared_ptr<cause_ranker> ranker;
  std::shared_ptr<correlator_link> link = std::make_shared<correlator_link>();
  std::unique_ptr<doors> sockets;
  std::unique_ptr<caf::actor_system> system;
  librarian_actor the_librarian;
  librarian_actor the_second_librarian;  ///< of every other partition
  keeper_actor the_keeper;
  rca_worker_actor the_worker;
  rca_actor the_rca;
  correlator_actor the_correlator;
  supervisor_actor the_supervisor;
  std::unique_ptr<group_commit> commit;
  std::unique_ptr<ingress> intake;
  std::unique_ptr<overload_ladder> ladder;
  std::unique_ptr<feed_door> feed;
  std::unique_ptr<node_queries> answers;
  std::unique_ptr<http_server> web;
  replay_meter meter{options.recovery.replay_rate};
  double cpu_before = 0;
  std::thread clock_thread;
  std::mutex clock_mutex;
  std::condition_variable clock_wake;
  bool clock_stop = false;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  bool had_records = false;     ///< the store was not new: a restart
  bool recovered_told = false;  ///< of the clock thread
  bool stopped = false;
};

void node::impl::step_done(const char* step) const {
  const auto passed = std::chrono::steady_clock::now() - started;
  spdlog::debug("start step={} at_ms={} process_cpu_s={:.2f}", step,
                std::chrono::duration_cast<milliseconds>(passed).count(), process_cpu_seconds());
}

outcome<void> node::impl::open() {
  auto opened = open_rocksdb_store(options.storage,
                                   [](const std::string& text) { spdlog::info("{}", text); });
  if (!opened) return opened.error();
  memory = std::move(*opened);
  step_done("store");
  for (partition_id p = 0; p < memory->events().partitions(); ++p)
    had_records = had_records || memory->events().last(p) != 0;
  if (auto read = read_flight(); !read) return read;
  if (auto done = settle_rules(); !done) return done;
  directory = std::make_unique<partition_directory>(memory->events().partitions());
  auto bound = open_doors(options.sockets);
  if (!bound) return bound.error();
  sockets = std::move(*bound);
  return {};
}

// What the configuration says becomes a record before anybody judges by it.
outcome<void> node::impl::settle_rules() {
  rules_record wanted;
  wanted.rules.processing = options.processing;
  wanted.rules.detection = options.detection;
  wanted.correlation = options.correlation;
  wanted.root_cause = options.root_cause;
  const auto& path = options.storage.path;
  std::unique_ptr<forecaster> model;
  if (!options.lstm_file.empty()) {
    auto loaded = load_forecaster(options.lstm_file, options.lanes.batch);
    if (!loaded) return loaded.error();
    model = std::move(*loaded);
    wanted.rules.model = model->identity();
    wanted.configured_model = model->identity().sha256;
    if (auto kept = keep_model(path, options.lstm_file, wanted.configured_model); !kept)
      return kept;
  }
  if (!options.ranker_file.empty()) {
    auto loaded = load_ranker(options.ranker_file);
    if (!loaded) return loaded.error();
    ranker = std::move(*loaded);
    wanted.ranker = ranker->identity();
  }
  step_done("models");
  desk = std::make_unique<rule_desk>(*memory);
  auto in_force = desk->begin(wanted, wall_clock());
  if (!in_force) return in_force.error();
  const auto& sha256 = in_force->rules.model.sha256;
  if (model && sha256 != wanted.configured_model) {
    auto loaded = load_forecaster(kept_model(path, sha256), options.lanes.batch);
    if (!loaded)
      return failure{loaded.error().code, "the model in force, " + sha256 + ", is not usable (" +
                                              loaded.error().what +
                                              "); name another one in model.lstm"};
    model = std::move(*loaded);
  }
  rules = std::make_shared<const judgement_rules>(in_force->rules);
  if (!model) return {};
  inference = std::make_unique<lane>(
      std::move(model), options.lanes, counters,
      [path, batch = options.lanes.batch](const std::string& wanted_sha256) {
        auto other = load_forecaster(kept_model(path, wanted_sha256), batch);
        if (!other)
          spdlog::error("lane lacks model sha256={} reason=\"{}\": its ticks are degraded",
                        wanted_sha256, other.error().what);
        return other;
      },
      flight.get());
  return {};
}

// A record that has killed the process twice is never tried again (rule 10): it is named before
// the partitions begin.
outcome<void> node::impl::read_flight() {
  auto opened = flight_recorder::open(options.storage.path + "/flight");
  if (!opened) return opened.error();
  flight = std::move(*opened);
  for (const auto& s : flight->suspects()) {
    const auto name = std::to_string(s.where.position) + "/" + std::to_string(s.where.index) +
                      " of partition " + std::to_string(s.where.partition);
    spdlog::warn("the process died applying record {} deaths={}", name, s.deaths);
    if (s.deaths < flight_recorder::deadly) continue;
    dead_letter letter;
    letter.reason = "poison";
    letter.arrived = wall_clock();
    letter.source = "process";
    letter.text = "record " + name + " killed the process " + std::to_string(s.deaths) + " times";
    decision d;
    d.kind = decision_kind::notice;
    d.notice = notice{"poison", "partition/" + std::to_string(s.where.partition),
                      letter.text + "; it is not applied any more",
                      event_time_of(unix_ms(letter.arrived))};
    if (auto skipped = memory->poison().skip(s.where, letter); !skipped) return skipped;
    notices.push_back(std::move(d));
    flight->forget(s.where);
  }
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
  hooks.publish = [this](const feed_record& r, const std::vector<std::string>& topics) {
    sockets->publish(r, topics);
  };
  hooks.now = wall_clock;
  hooks.ending = [this] { return ending.load(); };
  the_librarian = sys.spawn<caf::detached>(librarian, memory.get());  // blocks in RocksDB
  the_second_librarian = sys.spawn<caf::detached>(librarian, memory.get());
  the_keeper = sys.spawn<caf::detached>(keeper, memory.get(), hooks);  // blocks in RocksDB
  the_worker = sys.spawn<caf::detached>(root_cause_worker, options.root_cause, options.runbooks,
                                        ranker);  // blocks in LibTorch
  the_rca = sys.spawn(root_cause, options.root_cause,
                      rca_peers{the_librarian, the_keeper, the_worker, directory.get()});
  the_correlator = sys.spawn(correlator, desk->current().correlation, options.actors,
                             correlator_peers{the_librarian, the_keeper, the_rca});
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
    sockets->reply(to, std::move(frame));
  };
  hooks.now = wall_clock;
  hooks.give_up = [this](const std::string& why) { give_up(why); };
  commit = std::make_unique<group_commit>(*memory, options.intake, options.processing, counters,
                                          std::move(hooks));
  if (auto loaded = commit->load_publishers(); !loaded) return loaded;
  commit->start();
  if (auto opened = desk->open(*commit); !opened) return opened;
  intake = std::make_unique<ingress>(*commit, registry, counters, options.processing,
                                     options.entities, options.intake, wall_clock);
  feed = std::make_unique<feed_door>(*system, *memory, the_correlator, wall_clock);
  ladder = std::make_unique<overload_ladder>(options.intake, !options.processing.accept_past);
  const auto durable = memory->events().counters();
  const auto accepted = durable.find("accepted");
  sockets->start(*intake, *feed);
  node_parts parts{memory.get(),    &counters,
                   directory.get(), commit.get(),
                   sockets.get(),   inference.get(),
                   the_supervisor,  the_correlator,
                   the_keeper,      the_librarian,
                   wall_clock,      &intake->publishers(),
                   ladder.get(),    accepted == durable.end() ? 0 : accepted->second};
  parts.desk = desk.get();
  parts.reloads = &reloads;
  parts.reload = [this] { return reload(); };
  parts.activate = [this](const std::string& sha256) { return activate(sha256); };
  answers = std::make_unique<node_queries>(*system, std::move(parts));
  auto listening = open_http_server(options.web);
  if (!listening) return listening.error();
  web = std::move(*listening);
  web->start(make_rest_api(*answers));
  clock_thread = std::thread{[this] { run_clock(); }};
  return {};
}

/// Records applied per second of time in which there was always something to apply.
void node::impl::measure_replay(double passed_s) {
  constexpr std::uint64_t always_something = 512;
  const auto& n = counters;
  replay_meter::sample s;
  s.seconds = passed_s;
  const auto cpu = process_cpu_seconds();
  s.cpu_seconds = cpu - std::exchange(cpu_before, cpu);
  s.applied = n.events_taken + n.events_late + n.events_kept + n.events_replayed;
  s.recovering = n.partitions_ready.load() < directory->size();
  s.busy = s.recovering || n.lag() >= always_something;
  meter.take(s, std::thread::hardware_concurrency());
  counters.replay_rate.store(meter.rate(), std::memory_order_relaxed);
}

// From any thread of ours that is no actor.
void node::impl::tell(notice n) {
  spdlog::info("notice what={} subject=\"{}\" text=\"{}\"", n.what, n.subject, n.text);
  decision d;
  d.kind = decision_kind::notice;
  d.notice = std::move(n);
  caf::anon_send(the_keeper, append_decisions{{std::move(d)}});
}

void node::impl::watch_load() {
  const auto& doors = counters.doors;
  overload_reading seen;
  seen.lag = counters.lag();
  seen.has_space = commit->has_space();
  for (const auto& events : doors.shed) seen.shed += events.load();
  seen.refused = doors.requests[static_cast<std::size_t>(request_fate::retry)].load() +
                 doors.messages[static_cast<std::size_t>(message_fate::shed)].load();
  for (auto& n : ladder->look(seen, wall_clock())) tell(std::move(n));
  const bool caught_up = counters.partitions_ready.load() == directory->size();
  if (caught_up && !options.processing.accept_past)
    commit->set_degraded(ladder->holds(overload_step::degraded));
}

void node::impl::watch_skew() {
  if (options.processing.accept_past) return;
  std::vector<notice> told;
  {
    auto& publishers = intake->publishers();
    const std::lock_guard<std::mutex> guard{publishers.mutex()};
    told = skew_notices(publishers, options.intake.skew_limit, wall_clock());
  }
  for (auto& n : told) tell(std::move(n));
}

void node::impl::watch_space() {
  const auto found = memory->tend_space();
  if (!found.problem.empty()) spdlog::warn("ballast not built reason=\"{}\"", found.problem);
}

/// Once after a restart, when every partition has caught up: subscribers know that what they see is
/// whole again.
void node::impl::tell_recovered() {
  if (recovered_told || counters.partitions_ready.load() < directory->size()) return;
  recovered_told = true;
  step_done("recovered");
  if (!had_records) return;
  const auto passed = std::chrono::steady_clock::now() - started;
  const auto ms = std::chrono::duration_cast<milliseconds>(passed).count();
  tell(notice{"recovered", "node", "ready " + std::to_string(ms) + " ms after the start",
              event_time_of(unix_ms(wall_clock()))});
}

void node::impl::run_clock() {
  constexpr std::chrono::seconds retention_interval{60};
  constexpr std::chrono::seconds space_interval{1};
  constexpr std::chrono::seconds skew_interval{5};
  auto swept = std::chrono::steady_clock::now();
  auto sampled = swept;
  auto looked = swept;
  auto tended = swept - space_interval;
  std::unique_lock<std::mutex> lock{clock_mutex};
  while (!clock_wake.wait_for(lock, std::chrono::milliseconds{200}, [&] { return clock_stop; })) {
    commit->tick(wall_clock());
    watch_load();
    tell_recovered();
    const auto now = std::chrono::steady_clock::now();
    measure_replay(std::chrono::duration<double>(now - std::exchange(sampled, now)).count());
    if (now - tended >= space_interval) {
      tended = now;
      watch_space();
    }
    if (now - looked >= skew_interval) {
      looked = now;
      watch_skew();
    }
    if (std::chrono::steady_clock::now() - swept < retention_interval) continue;
    swept = std::chrono::steady_clock::now();
    if (auto done = memory->sweep_retention(wall_clock()); !done)
      spdlog::warn("retention sweep failed reason=\"{}\"", done.error().what);
  }
}

outcome<std::uint64_t> node::impl::append(decision d) {
  caf::scoped_actor asker{*system};
  outcome<std::uint64_t> result{failure{ec::shutting_down, "ending"}};
  asker->request(the_keeper, std::chrono::seconds{10}, append_decisions{{std::move(d)}})
      .receive([&](const decisions_appended& a) { result = a.first; },
               [&](const caf::error& why) { result = from_caf_error(why); });
  return result;
}

outcome<reload_report> node::impl::reload() {
  if (!options.read_again) return failure{ec::unsupported, "there is no configuration to read"};
  auto fresh = options.read_again();
  outcome<reload_report> report = fresh ? apply(*fresh) : fresh.error();
  reloads.successful.store(static_cast<bool>(report));
  if (!report) {
    spdlog::error("reload refused, the old configuration stays reason=\"{}\"", report.error().what);
    return report;
  }
  reloads.succeeded_at_ms.store(unix_ms(wall_clock()));
  for (const auto& key : report->applied) spdlog::info("reload: {} is in force", key);
  for (const auto& key : report->restart) spdlog::warn("reload: {} needs a restart", key);
  if (report->applied.empty() && report->restart.empty())
    spdlog::info("reload: nothing has changed");
  return report;
}

outcome<reload_report> node::impl::apply(const fresh_settings& fresh) {
  const auto recorded = desk->change(
      "configuration", "", wall_clock(),
      [&](rules_record& r) {
        r.rules.detection = fresh.detection;
        r.correlation = fresh.correlation;
      },
      [this](decision d) { return append(std::move(d)); });
  if (!recorded) return recorded.error();
  memory->set_retention(fresh.storage);
  if (fresh.accepted) fresh.accepted();
  return reload_report{fresh.applied, fresh.restart};
}

outcome<model_state> node::impl::activate(const std::string& sha256) {
  if (!inference) return failure{ec::unsupported, "this server runs without a model"};
  const auto& path = options.storage.path;
  const auto named = options.models_directory.empty()
                         ? std::filesystem::path{options.lstm_file}.parent_path()
                         : std::filesystem::path{options.models_directory};
  auto file = find_model(path, named, sha256);
  if (!file) return file.error();
  auto loaded = load_forecaster(*file, options.lanes.batch);
  if (!loaded) {
    // Found, and not what can be asked for: the request is wrong, not the server.
    const auto& why = loaded.error();
    return failure{why.code == ec::io_failed ? ec::io_failed : ec::invalid, why.what};
  }
  const auto identity = (*loaded)->identity();
  if (auto kept = keep_model(path, *file, sha256); !kept) return kept.error();
  auto changed = desk->change(
      "model", sha256, wall_clock(), [&](rules_record& r) { r.rules.model = identity; },
      [this](decision d) { return append(std::move(d)); });
  if (!changed) return changed.error();
  if (*changed)
    spdlog::info("model activated name={} version={} sha256={} since={}", identity.name,
                 identity.version, sha256, desk->since());
  return model_state{identity.name, identity.version, identity.sha256, desk->since(), *changed};
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

node::node() = default;

outcome<std::unique_ptr<node>> node::start(const node_options& options,
                                           std::function<void(const std::string&)> give_up) {
  std::unique_ptr<node> house{new node};
  house->impl_ = std::make_unique<impl>(options, std::move(give_up));
  auto& i = *house->impl_;
  if (auto done = i.open(); !done) return done.error();
  i.system = std::make_unique<caf::actor_system>(i.config);
  i.spawn();
  i.step_done("actors");
  if (auto done = i.open_doors_and_web(); !done) return done.error();
  i.step_done("doors");
  i.reloads.succeeded_at_ms.store(unix_ms(wall_clock()));
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
  if (i.desk) i.desk->close();
  if (i.commit) i.commit->stop();
  if (i.system && i.the_supervisor && !i.gave_up) result = i.drain();
  if (i.web) i.web->stop();
  if (i.sockets) i.sockets->stop();
  i.link->set(correlator_actor{});
  i.answers.reset();
  i.feed.reset();
  for (const auto& a :
       {caf::actor_cast<caf::actor>(i.the_supervisor),
        caf::actor_cast<caf::actor>(i.the_correlator), caf::actor_cast<caf::actor>(i.the_rca),
        caf::actor_cast<caf::actor>(i.the_worker), caf::actor_cast<caf::actor>(i.the_librarian),
        caf::actor_cast<caf::actor>(i.the_second_librarian),
        caf::actor_cast<caf::actor>(i.the_keeper)})
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
  if (i.inference) i.inference->stop();
  i.system.reset();
  if (i.memory)
    if (auto flushed = i.memory->flush(); !flushed && result) result = flushed;
  return result;
}

node::~node() {
  if (!impl_) return;
  if (auto done = stop(); !done) spdlog::warn("stop incomplete: {}", done.error().what);
}

std::vector<std::string> node::bound_addresses() const {
  std::vector<std::string> all{impl_->web->bound_address()};
  for (auto& e : impl_->sockets->bound_endpoints()) all.push_back(std::move(e));
  return all;
}

outcome<reload_report> node::reload() { return impl_->reload(); }

bool node::ready() const { return impl_->answers && impl_->answers->ready(); }

const char* version() noexcept { return FAULTLINE_VERSION; }

}  // namespace faultline
