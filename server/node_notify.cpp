// SPDX-License-Identifier: Apache-2.0
// Who is told of alerts beside those who read the feed: the notifier, in its place in the node.
#include <spdlog/spdlog.h>

#include <thread>
#include <utility>

#include <caf/scoped_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/correlator_questions.hpp"
#include "server/node_impl.hpp"

namespace faultline {

namespace {
constexpr std::chrono::milliseconds ask_again{50};
constexpr std::chrono::seconds patience{1};  ///< so that an end is noticed
constexpr const char* rows_of = "notify/";
}  // namespace

/// What is open as the feed has told it; after a start the correlator answers when it has folded
/// again what it had told.
outcome<notify_snapshot> node::impl::open_now() {
  caf::scoped_actor asker{*system};
  for (;;) {
    if (ending) return failure{ec::shutting_down, "ending"};
    outcome<notify_snapshot> got{failure{ec::overloaded, "the correlator is starting"}};
    asker->request(actors.correlator, patience, alerts_and_incidents())
        .receive(
            [&](correlator_view& v) {
              got = notify_snapshot{v.feed_seq, std::move(v.firing), std::move(v.open)};
            },
            [&](const caf::error& why) { got = from_caf_error(why); });
    if (got) return got;
    const auto why = got.error().code;
    if (why != ec::overloaded && why != ec::deadline_passed) return got;
    std::this_thread::sleep_for(ask_again);
  }
}

/// Fails where the configuration names what is not there.
outcome<void> node::impl::make_notifier() {
  if (options.notify.receivers.empty() || options.notify.routes.empty())
    if (auto done = forget_notifications(); !done) return done;
  if (options.notify.receivers.empty()) return {};
  auto made = notifier::make(
      options.notify, *memory, [this] { return time_now(); }, [this] { return open_now(); },
      [this](const std::string& why) {
        if (!ending) give_up(why);
      });
  if (!made) return made.error();
  notifications = std::move(*made);
  return {};
}

/// Without receivers or routes nobody follows what was told: who is named later begins with what
/// fires then.
outcome<void> node::impl::forget_notifications() {
  note_rows gone;
  std::string after;
  for (;;) {
    const auto page = memory->notes().load(rows_of, after, 4096);
    if (!page) return page.error();
    if (page->empty()) break;
    after = page->back().first;
    for (const auto& [name, bytes] : *page) gone.emplace_back(name, std::nullopt);
  }
  return memory->notes().write(gone, sync_when::now);
}

}  // namespace faultline
