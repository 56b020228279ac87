// SPDX-License-Identifier: Apache-2.0
#include "actors/post_desk.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <numeric>
#include <utility>

#include <spdlog/spdlog.h>

#include "transport/decode/content.hpp"

namespace faultline {

namespace {

constexpr std::size_t post_overhead = 1024;  ///< what a waiting post counts beside its body
constexpr std::chrono::milliseconds held_for{100}, tended_every{1000};

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
  constexpr const char* names[post_fates] = {"taken",     "partly",    "refused",     "retry",
                                             "malformed", "too_large", "unsupported", "failed"};
  return names[static_cast<std::size_t>(fate)];
}

post_desk::post_desk(ingress& door, naming_options naming, intake_options options,
                     std::function<arrival_time()> now, name_shelf* names)
    : door_{door},
      options_{options},
      now_{std::move(now)},
      namer_{std::move(naming)},
      shelf_{names} {
  namer_.tell_units_to(units_);
  if (shelf_ != nullptr)
    namer_.names().load_by([this](std::string_view entity) { return shelf_->rows_of(entity); });
}

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

bool post_desk::offer(const receiver& by, http_request& request) {
  const auto bytes = request.body.size() + post_overhead;
  const std::lock_guard<std::mutex> lock{mutex_};
  // What is larger than their share would wait for ever: it comes when nothing else is there.
  const bool room = queued_bytes_ + bytes <= options_.max_posted_bytes / 2 + post_overhead;
  if (stopping_ || (!room && queued_bytes_ != 0)) return false;
  queued_bytes_ += bytes;
  queue_.push_back({&by, std::move(request), {}, bytes});
  wake_.notify_one();
  return true;
}

void post_desk::run() {
  std::unique_lock<std::mutex> lock{mutex_};
  const auto due = [this] { return stopping_ || !queue_.empty(); };
  for (;;) {
    wake_.wait_for(lock, held_.empty() ? tended_every : held_for, due);
    const bool last = stopping_ && queue_.empty();
    post next;
    if (!queue_.empty()) {
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    lock.unlock();
    hand_over_held(last);
    if (next.by != nullptr) work(std::move(next));
    tend_names();
    lock.lock();
    if (last) return;
  }
}

void post_desk::let_go(const post& p) {
  const std::lock_guard<std::mutex> lock{mutex_};
  queued_bytes_ -= p.bytes;
}

void post_desk::work(post next) {
  decoded d;
  d.from = std::move(next);
  try {
    if (!read(d)) return let_go(d.from);
    if (d.from.respond) {
      hand_over(d, false);
      return let_go(d.from);
    }
    const bool waits = std::any_of(held_.begin(), held_.end(), [&d](const decoded& other) {
      return other.from.by == d.from.by;
    });
    if (!waits && hand_over(d, true)) return let_go(d.from);
    hold(std::move(d));
  } catch (const std::exception& failed) {
    fail(d, failed.what());
    let_go(d.from);
  }
}

/// Nobody sends again what came by a listener, so that the letter is all that is left of it.
void post_desk::fail(decoded& d, std::string_view what) {
  const auto from = sender_of(*d.from.by, d.from.request);
  spdlog::error("post desk failed source=\"{}\" bytes={} what=\"{}\"", from,
                d.from.request.body.size(), what);
  door_.on_own_failure(d.from.by->door, from, d.from.request.body);
  if (!d.unread) refuse(d.from, post_fate::failed, 500, own_failure_text);
}

/// From here on it counts as what was made of it.
void post_desk::hold(decoded d) {
  d.from.request.body = {};
  std::size_t bytes = post_overhead;
  for (const auto& batch : d.batches) bytes += batch.payload.size();
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    queued_bytes_ += bytes - d.from.bytes;
  }
  d.from.bytes = bytes;
  held_.push_back(std::move(d));
}

/// What is held, the oldest of each receiver first, while there is room. @p last: what has no room
/// now is shed.
void post_desk::hand_over_held(bool last) {
  std::vector<const receiver*> waits;
  for (auto d = held_.begin(); d != held_.end();) {
    const bool in_turn = std::find(waits.begin(), waits.end(), d->from.by) == waits.end();
    if (last || in_turn) {
      const bool taken = hand_over(*d, !last);
      if (last && !taken)
        spdlog::warn("what had come by {} had no room at the end and is lost samples={}",
                     d->from.by->name, d->samples);
      if (taken || last) {
        let_go(d->from);
        d = held_.erase(d);
        continue;
      }
      waits.push_back(d->from.by);
    }
    ++d;
  }
}

post_tools post_desk::tools_for(const post& p) {
  return {events_, namer_, now_(),
          [this](const event_view& e, std::size_t samples) { events_.add(e, samples); },
          [this, &p](std::string_view piece, std::string_view why) {
            namer_.leave_out(left_out::malformed);
            door_.on_unreadable(p.by->door, sender_of(*p.by, p.request),
                                reject_reason::malformed_body, why, piece);
          }};
}

outcome<void> post_desk::read_body(const post& p) {
  auto encoding = header_of(p.request, "Content-Encoding");
  if (encoding.empty()) encoding = p.by->encoding;
  const auto body = decoded_content(p.request.body, encoding, options_.max_unpacked_bytes);
  if (!body) return body.error();
  auto tools = tools_for(p);
  namer_.begin(naming_style::otel, {}, unix_ms(tools.now), tools.to_events);
  if (auto read = p.by->read(p.request, *body, tools); !read) return read;
  namer_.finish();
  if (namer_.overflowed() || events_.overflowed())
    return failure{ec::too_large, "the events of this body are more than 64 MiB"};
  return {};
}

/// @returns whether there is something to hand over; answers when not.
bool post_desk::read(decoded& d) {
  auto& p = d.from;
  const auto& by = *p.by;
  events_.take();  // of one that failed
  if (const auto read = read_body(p); !read) {
    const auto code = read.error().code;
    door_.on_unreadable(
        by.door, sender_of(by, p.request),
        code == ec::too_large ? reject_reason::payload_too_large : reject_reason::malformed_body,
        read.error().what, p.request.body);
    refuse(p, fate_of(code), status_of(code), read.error().what);
    if (!by.unread) return false;
    d.unread = true;
    p.respond = {};  // who waited has heard
    say_unread(p);
  }
  d.batches = events_.take();
  for (const auto& batch : d.batches)
    d.samples = std::accumulate(batch.samples.begin(), batch.samples.end(), d.samples);
  for (std::size_t i = 0; i < left_out_reasons; ++i)
    d.left_out[i] = namer_.left_out_because(static_cast<left_out>(i));
  return true;
}

void post_desk::say_unread(const post& p) {
  events_.take();
  auto tools = tools_for(p);
  namer_.begin(naming_style::otel, {}, unix_ms(tools.now), tools.to_events);
  p.by->unread(p.request, tools);
  namer_.finish();
}

namespace {

/// What is beyond our bounds comes last: it is told only where nothing else was refused.
constexpr std::array refused_values{left_out::not_finite, left_out::no_entity, left_out::malformed,
                                    left_out::no_begin, left_out::too_many};

/// Why the first of @p counts that stands for something refused was, for its sender.
std::string why_left_out(const std::array<std::uint64_t, left_out_reasons>& counts) {
  for (const auto why : refused_values) {
    if (counts[static_cast<std::size_t>(why)] == 0) continue;
    const char* const words =
        why == left_out::not_finite  ? "NaN or infinite"
        : why == left_out::no_entity ? "nothing says whom it is about: see naming.entities"
        : why == left_out::too_many  ? "beyond the metrics an entity may have: naming.max_metrics"
        : why == left_out::no_begin
            ? "a delta needs a startTimeUnixNano before its time: it makes a rate"
            : "a line or value that cannot be read";
    return std::string{to_string(why)} + ": " + words;
  }
  return {};
}

}  // namespace

/// @p again: it will be tried again. @returns whether it was taken.
bool post_desk::hand_over(decoded& d, bool again) {
  auto& p = d.from;
  const auto& by = *p.by;
  std::uint64_t left_out_badly = 0;
  for (const auto why : refused_values) left_out_badly += d.left_out[static_cast<std::size_t>(why)];
  reply_address to;
  to.socket = p.respond ? reply_address::posted : reply_address::no_reply;
  const auto from = sender_of(by, p.request);
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    to.route = std::to_string(++last_number_);
  }
  post_fate fate = post_fate::taken;
  std::string why;
  door_.on_posted({by.door, from, d.batches, to, again}, [&](const post_result& result) {
    if (!result.taken) {
      fate = post_fate::retry;
      why = result.why;
      return;
    }
    keep_names();                        // before anybody hears that it was taken
    if (p.respond) namer_.taken_over();  // what listeners send names no dependencies
    const auto rejected = result.rejected_samples + left_out_badly;
    // What a listener gathers is told later: nothing of it was refused because nothing was
    // accepted.
    const bool told = p.respond || result.rejected != 0;
    if (rejected != 0 || result.rejected != 0)
      fate = result.accepted == 0 && told ? post_fate::refused : post_fate::partly;
    const std::lock_guard<std::mutex> lock{mutex_};
    auto& counted = counters_[by.name];  // before anybody can hear of it
    if (!d.unread) ++counted.posts[static_cast<std::size_t>(fate)];
    counted.samples += d.samples;
    for (std::size_t i = 0; i < left_out_reasons; ++i) counted.left_out[i] += d.left_out[i];
    if (!p.respond) return;
    auto answered = result;
    answered.beyond_bounds = d.left_out[static_cast<std::size_t>(left_out::too_many)];
    if (answered.why.empty()) answered.why = why_left_out(d.left_out);
    waiting_[to.route] = {p.respond, by.answer(p.request, answered, rejected)};
  });
  if (fate == post_fate::retry && !again) refuse(p, fate, 503, why);
  return fate != post_fate::retry;
}

/// Whom the intake has not let in has no names; what is held may bring somebody in yet.
void post_desk::keep_names() {
  if (shelf_ == nullptr || !namer_.names().has_rows()) return;
  auto rows =
      namer_.names().take_rows([this](std::uint64_t entity) { return shelf_->knows(entity); },
                               !held_.empty() || !shelf_->knows_all());
  if (!rows.empty()) shelf_->put(std::move(rows));
}

void post_desk::tend_names() {
  const auto now = std::chrono::steady_clock::now();
  if (shelf_ == nullptr || !held_.empty() || now - tended_ < tended_every) return;
  tended_ = now;
  for (const auto& gone : shelf_->tend()) namer_.names().forget(gone.entity, gone.rows);
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
