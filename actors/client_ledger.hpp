// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "messages/time.hpp"
#include "transport/access.hpp"

namespace faultline {

/// What one client, known by its key, has used of its rights since start, by all doors together.
struct client_account {
  std::uint32_t number = 0;  ///< entities remember by it who introduced them
  double tokens = 0;         ///< events it may send now; below zero after a large payload
  arrival_time filled{};
};

/// Accounts of the clients that were heard of; as many as there are files of keys.
///
/// Threads: the ingest thread alone.
class client_ledger {
public:
  client_account& of(const client_rights& client, arrival_time now);
  /// Whether @p client may send something now: its bucket holds two seconds of its rate.
  bool within_rate(const client_rights& client, arrival_time now);
  /// Takes @p events off.
  void use(const client_rights& client, std::size_t events, arrival_time now);

private:
  std::map<std::string, client_account, std::less<>> accounts_;  ///< by name
};

}  // namespace faultline
