// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/client_ledger.hpp"
#include "actors/group_commit.hpp"
#include "actors/node_shared.hpp"
#include "actors/options.hpp"
#include "actors/publishers.hpp"
#include "messages/event_codec.hpp"
#include "messages/payload_writer.hpp"
#include "messages/request.hpp"
#include "processing/naming.hpp"
#include "processing/span_joiner.hpp"
#include "transport/doors.hpp"

namespace faultline {

/// Durable counters with this prefix, by reason: refused events that got no dead letter of their
/// own.
inline const std::string unlettered_prefix = "unlettered.";

/// Payloads that a decoder made of one request of another protocol: taken whole or not at all.
struct posted_events {
  event_door door = event_door::http;
  std::string_view from;  ///< receiver and sender, such as "otlp_metrics 10.0.0.7"
  const std::vector<payload_writer::batch>& batches;
  reply_address to;    ///< no_reply: nobody waits
  bool again = false;  ///< not taken, they will be posted again: they are not shed
};

/// What became of them.
struct post_result {
  bool taken = false;                      ///< else: send it again
  std::size_t accepted = 0, rejected = 0;  ///< events
  std::uint64_t rejected_samples = 0;      ///< that were in rejected events
  std::uint64_t beyond_bounds = 0;         ///< samples of names that their entity has no room for
  std::string why;                         ///< not taken, or the first that was refused
};

/// What a sender is told, and its letter says, of a body that we failed at; the log says why.
inline constexpr std::string_view own_failure_text =
    "the server failed at this body: its log says why";

/// Whom an ingress works with. All outlive it.
struct ingress_peers {
  group_commit& into;
  entity_registry& known;
  node_counters& counters;
  std::function<arrival_time()> now;
};

/// What it takes, and from how many.
struct ingress_options {
  processing_options processing;
  entity_options entities;
  intake_options intake;
  entity_aliases aliases;  ///< by which names events are taken, whatever door they come by
};

/// The doors' side of the log: decodes payloads, checks them, dedupes requests, and hands what is
/// taken to the group commit. Called on the ingest thread and, for posts, on those of
/// their receivers: whatever it holds is guarded by the mutex of publishers(); never blocks.
///
/// Beyond a limit of the group commit a publisher is heard as long as it is below its fair share;
/// the others are answered `retry`, or their events are shed where nobody waits for an answer.
class ingress final : public ingest_handler {
public:
  ingress(ingress_peers peers, ingress_options options);
  ~ingress() override;

  void on_event_payload(const event_source& from, std::string_view topic,
                        std::string_view payload) override;
  void on_request(reply_address from, const sender& who, std::string_view header,
                  std::string_view payload) override;
  void on_bad_request(reply_address from, const sender& who, std::string_view header,
                      std::string_view why_code, std::string_view text) override;
  void on_bad_event(const event_source& from, std::string_view first, std::string_view why_code,
                    std::string_view text) override;
  bool may_read_events() override;
  /// From any thread. @p decided hears what became of them before a reply to @p posts.to can go
  /// out, which does once all of it is durable, where it was taken.
  void on_posted(const posted_events& posts,
                 const std::function<void(const post_result&)>& decided);
  /// A request of another protocol that cannot be read: a dead letter. From any thread.
  void on_unreadable(event_door door, std::string_view from, reject_reason reason,
                     std::string_view text, std::string_view body);
  /// The same of one that we failed at, whatever it holds: a dead letter `internal_error`.
  void on_own_failure(event_door door, std::string_view from, std::string_view body);
  /// Requests, messages and posts that were told to wait, or shed, for want of room, since start.
  /// Who is only over the rate of its key is not among them. From any thread.
  std::uint64_t no_room() const noexcept { return no_room_.load(std::memory_order_relaxed); }
  /// Who was heard of. Lock its mutex().
  publisher_accounts& publishers() { return publishers_; }

private:
  struct taker;
  struct taken {
    bool readable = true;
    std::size_t accepted = 0;
    std::vector<rejected_event> rejected;
  };
  taken take(group_commit::intake& into, publisher_account& from, const client_rights* rights,
             std::string_view topic, std::string_view payload);
  void count(group_commit::intake& into, publisher_account& from, const taker& sink);
  void letter(group_commit::intake& into, std::string_view reason, std::string_view source,
              std::string_view text, std::string_view payload,
              letter_content content = letter_content::other);
  /// Something that cannot be read at all, or is not looked at.
  struct unreadable {
    publisher_account& from;
    const client_rights* rights;  ///< none: no key was asked for
    std::string_view reason, text, content;
    letter_content kind = letter_content::other;
  };
  void refuse(group_commit::intake& into, const unreadable& what, arrival_time now);
  void refuse_sender(group_commit::intake& into, const reply_address& from,
                     std::string_view header);
  static std::string source_of(const publisher_account& a);
  static event_door door_of(const event_source& from) {
    return from.door == "subscribe" ? event_door::subscribe : event_door::pull;
  }
  static bool may_send(const sender& who, arrival_time now);
  /// Why @p entity is not let in; nullptr: it is.
  const char* refuse_entity(std::string_view entity, publisher_account& from,
                            const client_rights* rights, arrival_time now);
  /// The account of who sent this: of a client whose key is proven, whatever it calls itself.
  publisher_account& account(event_door door, std::string_view said, const sender& who,
                             arrival_time now);
  /// Counts those who may not.
  bool may_take(publisher_account& from, arrival_time now);
  bool has_room_for(const publisher_account& from) const;
  bool calls_due(arrival_time now) const;
  void count_spans();
  void tell_calls(group_commit::intake& into, arrival_time now);
  bool paced(const publisher_account& from) const;
  void pass_time(arrival_time now);
  const char* reason() const;  ///< of a `retry`
  void shed(publisher_account& from, std::string_view payload);
  void shed(publisher_account& from, const posted_events& posts);
  void take_batch(const posted_events& posts, const payload_writer::batch& batch, arrival_time now,
                  post_result& result);
  void tell(group_commit::intake& into, reply_address to, std::string frame);
  void promise(group_commit::intake& into, reply_address to, const publish_header& head,
               request_fate fate, std::string frame);
  /// A request that can be read, of somebody who may send.
  struct asked {
    reply_address from;
    sender who;
    publish_header head;
    std::string key;  ///< of its publisher's window
    std::string_view payload;
  };
  void answer(group_commit::intake& into, asked request);
  std::optional<std::string> take_fresh(group_commit::intake& into, const asked& request,
                                        std::uint64_t hash);

  group_commit& into_;
  entity_registry& known_;
  node_counters& counters_;
  processing_options processing_;
  entity_options entities_;
  intake_options intake_;
  std::function<arrival_time()> now_;
  const entity_aliases aliases_;
  payload_decoder decoder_;
  event_view scratch_;
  publisher_accounts publishers_;
  new_entity_rate new_entities_;
  client_ledger clients_;
  span_joiner joiner_;
  std::atomic<std::uint64_t> no_room_{0};
  arrival_time calls_told_{};
  static constexpr std::uint64_t lag_parts = 8;  ///< of max_lag_records; one is let in at once
  arrival_time paced_at_{};
  static constexpr std::uint64_t thousandths = 1000;  ///< of an event: a second in milliseconds
  std::uint64_t paced_ = 0;                           ///< of these, what the pace has let in
};

}  // namespace faultline
