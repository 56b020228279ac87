// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "messages/event_codec.hpp"
#include "server/node.hpp"
#include "tests/support/scratch_directory.hpp"
#include "transport/feed_client.hpp"
#include "transport/http_client.hpp"
#include "transport/publisher_client.hpp"

namespace faultline::test {

using namespace std::chrono_literals;

/// Longer than anything here takes: what has not happened by then never will.
constexpr auto patience = std::chrono::milliseconds{120'000};

/// A directory of this test's own, gone when it ends.
using folder = faultline::testing::scratch_directory;

/// Options of a small node that takes the past: every port is the system's choice, publishers are
/// held back so that no entity runs far ahead of the others.
inline node_options small_node(const std::filesystem::path& store) {
  node_options o;
  o.storage.path = store.string();
  o.storage.sync = false;
  o.storage.partitions = 4;
  o.storage.min_free_bytes = 0;
  o.storage.write_buffer_bytes = 16 * 1024 * 1024;
  o.processing.accept_past = true;
  o.sockets.pull = {"tcp://127.0.0.1:*"};
  o.sockets.router = {"tcp://127.0.0.1:*"};
  o.sockets.publish = "tcp://127.0.0.1:*";
  o.sockets.replay = "tcp://127.0.0.1:*";
  o.web.listen_address = "127.0.0.1:0";
  o.intake.max_lag_records = 64;
  o.intake.retry_after_ms = 5;
  o.lstm_file = "models/lstm.flm";
  return o;
}

/// A node that runs, and how the world talks to it.
class house {
public:
  explicit house(node_options options) : options_{std::move(options)} {}

  void start() {
    auto made = node::start(options_, [](const std::string& why) { ADD_FAILURE() << why; });
    ASSERT_TRUE(made) << made.error().what;
    node_ = std::move(*made);
    const auto bound = node_->bound_addresses();
    ASSERT_EQ(bound.size(), 5U);
    web_.address = bound[0];
    router_ = bound[2];
    publish_ = bound[3];
    replay_ = bound[4];
    wait_until("ready", [&] { return node_->ready(); });
  }

  void stop() {
    const auto done = node_->stop();
    EXPECT_TRUE(done) << done.error().what;
    node_.reset();
  }

  /// A publisher with one request under way: what it sends is taken in the order of sending.
  std::unique_ptr<publisher_client> publisher(const std::string& name) const {
    publisher_options o;
    o.endpoint = router_;
    o.publisher = name;
    o.window = 1;
    auto made = publisher_client::connect(o);
    if (!made) ADD_FAILURE() << made.error().what;
    return made ? std::move(*made) : nullptr;
  }

  std::unique_ptr<feed_client> follower() const {
    feed_client_options o;
    o.publish = publish_;
    o.replay = replay_;
    auto made = feed_client::connect(o);
    if (!made) ADD_FAILURE() << made.error().what;
    return made ? std::move(*made) : nullptr;
  }

  std::string get(const std::string& target) const {
    const auto answer = http_get(web_, target);
    if (!answer) {
      ADD_FAILURE() << target << ": " << answer.error().what;
      return {};
    }
    EXPECT_EQ(answer->status, 200) << target << ": " << answer->body;
    return answer->body;
  }

  /// Every sample of /metrics by its name with labels, as the page has it.
  std::map<std::string, std::uint64_t> metrics() const {
    std::map<std::string, std::uint64_t> all;
    std::istringstream page{get("/metrics")};
    for (std::string line; std::getline(page, line);) {
      const auto space = line.rfind(' ');
      if (line.empty() || line[0] == '#' || space == std::string::npos) continue;
      all[line.substr(0, space)] = static_cast<std::uint64_t>(std::stod(line.substr(space + 1)));
    }
    return all;
  }

  /// Until every record of the log has reached its entity.
  void wait_until_applied() const {
    wait_until("applied", [&] {
      auto m = metrics();
      return m["faultline_log_lag_records"] == 0;
    });
  }

  static void wait_until(const char* what, const std::function<bool()>& is_so) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!is_so()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "never " << what;
      std::this_thread::sleep_for(10ms);
    }
  }

private:
  node_options options_;
  std::unique_ptr<node> node_;
  http_client_options web_;
  std::string router_, publish_, replay_;
};

/// Gathers events into payloads of msgpack.
class payload_writer {
public:
  void add(const event_view& event) {
    encode_event(event, wire_encoding::msgpack, events_);
    ++count_;
  }
  std::size_t count() const noexcept { return count_; }
  std::string take() {
    std::string payload;
    encode_batch_header(count_, payload);
    payload += std::exchange(events_, {});
    count_ = 0;
    return payload;
  }

private:
  std::string events_;
  std::size_t count_ = 0;
};

}  // namespace faultline::test
