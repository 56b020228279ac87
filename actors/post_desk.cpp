// SPDX-License-Identifier: Apache-2.0
#include "actors/post_desk.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "transport/decode/content.hpp"

namespace faultline {

namespace {

constexpr std::size_t post_overhead = 1024;  ///< what a waiting post counts beside its body

std::string sender_of(const receiver& by, const http_request& request) {
  return by.name + " " + (request.user.empty() ? request.address : request.user);
}

int status_of(ec code) noexcept {
  return code == ec::too_large ? 413 : code == ec::unsupported ? 415 : 400;
}

post_fate fate_of(ec code) noexcept {
  return code == ec::too_large     ? post_fate::too_large
         : code == ec::unsupported ? post_fate::unsupported
                                   : post_fate::malformed;
}

}  // namespace

const char* to_string(post_fate fate) noexcept {
  constexpr const char* names[post_fates] = {"taken",     "partly",    "refused",    "retry",
                                             "malformed", "too_large", "unsupported"};
  return names[static_cast<std::size_t>(fate)];
}

post_desk::post_desk(ingress& door, naming_options naming, intake_options options,
                     std::function<arrival_time()> now)
    : door_{door}, options_{options}, now_{std::move(now)}, namer_{std::move(naming)} {}

void post_desk::start() {
  thread_ = std::thread{[this] { run(); }};
}

void post_desk::stop() {
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (auto& p : queue_) refuse(p, post_fate::retry, 503, "shutting down");
  queue_.clear();
}

void post_desk::take(const receiver& by, http_request request, http_responder respond) {
  post p{&by, std::move(request), std::move(respond), 0};
  p.bytes = p.request.body.size() + post_overhead;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    if (!stopping_ && queued_bytes_ + p.bytes <= options_.max_posted_bytes + post_overhead) {
      queued_bytes_ += p.bytes;
      queue_.push_back(std::move(p));
      wake_.notify_one();
      return;
    }
  }
  refuse(p, post_fate::retry, 503, "too much waits to be read");
}

void post_desk::run() {
  std::unique_lock<std::mutex> lock{mutex_};
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    post next = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work(next);
    lock.lock();
    queued_bytes_ -= next.bytes;
  }
}

void post_desk::work(post& p) {
  events_.take();  // of one that failed
  try {
    if (read(p)) hand_over(p);
  } catch (const std::exception& failed) {
    refuse(p, post_fate::malformed, 500, failed.what());
  }
}

/// @returns whether the body could be read; answers when not.
bool post_desk::read(post& p) {
  const auto& by = *p.by;
  auto encoding = header_of(p.request, "Content-Encoding");
  if (encoding.empty()) encoding = by.encoding;
  const auto body = decoded_content(p.request.body, encoding, options_.max_unpacked_bytes);
  outcome<void> read;
  if (body) {
    post_tools tools{events_, namer_, now_(),
                     [this](const event_view& e, std::size_t samples) { events_.add(e, samples); }};
    namer_.begin(naming_style::otel, {}, unix_ms(tools.now), tools.to_events);
    read = by.read(p.request, *body, tools);
  } else {
    read = body.error();
  }
  if (read) namer_.finish();
  if (read && (namer_.overflowed() || events_.overflowed()))
    read = failure{ec::too_large, "the events of this body are more than 64 MiB"};
  if (read) return true;
  const auto code = read.error().code;
  door_.on_unreadable(
      by.door, sender_of(by, p.request),
      code == ec::too_large ? reject_reason::payload_too_large : reject_reason::malformed_body,
      read.error().what, p.request.body);
  refuse(p, fate_of(code), status_of(code), read.error().what);
  return false;
}

void post_desk::hand_over(post& p) {
  const auto& by = *p.by;
  const auto batches = events_.take();
  std::uint64_t left_out_badly = 0;
  for (const auto why :
       {left_out::not_finite, left_out::no_entity, left_out::too_many, left_out::malformed})
    left_out_badly += namer_.left_out_because(why);
  reply_address to;
  to.socket = p.respond ? reply_address::posted : reply_address::no_reply;
  const auto from = sender_of(by, p.request);
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    to.route = std::to_string(++last_number_);
  }
  post_fate fate = post_fate::taken;
  std::string why;
  door_.on_posted({by.door, from, batches, to}, [&](const post_result& result) {
    if (!result.taken) {
      fate = post_fate::retry;
      why = result.why;
      return;
    }
    namer_.taken_over();
    const auto rejected = result.rejected_samples + left_out_badly;
    if (rejected != 0 || result.rejected != 0)
      fate = result.accepted == 0 ? post_fate::refused : post_fate::partly;
    const std::lock_guard<std::mutex> lock{mutex_};
    auto& counted = counters_[by.name];  // before anybody can hear of it
    ++counted.posts[static_cast<std::size_t>(fate)];
    counted.samples += namer_.taken();
    for (std::size_t i = 0; i < left_out_reasons; ++i)
      counted.left_out[i] += namer_.left_out_because(static_cast<left_out>(i));
    if (p.respond) waiting_[to.route] = {p.respond, by.answer(p.request, result, rejected)};
  });
  if (fate == post_fate::retry) refuse(p, fate, 503, why);
}

void post_desk::durable(const reply_address& to) {
  waiting w;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    const auto found = waiting_.find(to.route);
    if (found == waiting_.end()) return;
    w = std::move(found->second);
    waiting_.erase(found);
  }
  w.respond(std::move(w.response));
}

void post_desk::refuse(post& p, post_fate fate, int status, std::string_view message) {
  count(*p.by, fate);
  if (!p.respond) return;
  auto response = p.by->refuse(p.request, status, message);
  if (status == 503) {
    const auto wait_s = std::max<std::uint64_t>(1, (options_.retry_after_ms + 999) / 1000);
    response.headers.emplace_back("Retry-After", std::to_string(wait_s));
  }
  p.respond(std::move(response));
}

void post_desk::count(const receiver& by, post_fate fate) {
  const std::lock_guard<std::mutex> lock{mutex_};
  ++counters_[by.name].posts[static_cast<std::size_t>(fate)];
}

std::map<std::string, receiver_counters> post_desk::counters() const {
  const std::lock_guard<std::mutex> lock{mutex_};
  return counters_;
}

}  // namespace faultline
