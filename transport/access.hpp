// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/time.hpp"

namespace faultline {

/// What the holder of a key may do. Read from its file in `security.clients`.
struct client_rights {
  std::string name;                    ///< of the file, without ".pub"
  std::string public_key;              ///< 40 characters of Z85
  bool ingest = false;                 ///< may send events
  bool feed = false;                   ///< may subscribe and ask for replays
  std::vector<std::string> entities;   ///< prefixes of those it may speak of; empty: all
  double events_per_second = 0;        ///< 0: any number
  std::uint64_t max_entities = 0;      ///< new ones it may bring in; 0: any number
  std::optional<arrival_time> expiry;  ///< good before it
  std::string endpoint;  ///< of a PUB that we connect to and that proves itself by this key

  bool expired(arrival_time now) const noexcept { return expiry && now >= *expiry; }
  bool may_speak_of(std::string_view entity) const noexcept;
};

/// All clients, by public key. Immutable once it is handed to others.
class access_list {
public:
  /// @returns false when the key is there already.
  bool add(client_rights client);
  /// nullptr: not known.
  const client_rights* find(std::string_view public_key) const noexcept;
  /// The client whose key the PUB at @p endpoint has to prove; nullptr: none is named.
  const client_rights* behind(std::string_view endpoint) const noexcept;
  std::size_t size() const noexcept { return by_key_.size(); }
  const std::map<std::string, client_rights, std::less<>>& all() const noexcept { return by_key_; }

private:
  std::map<std::string, client_rights, std::less<>> by_key_;
};

using shared_access = std::shared_ptr<const access_list>;

/// Whether somebody who had the right to the feed in @p before, at @p then, has it no more in
/// @p after, at @p now.
bool somebody_lost_the_feed(const access_list& before, arrival_time then, const access_list& after,
                            arrival_time now);

/// Who sent a message, as far as it has been proven. Valid during the call it is handed to.
struct sender {
  bool proven = false;                    ///< the socket asks for keys
  const client_rights* rights = nullptr;  ///< proven and none: its key is not in the list any more
};

}  // namespace faultline
