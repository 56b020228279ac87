// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "actors/group_commit.hpp"
#include "actors/ingress.hpp"
#include "messages/request.hpp"
#include "storage/memory_store.hpp"

namespace faultline {

/// A group commit over a memory store, with what it delivered and replied.
struct intake_rig {
  explicit intake_rig(processing_options p = {}, entity_options e = {}, intake_options i = {},
                      entity_aliases aliases = {})
      : memory{open_memory_store(4)},
        commit{*memory, i, p, counters, hooks()},
        door{{commit, registry, counters, [this] { return now; }}, {p, e, i, std::move(aliases)}} {
    commit.start();
  }
  ~intake_rig() { commit.stop(); }

  commit_hooks hooks() {
    commit_hooks h;
    h.deliver = [this](shared_blob b) {
      const std::lock_guard<std::mutex> lock{mutex};
      blobs.push_back(std::move(b));
    };
    h.reply = [this](const reply_address& to, std::string frame) {
      if (to.socket == reply_address::posted) return on_posted(to);
      const std::lock_guard<std::mutex> lock{mutex};
      replies.emplace_back(to.route, std::move(frame));
    };
    h.now = [this] { return now; };
    h.give_up = [this](const std::string& why) { gave_up = why; };
    return h;
  }

  static std::string header(std::uint64_t seq, const std::string& publisher = "p") {
    return nlohmann::json{{"publisher", publisher}, {"seq", seq}}.dump();
  }
  std::string event(const std::string& entity, double value = 1, std::int64_t ts = 0) const {
    return nlohmann::json{
        {"entity", entity}, {"ts", ts != 0 ? ts : unix_ms(now)}, {"values", {{"cpu", value}}}}
        .dump();
  }
  /// Sends a request and waits for its reply.
  publish_reply request(const std::string& head, const std::string& payload,
                        const sender& who = {}) {
    const auto before = count();
    door.on_request(reply_address{0, "r", {}}, who, head, payload);
    for (int i = 0; i < 20'000 && count() == before; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    const std::lock_guard<std::mutex> lock{mutex};
    auto reply = decode_publish_reply(replies.back().second);
    return reply ? *reply : publish_reply{};
  }
  /// What the store has counted under @p name, once it is @p n or has had every chance.
  std::uint64_t durable(const std::string& name, std::uint64_t n) {
    std::uint64_t seen = 0;
    for (int i = 0; i < 20'000 && seen != n; ++i) {
      if (i != 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
      const auto all = memory->events().counters();
      const auto at = all.find(name);
      seen = at == all.end() ? 0 : at->second;
    }
    return seen;
  }
  std::size_t count() {
    const std::lock_guard<std::mutex> lock{mutex};
    return replies.size();
  }

  std::mutex mutex;
  std::vector<shared_blob> blobs;
  std::vector<std::pair<std::string, std::string>> replies;
  std::string gave_up;
  std::function<void(const reply_address&)> on_posted;  ///< of a post_desk, where there is one
  arrival_time now = arrival_time_of(1'750'000'000'000);
  node_counters counters;
  entity_registry registry;
  std::unique_ptr<store> memory;
  group_commit commit;
  ingress door;
};

}  // namespace faultline
