// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "transport/options.hpp"

namespace faultline {

/// What stands against an address of the configuration, and under which key.
struct address_problem {
  std::string key;   ///< "ingest.router"
  std::string text;  ///< begins with the address; says what to do
};

// Addresses that are none, and those that would let in whoever reaches them. Nothing is opened and
// no file is read, so that a configuration can be looked at anywhere; the doors refuse the same,
// and what only the files of keys and certificates tell.

std::vector<address_problem> address_problems(const socket_options& o);
std::vector<address_problem> address_problems(const web_options& o);
std::vector<address_problem> address_problems(const receiver_options& o);
/// Of a PUB in `ingest.subscribe` that leads over a network and that no client's file names.
std::string no_client_behind(const std::string& endpoint);
/// Of one endpoint of syslog or StatsD, udp:// or tcp://, in a sentence.
std::optional<std::string> line_address_problem(const std::string& endpoint, bool networks);

}  // namespace faultline
