// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/feed.hpp"
#include "messages/request.hpp"
#include "transport/doors.hpp"

namespace faultline::testing {

/// Waits on a condition that another thread makes true; far beyond what any machine needs.
inline constexpr std::chrono::seconds patience{30};

/// Writes down what comes in through the doors and lets a test decide what happens.
class recording_ingest : public ingest_handler {
public:
  struct event {
    std::string source, topic, payload, peer, client;
  };
  struct request {
    reply_address from;
    std::string header, payload, client;
  };
  struct bad {
    reply_address from;
    std::string header, code, text, client;
  };

  void on_event_payload(const event_source& from, std::string_view topic,
                        std::string_view payload) override {
    note([&] {
      events.push_back({std::string{from.door}, std::string{topic}, std::string{payload},
                        std::string{from.peer}, client_of(from.who)});
    });
    if (each_event) each_event();
  }
  void on_request(reply_address from, const sender& who, std::string_view header,
                  std::string_view payload) override {
    note([&] {
      requests.push_back({from, std::string{header}, std::string{payload}, client_of(who)});
    });
    if (answer) answer(from, header, payload);
  }
  void on_bad_request(reply_address from, const sender& who, std::string_view header,
                      std::string_view why_code, std::string_view text) override {
    note([&] {
      bad_requests.push_back(
          {from, std::string{header}, std::string{why_code}, std::string{text}, client_of(who)});
    });
  }
  void on_bad_event(const event_source& from, std::string_view first, std::string_view why_code,
                    std::string_view text) override {
    reply_address nobody;
    nobody.socket = reply_address::no_reply;
    on_bad_request(std::move(nobody), from.who, first, why_code, text);
  }
  bool may_read_events() override {
    ++asked;
    return open;
  }

  /// Name of a client whose key is proven, "-" for one that was and is not known, "" for anybody.
  static std::string client_of(const sender& who) {
    return who.rights != nullptr ? who.rights->name : who.proven ? "-" : "";
  }

  /// Waits until @p condition holds; false when it does not.
  bool wait(const std::function<bool()>& condition) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, patience, condition);
  }
  std::size_t event_count() {
    const std::lock_guard lock{mutex};
    return events.size();
  }
  std::vector<request> requests_so_far() {
    const std::lock_guard lock{mutex};
    return requests;
  }

  std::function<void(reply_address, std::string_view, std::string_view)> answer;
  std::function<void()> each_event;  ///< after it was written down
  std::atomic<bool> open{true};
  std::atomic<std::uint64_t> asked{0};
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<event> events;
  std::vector<request> requests;
  std::vector<bad> bad_requests;

private:
  template <class F>
  void note(F write) {
    const std::lock_guard lock{mutex};
    write();
    changed.notify_all();
  }
};

/// A feed store in memory that answers replay requests as the server does.
class memory_feed : public feed_handler {
public:
  std::optional<std::string> on_feed_request(std::string_view request, bool,
                                             std::chrono::milliseconds) override {
    const std::lock_guard lock{mutex};
    ++asked;
    const auto read = decode_feed_request(request);
    if (!read) return error_reply("bad_request", read.error().what, 0, wire_encoding::msgpack);
    if (!ready && read->what == feed_request::op::snapshot) return std::nullopt;
    std::string json = read->what == feed_request::op::snapshot ? snapshot() : page(*read);
    return read->encoding == wire_encoding::json ? json : *json_to_msgpack(json);
  }
  std::string heartbeat(std::uint64_t published) override {
    const std::lock_guard lock{mutex};
    const std::uint64_t stored = records.empty() ? 0 : records.back().seq;
    return heartbeat_payload(tells_published ? published : stored, event_time_of(1),
                             arrival_time_of(2));
  }

  /// Stores one notice and returns it as a feed record.
  feed_record add(const std::string& what, const std::string& subject) {
    const std::lock_guard lock{mutex};
    notice n{what, subject, "text", event_time_of(1000)};
    const std::uint64_t seq = records.empty() ? first_seq : records.back().seq + 1;
    records.push_back({seq, topic_of(n), feed_payload(n, seq, arrival_time_of(2000))});
    return records.back();
  }

  std::uint64_t first_seq = 1;
  bool tells_published = false;  ///< what has gone out rather than what is stored
  std::atomic<int> asked{0};
  std::atomic<bool> ready{true};  ///< false: there is no snapshot yet
  std::mutex mutex;
  std::vector<feed_record> records;

private:
  std::string snapshot() const {
    return R"({"as_of":)" + std::to_string(records.empty() ? 0 : records.back().seq) +
           R"(,"alerts":[{"id":"a1"}],"incidents":[]})";
  }
  std::string page(const feed_request& r) const {
    std::string list;
    std::uint64_t next = r.from;
    std::uint32_t count = 0;
    for (const feed_record& record : records) {
      if (record.seq < r.from || count == r.limit) continue;
      next = record.seq + 1;
      if (record.topic.compare(0, r.prefix.size(), r.prefix) != 0) continue;
      list += (count++ == 0 ? "" : ",") + std::string{R"({"topic":")"} + record.topic +
              R"(","payload":)" + *msgpack_to_json(record.payload) + "}";
    }
    return R"({"records":[)" + list + R"(],"next":)" + std::to_string(next) + R"(,"oldest":)" +
           std::to_string(records.empty() ? 1 : records.front().seq) + R"(,"last":)" +
           std::to_string(records.empty() ? 0 : records.back().seq) + "}";
  }
};

/// Doors on free loopback ports.
struct open_house {
  explicit open_house(socket_options options = {},
                      const std::string& feed_at = "tcp://127.0.0.1:*") {
    options.pull = {"tcp://127.0.0.1:*"};
    options.router = {"tcp://127.0.0.1:*"};
    options.publish = feed_at;
    options.replay = "tcp://127.0.0.1:*";
    auto opened = open_doors(options);
    if (!opened) return;
    house = std::move(*opened);
    const auto ends = house->bound_endpoints();
    pull = ends.at(0);
    router = ends.at(1);
    publish = ends.at(2);
    replay = ends.at(3);
  }
  ~open_house() {
    if (house) house->stop();
  }
  void start() { house->start(ingest, feed); }

  recording_ingest ingest;
  memory_feed feed;
  std::string pull, router, publish, replay;
  std::unique_ptr<doors> house;
};

}  // namespace faultline::testing
