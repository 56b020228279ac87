// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "actors/ingress.hpp"
#include "actors/name_shelf.hpp"
#include "messages/outcome.hpp"
#include "messages/payload_writer.hpp"
#include "processing/naming.hpp"
#include "transport/http_server.hpp"

namespace faultline {

/// What became of a request of another protocol.
enum class post_fate : std::uint8_t {
  taken,        ///< every event of it
  partly,       ///< some of its events, or samples, were refused
  refused,      ///< all of them were
  retry,        ///< nothing: no room now
  malformed,    ///< cannot be read
  too_large,    ///< once it is unpacked
  unsupported,  ///< an encoding nobody here knows
  failed,       ///< an error of ours, whatever its sender sent
};
inline constexpr std::size_t post_fates = 8;
const char* to_string(post_fate fate) noexcept;

/// What a receiver has to make events with. Used on the desk's thread alone.
struct post_tools {
  payload_writer& events;
  sample_namer& namer;
  arrival_time now;
  /// Hands the namer's events to `events`.
  sample_namer::taker to_events;
  /// A piece of the body, such as a line, that cannot be read: a dead letter of its own, and the
  /// others count.
  std::function<void(std::string_view piece, std::string_view why)> refuse_piece;
};

/// Another protocol: how a body becomes events, and how its sender is answered. Both functions are
/// called on the desk's thread (answer: on the commit thread as well) and must not block.
struct receiver {
  std::string name;  ///< in /metrics and in the source of dead letters
  event_door door = event_door::http;
  /// @p body is unpacked. Adds events to the tools; what it added is thrown away when it fails.
  std::function<outcome<void>(const http_request& request, std::string_view body, post_tools&)>
      read;
  /// Taken, in whole or in part: @p rejected samples were not. All of it is durable then.
  std::function<http_response(const http_request& request, const post_result& result,
                              std::uint64_t rejected)>
      answer;
  /// Everything else, from 400 to 503.
  std::function<http_response(const http_request& request, int status, std::string_view message)>
      refuse;
  /// Content-Encoding where the request names none.
  std::string encoding = {};
  /// Adds what is to be said in place of a body that cannot be read; may be empty.
  std::function<void(const http_request& request, post_tools&)> unread = {};
};

struct receiver_counters {
  std::array<std::uint64_t, post_fates> posts{};
  std::uint64_t samples = 0;  ///< that came in events
  std::array<std::uint64_t, left_out_reasons> left_out{};
};

/// Where requests of other protocols wait to be read, one after the other, on a thread of its own:
/// unpacked, decoded, named, and handed to the ingress as payloads like those of ZeroMQ. A sender
/// hears "taken" once all of it is durable; while there is no room, to send it again.
///
/// What came by listeners, which nobody will send again, is held until there is room.
///
/// Lives:  made before the HTTP server starts; stop() before the group commit's, which reads what
///         waits to its end.
/// Limits: max_posted_bytes of bodies; beyond it take()
///         answers 503 with Retry-After. Listeners have half
///         of it, and what they offer beyond it stays theirs.
class post_desk {
public:
  /// @p names: where names of entities are kept; null: in memory alone.
  post_desk(ingress& door, naming_options naming, intake_options options,
            std::function<arrival_time()> now, name_shelf* names = nullptr);
  ~post_desk() { stop(); }

  void start();
  void stop();
  /// From any thread. @p by outlives the desk.
  void take(const receiver& by, http_request request, http_responder respond);
  /// The same of a listener, where nobody waits for
  /// an answer. @returns false: there is no room, and
  /// @p request is as it was.
  bool offer(const receiver& by, http_request& request);
  /// What the group commit says of a post whose events are durable. From any thread.
  void durable(const reply_address& to);
  std::map<std::string, receiver_counters> counters() const;
  /// What it heard of units. From any thread.
  const unit_book& units() const noexcept { return units_; }

private:
  struct post {
    const receiver* by = nullptr;
    http_request request;
    http_responder respond;
    std::size_t bytes = 0;
  };
  /// What was made of a post.
  struct decoded {
    post from;
    std::vector<payload_writer::batch> batches;
    std::uint64_t samples = 0;
    std::array<std::uint64_t, left_out_reasons> left_out{};
    bool unread = false;  ///< what is said in place of a body; counted already
  };
  struct waiting {
    http_responder respond;
    http_response response;
  };

  void run();
  void work(post next);
  bool read(decoded& d);
  outcome<void> read_body(const post& p);
  void say_unread(const post& p);
  post_tools tools_for(const post& p);
  bool hand_over(decoded& d, bool again);
  void hold(decoded d);
  void hand_over_held(bool last);
  void let_go(const post& p);
  void keep_names();
  void tend_names();
  void fail(decoded& d, std::string_view what);
  void refuse(post& p, post_fate fate, int status, std::string_view message);
  void count(const receiver& by, post_fate fate);

  ingress& door_;
  const intake_options options_;
  const std::function<arrival_time()> now_;
  unit_book units_;
  sample_namer namer_;
  name_shelf* const shelf_;
  std::chrono::steady_clock::time_point tended_{};
  payload_writer events_;
  std::deque<decoded> held_;  ///< of listeners, until there is room

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<post> queue_;        ///< guarded by mutex_, like the rest
  std::size_t queued_bytes_ = 0;  ///< of the queue, what is held, and the post being worked on
  std::unordered_map<std::string, waiting> waiting_;  ///< for the disk, by reply_address::route
  std::uint64_t last_number_ = 0;
  std::map<std::string, receiver_counters> counters_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace faultline
