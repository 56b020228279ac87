// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"
#include "messages/request.hpp"
#include "transport/key_file.hpp"

namespace faultline {

/// How a publisher with acknowledgement behaves.
struct publisher_options {
  std::string endpoint = "tcp://127.0.0.1:7802";
  std::string publisher = "faultline";  ///< 1..128 bytes; one client at a time uses a name
  /// A publisher that starts again without its old counter uses a new one.
  std::string epoch;
  std::uint64_t first_seq = 1;
  /// Requests sent and not answered, 1..512: below the 1,024 seqs the server remembers.
  std::size_t window = 64;
  /// A request without an answer is sent again after this, and at once after a reconnect.
  std::chrono::milliseconds resend_after{3000};
  wire_encoding encoding = wire_encoding::msgpack;  ///< of headers and replies
  /// false: a request that is answered `retry` is given up and the next ones are not held back: a
  /// publisher that behaves badly, for tests of overload.
  bool heed_retry = true;
  std::shared_ptr<const curve_keys> keys;  ///< none: to a server that asks for none
};

struct publisher_counters {
  std::uint64_t requests = 0;  ///< payloads taken by send()
  std::uint64_t answered = 0;  ///< of those: acked, duplicate or refused for good
  std::uint64_t resent = 0;
  std::uint64_t duplicates = 0;  ///< answered "already taken": a resend that was not needed
  std::uint64_t retries = 0;     ///< answered "later"
  std::uint64_t given_up = 0;    ///< of those: not sent again, because `heed_retry` is off
  std::uint64_t refused = 0;     ///< answered with an error: nothing was taken
  std::uint64_t accepted = 0;    ///< events, sum over the acks
  std::uint64_t rejected = 0;    ///< events named in the acks
  std::uint64_t reconnects = 0;
};

/// Publishes event payloads on 7802 and keeps each until it is answered: many under way at once,
/// sent again oldest first until acknowledged, held back while the server says `retry`.
///
/// Lives:  used by one thread at a time; its sockets work only while one of its functions runs.
/// Fails:  ec::deadline_passed (what was taken stays queued: call again), ec::invalid (the server
///         cannot read our headers: the text says why), ec::io_failed.
/// Limits: `window` payloads in memory.
class publisher_client {
public:
  /// Connects in the background: a server that is not there yet only delays.
  static outcome<std::unique_ptr<publisher_client>> connect(const publisher_options& options);
  ~publisher_client();
  publisher_client(const publisher_client&) = delete;
  publisher_client& operator=(const publisher_client&) = delete;

  /// Called for each final reply (ack, duplicate, error) with the time since the request was first
  /// handed over.
  using reply_observer =
      std::function<void(const publish_reply& reply, std::chrono::nanoseconds since_sent)>;
  void observe(reply_observer observer);

  /// Takes one payload, waiting at most @p deadline for room in the window. @returns its seq.
  outcome<std::uint64_t> send(std::string payload, std::chrono::milliseconds deadline);
  /// Takes the replies that are there, waiting at most @p wait for the first. @returns how many
  /// requests are still unanswered.
  outcome<std::size_t> poll(std::chrono::milliseconds wait);
  /// Waits until every request is answered.
  outcome<void> flush(std::chrono::milliseconds deadline);
  /// Asks which seqs of this publisher and epoch were taken ({op: "last"}).
  outcome<publish_reply> last(std::chrono::milliseconds deadline);

  std::size_t unanswered() const noexcept;
  std::uint64_t next_seq() const noexcept;
  const publisher_counters& counters() const noexcept;
  /// Why the server has not let us in, in words; empty where it has, or has not answered.
  std::string_view refusal() const noexcept;

private:
  struct impl;
  explicit publisher_client(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

/// Fire and forget over a socket of our own.
struct push_options {
  std::string endpoint = "tcp://127.0.0.1:7801";
  int high_water_mark = 1000;  ///< messages waiting on our side
  /// How long the end waits for what has not gone out.
  std::chrono::milliseconds linger{2000};
  /// Ours and the server's; none: to a server that asks for none. A pub_client has no use for them.
  std::shared_ptr<const curve_keys> keys;
};

/// Publishes on 7801, fire and forget. One thread at a time.
class push_client {
public:
  static outcome<std::unique_ptr<push_client>> connect(const push_options& options);
  ~push_client();
  push_client(const push_client&) = delete;
  push_client& operator=(const push_client&) = delete;

  /// Sends [payload], or [topic][payload] when @p topic is not empty.
  /// Fails: ec::deadline_passed while nobody is connected or the way is full; nothing was sent.
  outcome<void> push(std::string_view payload, std::chrono::milliseconds deadline,
                     std::string_view topic = {});
  /// As publisher_client::refusal().
  std::string_view refusal() const noexcept;

private:
  struct impl;
  explicit push_client(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

/// Publishes to servers that connect to us (`ingest.subscribe`), fire and forget. One thread at a
/// time. Unlike a bare PUB socket it waits while a subscriber's queue is full: what it has sent, a
/// subscriber that lives gets.
class pub_client {
public:
  /// Binds push_options::endpoint; port `*` is any free one.
  static outcome<std::unique_ptr<pub_client>> bind(const push_options& options);
  ~pub_client();
  pub_client(const pub_client&) = delete;
  pub_client& operator=(const pub_client&) = delete;

  const std::string& endpoint() const noexcept;  ///< with the port that was bound
  /// Waits until somebody subscribes: what is sent before reaches nobody.
  outcome<void> wait_for_subscriber(std::chrono::milliseconds deadline);
  /// As push_client::push().
  outcome<void> push(std::string_view payload, std::chrono::milliseconds deadline);

private:
  struct impl;
  explicit pub_client(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace faultline
