// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"
#include "messages/request.hpp"

namespace faultline {

/// Where a letter's request stands among those of the publisher `dead-letter-replay`: always the
/// same, and within the window that a server remembers, so that a letter is never taken twice.
struct replay_place {
  std::string epoch;
  std::uint64_t seq = 0;
};
outcome<replay_place> replay_place_of(const std::string& id);

/// A letter as the API gives it.
struct kept_letter {
  std::string id, source;
  std::string content;  ///< event, payload, other
  std::string payload;
  std::uint64_t payload_bytes = 0;
  bool truncated = false;
  std::int64_t ts = 0;
};
/// Reads one letter of the API's answers (JSON).
outcome<kept_letter> read_letter(const std::string& json);

/// What is sent for a letter: an event that named no time gets that of its arrival. Fails where
/// nothing can be sent again (cut, or no event), with the sentence why.
outcome<std::string> replay_payload(const kept_letter& letter);

outcome<std::string> from_base64(std::string_view text);

/// What became of a letter: accepted, duplicate, rejected, refused, not_sent, unknown, would_send.
struct letter_fate {
  std::string id;
  std::string what;
  std::string text;
};
letter_fate fate_of(const std::string& id, const publish_reply& reply);

}  // namespace faultline
