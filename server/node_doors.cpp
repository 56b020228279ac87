// SPDX-License-Identifier: Apache-2.0
// The ways into a node and out of it: its addresses, the log behind the doors, the doors, the web.
#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <utility>

#include <caf/send.hpp>

#include "dashboard/rest_api.hpp"
#include "server/audit.hpp"
#include "server/node_impl.hpp"
#include "server/placement.hpp"

namespace faultline {

outcome<void> node::impl::bind_doors() {
  if (auto made = make_notifier(); !made) return made;
  directory = std::make_unique<partition_directory>(memory->events().partitions());
  const placed here{"fl-doors", options.placement.doors, thread_turn::soon};
  auto bound = open_doors(options.sockets, [this](const std::string& why) { give_up(why); });
  if (!bound) return bound.error();
  sockets = std::move(*bound);
  watchers = std::make_unique<live_desk>(*memory);
  return {};
}

outcome<void> node::impl::open_log() {
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
  return commit->load_publishers();
}

outcome<void> node::impl::serve() {
  {
    const placed here{"fl-log", options.placement.storage, thread_turn::soon};
    commit->start();
  }
  {
    const placed here{"fl-doors", options.placement.doors, thread_turn::soon};
    if (auto opened = open_intake(); !opened) return opened;
    if (auto opened = open_web(); !opened) return opened;
    listeners.start(*posts, options.processing.tick);
  }
  if (notifications) notifications->start();
  clock_thread = std::thread{[this] { run_clock(); }};
  return {};
}

outcome<void> node::impl::open_intake() {
  if (auto opened = desk->open(*commit); !opened) return opened;
  intake = std::make_unique<ingress>(
      ingress_peers{*commit, registry, counters, [this] { return time_now(); }},
      ingress_options{options.processing, options.entities, options.intake,
                      entity_aliases{options.naming.aliases}});
  shelf = std::make_unique<name_shelf>(memory->notes(), registry, counters);
  posts = std::make_unique<post_desk>(
      *intake, options.naming, options.intake, [this] { return time_now(); }, shelf.get());
  posts->start();
  if (auto opened = listeners.open(options.receivers); !opened) return opened;
  receivers = make_receivers(options.receivers);
  feed = std::make_unique<feed_door>(*system, *memory, actors.correlator,
                                     [this] { return time_now(); });
  ladder = std::make_unique<overload_ladder>(options.intake, !options.processing.accept_past);
  const auto durable = memory->events().counters();
  if (const auto accepted = durable.find("accepted"); accepted != durable.end())
    accepted_at_start = accepted->second;
  sockets->start(*intake, *feed);
  return {};
}

outcome<void> node::impl::open_web() {
  auto listening = open_http_server(options.web);
  if (!listening) return listening.error();
  web = std::move(*listening);
  backups = std::make_unique<backup_desk>(*memory, options.storage.path);
  answers = std::make_unique<node_queries>(*system, parts_of_queries());
  cycle = std::make_unique<node_life_cycle>(*system, parts_of_life_cycle());
  auto page = web_files::read(options.web.pages);
  if (!page) spdlog::warn("the page is not served reason=\"{}\"", page.error().what);
  const bool posted_alerts = options.receivers.alertmanager;
  auto api = make_rest_api(*answers, *cycle, page ? *page : nullptr,
                           {receivers.takes("/api/v1/write"), posted_alerts});
  if (!posted_alerts) api = without_posted_alerts(std::move(api));
  web->start(
      receivers.before(audited(std::move(api)), *posts),
      [this, posted_alerts](std::string_view path) {
        return receivers.takes(path) || (posted_alerts && path == posted_alerts_path);
      },
      [this](const http_request& request, int status) {
        if (!receivers.takes(request.path)) refusals.refused(request, status);
      });
  return {};
}

node_parts node::impl::parts_of_queries() {
  node_parts parts;
  parts.memory = memory.get();
  parts.counters = &counters;
  parts.directory = directory.get();
  parts.commit = commit.get();
  parts.sockets = sockets.get();
  parts.inference = inference.get();
  parts.supervisor = actors.supervisor;
  parts.correlator = actors.correlator;
  parts.keeper = actors.keeper_door;
  parts.librarian = actors.librarian;
  parts.now = [this] { return time_now(); };
  parts.publishers = &intake->publishers();
  parts.ladder = ladder.get();
  parts.accepted_at_start = accepted_at_start;
  parts.correlator_whole = &correlator_whole;
  parts.registry = &registry;
  parts.desk = desk.get();
  parts.reloads = &reloads;
  parts.backups = backups.get();
  parts.web = web.get();
  parts.live = watchers.get();
  parts.posts = posts.get();
  parts.listeners = &listeners;
  parts.notifications = notifications.get();
  parts.reload = [this] { return reload(); };
  parts.activate = [this](const std::string& sha256) { return activate(sha256); };
  return parts;
}

life_cycle_parts node::impl::parts_of_life_cycle() {
  life_cycle_parts parts;
  parts.memory = memory.get();
  parts.reads = &answers->reads();
  parts.directory = directory.get();
  parts.correlator = actors.correlator;
  parts.keeper = actors.keeper_door;
  parts.now = [this] { return time_now(); };
  parts.silences = options.silences;
  parts.notifications = notifications.get();
  // Who asked has the answer before his request is given up.
  parts.test_patience = std::chrono::milliseconds{options.web.answer_timeout} * 4 / 5;
  parts.windows = [this] { return desk->current().rules.maintenance; };
  parts.change_windows = [this](const life_cycle_parts::window_edit& edit) {
    return change_windows(edit);
  };
  parts.aliases = entity_aliases{options.naming.aliases};
  parts.names = options.naming.entities;
  parts.posted = &posted;
  return parts;
}

}  // namespace faultline
