// SPDX-License-Identifier: Apache-2.0
// What a node judges by: at its start, by a reload, by the activation of a model.
#include <spdlog/spdlog.h>

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include <caf/scoped_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "judgement/maintenance.hpp"
#include "server/node_impl.hpp"
#include "server/placement.hpp"

namespace faultline {

namespace {

std::filesystem::path models_directory(const node_options& o) {
  return o.models_directory.empty() ? std::filesystem::path{o.lstm_file}.parent_path()
                                    : std::filesystem::path{o.models_directory};
}

}  // namespace

// What the configuration says becomes a record before anybody judges by it.
outcome<void> node::impl::settle_rules() {
  rules_record wanted;
  wanted.rules.processing = options.processing;
  wanted.rules.detection = options.detection;
  wanted.rules.maintenance = options.maintenance;
  wanted.rules.roles = options.roles;
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
  auto in_force = desk->begin(wanted, time_now());
  if (!in_force) return in_force.error();
  const auto& sha256 = in_force->rules.model.sha256;
  if (model && sha256 != wanted.configured_model) {
    auto loaded = load_kept_model(path, models_directory(options), sha256, options.lanes.batch);
    if (!loaded)
      return failure{loaded.error().code, "the model in force, " + sha256 + ", is not usable (" +
                                              loaded.error().what +
                                              "); name another one in model.lstm"};
    model = std::move(*loaded);
  }
  rules = std::make_shared<const judgement_rules>(in_force->rules);
  if (!model) return {};
  const placed here{"fl-forecaster", options.placement.inference, thread_turn::whole};
  inference = std::make_unique<lane>(
      std::move(model), options.lanes, counters,
      [path, directory = models_directory(options),
       batch = options.lanes.batch](const std::string& wanted_sha256) {
        auto other = load_kept_model(path, directory, wanted_sha256, batch);
        if (!other)
          spdlog::error("lane lacks model sha256={} reason=\"{}\": its ticks are degraded",
                        wanted_sha256, other.error().what);
        return other;
      },
      flight.get());
  return {};
}

outcome<std::uint64_t> node::impl::append(decision d) {
  caf::scoped_actor asker{*system};
  outcome<std::uint64_t> result{failure{ec::shutting_down, "ending"}};
  asker->request(actors.keeper_door, std::chrono::seconds{10}, append_decisions{{std::move(d)}})
      .receive([&](const decisions_appended& a) { result = a.first; },
               [&](const caf::error& why) { result = from_caf_error(why); });
  return result;
}

outcome<reload_report> node::impl::reload() {
  if (!options.read_again) return failure{ec::unsupported, "there is no configuration to read"};
  // Of two at once the one that read last is in force.
  const std::lock_guard one_at_a_time{reloading};
  auto fresh = options.read_again();
  outcome<reload_report> report = fresh ? apply_all(*fresh) : fresh.error();
  reloads.successful.store(static_cast<bool>(report));
  if (!report) {
    spdlog::error("reload refused, the old configuration stays reason=\"{}\"", report.error().what);
    return report;
  }
  reloads.succeeded_at_ms.store(unix_ms(time_now()));
  for (const auto& key : report->applied) spdlog::info("reload: {} is in force", key);
  for (const auto& key : report->restart) spdlog::warn("reload: {} needs a restart", key);
  if (report->applied.empty() && report->restart.empty())
    spdlog::info("reload: nothing has changed");
  return report;
}

/// Everything is read and recorded before any of it is in force: what cannot be changes nothing.
outcome<reload_report> node::impl::apply_all(const fresh_settings& fresh) {
  const auto partitions = memory->events().partitions();
  std::error_code elsewhere;  // what is not there yet is another store
  if (std::filesystem::equivalent(fresh.storage.path, options.storage.path, elsewhere) &&
      fresh.storage.partitions != 0 && fresh.storage.partitions != partitions)
    return failure{ec::invalid, "storage.partitions: the store has " + std::to_string(partitions)};
  reload_step<std::vector<std::string>> of_web{{}, [] {}};
  if (web) {
    auto read = web->read_again();
    if (!read) return read.error();
    of_web = std::move(*read);
  }
  const auto of_clients = sockets->read_clients_again();
  if (!of_clients) return of_clients.error();
  auto report = apply(fresh);
  if (!report) return report;
  of_web.put_in_force();
  of_clients->put_in_force();
  for (auto& change : of_web.changes) report->applied.push_back(std::move(change));
  const auto& changes = of_clients->changes;
  for (const auto& [what, names] : {std::pair{"added", &changes.added},
                                    {"changed", &changes.changed},
                                    {"removed", &changes.removed}})
    for (const auto& name : *names) {
      spdlog::warn("client {} name={}", what, name);
      report->applied.push_back("security.clients: " + name + " " + what);
    }
  return report;
}

outcome<reload_report> node::impl::apply(const fresh_settings& fresh) {
  const auto recorded = desk->change(
      "configuration", "", time_now(),
      [&](rules_record& r) {
        r.rules.detection = fresh.detection;
        r.rules.maintenance = merged_windows(fresh.maintenance, r.rules.maintenance,
                                             event_time_of(unix_ms(time_now())));
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
  auto file = find_model(path, models_directory(options), sha256);
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
      "model", sha256, time_now(), [&](rules_record& r) { r.rules.model = identity; },
      [this](decision d) { return append(std::move(d)); });
  if (!changed) return changed.error();
  if (*changed)
    spdlog::info("model activated name={} version={} sha256={} since={}", identity.name,
                 identity.version, sha256, desk->since());
  return model_state{identity.name, identity.version, identity.sha256, desk->since(), *changed};
}

}  // namespace faultline
