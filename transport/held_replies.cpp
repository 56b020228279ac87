// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/held_replies.hpp"

#include <utility>

namespace faultline {

namespace {

std::string key_of(std::uint32_t number, std::string_view route) {
  return std::to_string(number).append(1, ':').append(route);
}

/// What an answer takes that waits.
std::size_t bytes_of(const std::vector<std::string>& envelope, const std::string& frame) {
  constexpr std::size_t place = 128, place_of_frame = 48;
  std::size_t bytes = place + frame.size();
  for (const auto& before : envelope) bytes += place_of_frame + before.size();
  return bytes;
}

}  // namespace

void held_replies::count(bool sent) noexcept {
  door_tally::add(sent ? tally_.replies : tally_.replies_unroutable);
}

void held_replies::send(zmq::socket_t& router, std::uint32_t number, std::string_view route,
                        const std::vector<std::string>& envelope, std::string frame) {
  std::string key;
  auto found = peers_.end();
  if (!peers_.empty()) found = peers_.find(key = key_of(number, route));
  if (found == peers_.end()) {  // none waits before it
    const auto sent = send_to(router, route, envelope, frame);
    if (sent != send_result::full) return count(sent == send_result::sent);
    key = key_of(number, route);
  }
  const auto bytes = bytes_of(envelope, frame);
  if (bytes_ + bytes > most_bytes) return count(false);
  if (found == peers_.end())
    found = peers_.emplace(key, peer{&router, std::string{route}, {}}).first;
  bytes_ += bytes;
  found->second.waiting.push_back({envelope, std::move(frame), bytes, clock::now() + patience});
}

void held_replies::again() {
  for (auto p = peers_.begin(); p != peers_.end();) p = settle(p->second) ? peers_.erase(p) : ++p;
}

/// Whether nothing waits for it any more.
bool held_replies::settle(peer& to) {
  while (!to.waiting.empty()) {
    const answer& first = to.waiting.front();
    const auto sent = send_to(*to.router, to.route, first.envelope, first.frame);
    if (sent == send_result::full && clock::now() < first.until) return false;
    count(sent == send_result::sent);
    bytes_ -= first.bytes;
    to.waiting.pop_front();
  }
  return true;
}

}  // namespace faultline
