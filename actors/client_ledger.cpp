// SPDX-License-Identifier: Apache-2.0
#include "actors/client_ledger.hpp"

#include <algorithm>
#include <chrono>

#include "actors/publishers.hpp"

namespace faultline {

namespace {

constexpr double burst_seconds = 2;
/// Numbers of clients are beyond those of publishers, which are counted from 1.
constexpr std::uint32_t first_number = 0x80000000;

}  // namespace

client_account& client_ledger::of(const client_rights& client, arrival_time now) {
  const auto found = accounts_.find(client.name);
  if (found != accounts_.end()) return found->second;
  auto& account = accounts_[client.name];
  account.number = first_number + static_cast<std::uint32_t>(accounts_.size());
  account.tokens = burst_seconds * client.events_per_second;
  account.filled = now;
  return account;
}

bool client_ledger::within_rate(const client_rights& client, arrival_time now) {
  if (client.events_per_second <= 0) return true;
  auto& account = of(client, now);
  const double passed = passed_since(account.filled, now);
  account.tokens = std::min(account.tokens + passed * client.events_per_second,
                            burst_seconds * client.events_per_second);
  return account.tokens > 0;
}

void client_ledger::use(const client_rights& client, std::size_t events, arrival_time now) {
  if (client.events_per_second > 0) of(client, now).tokens -= static_cast<double>(events);
}

}  // namespace faultline
