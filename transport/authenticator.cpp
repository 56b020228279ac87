// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/authenticator.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace faultline {

namespace {

constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";
constexpr std::size_t zap_frames = 7;  // version, id, domain, address, routing id, mechanism, key
constexpr std::chrono::seconds say_every{1};
/// A handshake takes at most `handshake_ivl`, three seconds.
constexpr std::chrono::seconds handshake_time{4};
constexpr int events_watched = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED |
                               ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_MONITOR_STOPPED;

std::string_view text_of(const zmq::message_t& frame) {
  return {static_cast<const char*>(frame.data()), frame.size()};
}

handshake broken_rule(std::uint32_t code) {
  if (code == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) return handshake::no_keys;
  if (code == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC) return handshake::wrong_server_key;
  return handshake::malformed;
}

}  // namespace

const char* to_string(handshake outcome) noexcept {
  constexpr std::array<const char*, handshake_outcomes> names{
      "accepted",  "unknown_key", "expired",  "not_allowed",      "no_keys", "wrong_server_key",
      "malformed", "broken_off",  "not_zmtp", "no_authenticator", "canary"};
  return names[static_cast<std::size_t>(outcome)];
}

authenticator::authenticator(zmq::context_t& context, const current_access& access,
                             std::function<void(const std::string&)> dead)
    : context_{context}, access_{access}, dead_{std::move(dead)} {}

void authenticator::open() {
  zap_ = zmq::socket_t{context_, zmq::socket_type::rep};
  zap_.set(zmq::sockopt::linger, 0);
  zap_.bind(zap_endpoint);
  thread_ = std::thread{[this] {
    try {
      run();
    } catch (const std::exception& why) {
      if (!stopping_ && dead_) dead_(std::string{"the authenticator ended: "} + why.what());
    }
  }};
}

void authenticator::watch_socket(zmq::socket_t& socket, curve_domain domain) {
  static std::atomic<std::uint64_t> number{0};
  const std::string events = "inproc://door-monitor-" + std::to_string(number++);
  watched w;
  w.domain = domain;
  // The reader before the first event: libzmq waits for one.
  w.monitor = zmq::socket_t{context_, zmq::socket_type::pair};
  w.monitor.set(zmq::sockopt::linger, 0);
  w.monitor.set(zmq::sockopt::rcvhwm, 0);
  if (zmq_socket_monitor(socket.handle(), events.c_str(), events_watched) != 0)
    throw zmq::error_t{};
  w.monitor.connect(events);
  {
    const std::lock_guard lock{mutex_};
    fresh_.push_back(std::move(w));
  }
  wake_.ring();
}

void authenticator::forget_socket(zmq::socket_t& socket) noexcept {
  zmq_socket_monitor(socket.handle(), nullptr, 0);
}

void authenticator::expect_canary(const std::string& public_key) {
  const std::lock_guard lock{mutex_};
  canary_ = public_key;
}

void authenticator::stop() noexcept {
  stopping_ = true;
  wake_.ring();
  if (thread_.joinable()) thread_.join();
}

std::uint64_t authenticator::count(curve_domain domain, handshake outcome) const noexcept {
  return tally_[static_cast<std::size_t>(domain)][static_cast<std::size_t>(outcome)].load(
      std::memory_order_relaxed);
}

void authenticator::add(curve_domain domain, handshake outcome, std::uint64_t n) noexcept {
  tally_[static_cast<std::size_t>(domain)][static_cast<std::size_t>(outcome)].fetch_add(
      n, std::memory_order_relaxed);
}

void authenticator::run() {
  std::vector<zmq_pollitem_t> items;
  auto next_count = clock::now();
  while (!stopping_) {
    take_new();
    items.assign({{nullptr, wake_.fd(), ZMQ_POLLIN, 0}, {zap_.handle(), 0, ZMQ_POLLIN, 0}});
    for (watched& w : watched_) items.push_back({w.monitor.handle(), 0, ZMQ_POLLIN, 0});
    wait_for(items.data(), items.size(), 1000);
    if (items[0].revents != 0) wake_.clear();
    if (items[1].revents != 0) answer();
    for (std::size_t i = 0; i < watched_.size(); ++i)
      if (items[i + 2].revents != 0) read_events(watched_[i]);
    if (clock::now() < next_count) continue;
    for (watched& w : watched_) count_silent(w);
    next_count = clock::now() + std::chrono::seconds{1};
  }
}

void authenticator::take_new() {
  watched_.erase(
      std::remove_if(watched_.begin(), watched_.end(), [](const watched& w) { return w.ended; }),
      watched_.end());
  const std::lock_guard lock{mutex_};
  for (watched& w : fresh_) watched_.push_back(std::move(w));
  fresh_.clear();
}

// request := version id domain address routing-id mechanism credentials*
// reply   := version id status text user-id metadata
void authenticator::answer() {
  question_.clear();
  do {
    question_.emplace_back();
    if (!zap_.recv(question_.back(), zmq::recv_flags::none)) return;
  } while (question_.back().more());
  if (question_.size() < zap_frames) question_.resize(zap_frames);
  const auto domain = text_of(question_[2]) == "feed" ? curve_domain::feed : curve_domain::ingest;
  std::string key;
  const auto verdict = judge(domain, text_of(question_[5]), text_of(question_[6]), key);
  const bool in = verdict == handshake::accepted;
  // What was accepted is counted when the handshake has succeeded.
  if (!in) {
    add(domain, verdict);
    say_refused(verdict, domain, text_of(question_[3]), key);
  }
  zap_.send(question_[0], zmq::send_flags::sndmore);
  zap_.send(question_[1], zmq::send_flags::sndmore);
  for (const std::string& frame :
       {std::string{in ? "200" : "400"}, std::string{to_string(verdict)}, in ? key : std::string{}})
    zap_.send(zmq::message_t{frame.data(), frame.size()}, zmq::send_flags::sndmore);
  zap_.send(zmq::message_t{}, zmq::send_flags::none);
}

handshake authenticator::judge(curve_domain domain, std::string_view mechanism,
                               std::string_view credentials, std::string& key) const {
  constexpr std::size_t raw_key = 32;
  if (mechanism != "CURVE" || credentials.size() != raw_key) return handshake::malformed;
  std::array<char, 41> text{};
  zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(credentials.data()), raw_key);
  key = text.data();
  const auto list = access_.get();
  const client_rights* client = list->find(key);
  if (client == nullptr) {
    const std::lock_guard lock{mutex_};
    return key == canary_ ? handshake::canary : handshake::unknown_key;
  }
  if (client->expired(key_clock_now())) return handshake::expired;
  const bool may = domain == curve_domain::feed ? client->feed : client->ingest;
  return may ? handshake::accepted : handshake::not_allowed;
}

/// One line a second: a flood of strangers does not fill the disk.
void authenticator::say_refused(handshake why, curve_domain domain, std::string_view address,
                                std::string_view key) {
  if (why == handshake::canary) return;
  const auto now = clock::now();
  if (now - said_at_ < say_every) {
    ++unsaid_;
    return;
  }
  said_at_ = now;
  spdlog::warn("handshake refused domain={} reason={} address={} public_key={} unsaid={}",
               to_string(domain), to_string(why), address, key.substr(0, 8),
               std::exchange(unsaid_, 0));
}

void authenticator::read_events(watched& from) {
  while (receive(from.monitor, message_)) {
    constexpr std::size_t event_bytes = 6;
    if (message_[0].size() < event_bytes) continue;
    std::uint16_t event = 0;
    std::uint32_t value = 0;
    std::memcpy(&event, message_[0].data(), sizeof event);
    std::memcpy(&value, message_[0].data() + sizeof event, sizeof value);
    note_event(from, event, value);
  }
}

void authenticator::note_event(watched& from, std::uint16_t event, std::uint32_t value) {
  const auto conclude = [&](handshake outcome) {
    ++from.concluded;
    add(from.domain, outcome);
  };
  switch (event) {
    case ZMQ_EVENT_ACCEPTED:
      ++from.accepted;
      from.open[static_cast<int>(value)] = clock::now();
      return;
    case ZMQ_EVENT_DISCONNECTED:
      from.open.erase(static_cast<int>(value));
      return;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return conclude(handshake::accepted);
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      ++from.concluded;  // counted where it was refused
      return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      return conclude(broken_rule(value));
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      // libzmq finds nobody at the address of the authenticator: EFAULT.
      return conclude(value == EFAULT ? handshake::no_authenticator : handshake::broken_off);
    case ZMQ_EVENT_MONITOR_STOPPED:
      from.ended = true;
      return;
    default:
      return;
  }
}

/// Bytes that are no ZMTP end a connection without an event of its own. So what was accepted, and
/// neither concluded its handshake nor may still do so, was that.
void authenticator::count_silent(watched& of) {
  const auto since = clock::now() - handshake_time;
  const auto young = static_cast<std::uint64_t>(std::count_if(
      of.open.begin(), of.open.end(), [since](const auto& open) { return open.second > since; }));
  const auto known = of.concluded + of.silent + young;
  if (of.accepted <= known) return;
  add(of.domain, handshake::not_zmtp, of.accepted - known);
  of.silent += of.accepted - known;
}

}  // namespace faultline
