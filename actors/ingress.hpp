// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/group_commit.hpp"
#include "actors/node_shared.hpp"
#include "actors/options.hpp"
#include "messages/event_codec.hpp"
#include "messages/request.hpp"
#include "transport/doors.hpp"

namespace faultline {

/// The doors' side of the log: decodes payloads, checks them, dedupes requests, and hands what is
/// taken to the group commit. Called on the ingest thread; never blocks.
class ingress final : public ingest_handler {
public:
  ingress(group_commit& into, entity_registry& known, node_counters& counters,
          processing_options processing, entity_options entities, intake_options intake,
          std::function<arrival_time()> now);
  ~ingress() override;

  void on_event_payload(const event_source& from, std::string_view topic,
                        std::string_view payload) override;
  void on_request(reply_address from, std::string_view header, std::string_view payload) override;
  void on_bad_request(reply_address from, std::string_view header, std::string_view why_code,
                      std::string_view text) override;
  bool may_read_events() override;

private:
  struct taker;
  struct taken;
  taken take(group_commit::intake& into, event_door door, std::string_view source,
             std::string_view topic, std::string_view payload);
  void count(group_commit::intake& into, event_door door, const taker& sink);
  void letter(group_commit::intake& into, std::string_view reason, std::string_view source,
              std::string_view text, std::string_view payload,
              letter_content content = letter_content::other);
  bool admit_entity(std::string_view entity, arrival_time now);

  group_commit& into_;
  entity_registry& known_;
  node_counters& counters_;
  processing_options processing_;
  entity_options entities_;
  intake_options intake_;
  std::function<arrival_time()> now_;
  payload_decoder decoder_;
  event_view scratch_;
  double new_tokens_ = 0;
  arrival_time tokens_at_{};
};

}  // namespace faultline
