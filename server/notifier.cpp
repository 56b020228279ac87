// SPDX-License-Identifier: Apache-2.0
#include "server/notifier.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "messages/feed.hpp"
#include "transport/notify_text.hpp"

namespace faultline {

namespace {

constexpr std::size_t feed_page = 512;
constexpr std::size_t row_page = 4096;
constexpr std::chrono::seconds longest_nap{1};
constexpr std::chrono::seconds last_answers{5};  ///< waited for at the end
constexpr const char* rows_of = "notify/";
constexpr const char* cursor_row = "cursor";

notify_target::kind how(receiver_kind kind) {
  switch (kind) {
    case receiver_kind::webhook:
      return notify_target::kind::webhook;
    case receiver_kind::alertmanager:
      return notify_target::kind::alertmanager;
    case receiver_kind::pagerduty:
      return notify_target::kind::pagerduty;
    case receiver_kind::plain:
      return notify_target::kind::plain;
    case receiver_kind::email:
      return notify_target::kind::email;
  }
  return notify_target::kind::webhook;
}

/// What `notify test` sends.
notification made_up(const notify_receiver& r, arrival_time now) {
  notification n;
  n.receiver = r.name;
  n.group = r.name + ":{test=\"" + std::to_string(unix_ms(now)) + "\"}";
  n.id = "test-" + std::to_string(unix_ms(now));
  n.at = now;
  n.firing = 1;
  alert& a = n.alerts.emplace_back();
  a.id = n.id;
  a.entity = "test/faultline";
  a.metric = "test";
  a.explanation = "a test of the receiver " + r.name + ": nothing is wrong";
  a.started = a.updated = event_time_of(unix_ms(now));
  a.labels = {{"alertname", "FaultlineTest"}, {"entity", a.entity}, {"severity", "warning"}};
  return n;
}

void warn_of_the_unnamed(const notify_options& o) {
  for (const notify_receiver& r : o.receivers)
    if (std::none_of(o.routes.begin(), o.routes.end(),
                     [&](const notify_route& route) { return route.receiver == r.name; }))
      spdlog::warn("receiver=\"{}\" is told of nothing but tests: no route names it", r.name);
}

}  // namespace

/// Sends what one receiver is to hear, one message at a time.
struct notifier::worker {
  notify_target target;
  std::string name;
  std::optional<notification> job;  ///< guarded by the notifier's mutex
  later_mails later;                ///< its thread's own
  std::condition_variable wake;
  std::thread thread;
};

outcome<notifier_core> notifier::core_of(const notify_options& options) {
  auto core = notifier_core::make(options);
  if (!core) return core.error();
  for (const notify_receiver& r : options.receivers)
    for (const std::string* text : {&r.title, &r.text})
      if (auto good = check_template(*text); !good)
        return failure{ec::invalid,
                       "notifications.receivers: " + r.name + ": " + good.error().what};
  return core;
}

outcome<std::unique_ptr<notifier>> notifier::make(const notify_options& options, store& memory,
                                                  std::function<arrival_time()> now,
                                                  snapshot_source open,
                                                  std::function<void(const std::string&)> give_up) {
  auto core = core_of(options);
  if (!core) return core.error();
  std::unique_ptr<notifier> made{new notifier{options, std::move(*core), memory}};
  made->now_ = std::move(now);
  made->open_ = std::move(open);
  made->give_up_ = std::move(give_up);
  return made;
}

notifier::notifier(const notify_options& options, notifier_core core, store& memory)
    : options_{options}, core_{core}, routing_{std::move(core)}, memory_{memory} {
  for (const notify_receiver& r : options_.receivers)
    status_.receivers.push_back({r.name, to_string(r.kind), 0, 0, 0, {}, 0});
}

notifier::~notifier() { stop(); }

notify_target notifier::target_of(const notify_receiver& r) const {
  notify_target t;
  t.how = how(r.kind);
  t.url = r.url;
  t.url_file = r.url_file;
  t.secret_file = r.secret_file;
  t.user = r.user;
  t.from = r.from;
  t.to = r.to;
  t.title = r.title;
  t.text = r.text;
  t.external_url = options_.external_url;
  t.broken_off = &broken_off_;
  return t;
}

void notifier::start() {
  warn_of_the_unnamed(options_);
  if (options_.routes.empty()) return;  // there are receivers to test, and nothing to tell them
  for (const notify_receiver& r : options_.receivers) {
    auto w = std::make_unique<worker>();
    w->target = target_of(r);
    w->name = r.name;
    if (const auto files = check_files(w->target); !files) {
      const std::lock_guard<std::mutex> lock{mutex_};
      spdlog::warn("receiver=\"{}\" cannot be told of anything: {}", r.name, files.error().what);
      status_.receivers[workers_.size()].last_error = files.error().what;
    }
    w->thread = std::thread{[this, raw = w.get()] { work(*raw); }};
    workers_.push_back(std::move(w));
  }
  thread_ = std::thread{[this] { run(); }};
}

void notifier::stop() {
  {
    std::unique_lock<std::mutex> lock{mutex_};
    stop_ = true;
    for (const auto& w : workers_) w->wake.notify_all();
    wake_.notify_all();
    answered_.wait_for(lock, last_answers, [this] { return sending_ == 0; });
  }
  broken_off_ = true;
  if (thread_.joinable()) thread_.join();
  for (const auto& w : workers_)
    if (w->thread.joinable()) w->thread.join();
  if (workers_.empty()) return;
  workers_.clear();
  // What was sent while we ended is known next time.
  if (!take_results()) return;
  if (auto done = keep(true); !done) spdlog::warn("notifier: {}", done.error().what);
}

void notifier::wake() {
  const std::lock_guard<std::mutex> lock{mutex_};
  woken_ = true;
  wake_.notify_one();
}

notifier_status notifier::status() const {
  const std::lock_guard<std::mutex> lock{mutex_};
  notifier_status s = status_;
  const std::uint64_t last = memory_.feed().last();
  s.behind = last - std::min(last, s.behind);
  return s;
}

outcome<void> notifier::test(const std::string& receiver, milliseconds patience) const {
  for (const notify_receiver& r : options_.receivers) {
    if (r.name != receiver) continue;
    notify_target target = target_of(r);
    target.timeout = std::min(target.timeout, patience);
    return send_notification(target, made_up(r, now_()));
  }
  return failure{ec::not_found, "no receiver " + receiver};
}

void notifier::work(worker& w) {
  for (;;) {
    std::optional<notification> job;
    {
      std::unique_lock<std::mutex> lock{mutex_};
      const auto called = [&] { return stop_ || w.job; };
      if (const auto next = w.later.next())
        w.wake.wait_until(lock, *next, called);
      else
        w.wake.wait(lock, called);
      if (stop_) return;
      job = std::exchange(w.job, std::nullopt);
      ++sending_;
    }
    if (job) send(w, std::move(*job));
    if (auto due = w.later.take(later_mails::moment::clock::now())) send_later(w, std::move(*due));
    const std::lock_guard<std::mutex> lock{mutex_};
    --sending_;
    answered_.notify_all();
  }
}

void notifier::send(worker& w, notification job) {
  notify_again again;
  const auto sent = send_notification(w.target, job, &again);
  const bool refused = !sent && sent.error().code == ec::invalid;
  const bool later = refused && !again.to.empty();
  if (!sent)
    spdlog::warn("notification {} receiver=\"{}\" group=\"{}\" reason=\"{}\"",
                 later     ? "refused in part"
                 : refused ? "refused for good"
                           : "not sent",
                 w.name, job.group, sent.error().what);
  if (later) {
    auto full = w.later.add(std::move(job), std::move(again.to), later_mails::moment::clock::now());
    if (full) give_up_mail(w, *full, "too many mails wait for recipients that are refused for now");
  }
  const std::lock_guard<std::mutex> lock{mutex_};
  results_.push_back({w.name,
                      sent || (later && !again.for_good) ? delivery::sent
                      : refused                          ? delivery::refused
                                                         : delivery::failed,
                      again.rest});
  for (receiver_state& r : status_.receivers) {
    if (r.name != w.name) continue;
    r.last_error = sent ? std::string{} : sent.error().what;
    if (sent) r.last_sent = unix_ms(now_());
  }
  woken_ = true;
  wake_.notify_one();
}

void notifier::send_later(worker& w, later_mails::mail due) {
  notify_target target = w.target;
  target.to = due.to;
  notify_again again;
  const auto sent = send_notification(target, due.what, &again);
  if (sent)
    return spdlog::info("mail taken later receiver=\"{}\" group=\"{}\"", w.name, due.what.group);
  const bool nobody_left = again.to.empty() && again.for_good;
  // The server itself was not reached: it is still for all of them.
  if (again.to.empty()) again.to = due.to;
  if (nobody_left || !w.later.put_back(due, std::move(again.to), later_mails::moment::clock::now()))
    give_up_mail(w, due, sent.error().what);
}

void notifier::give_up_mail(const worker& w, const later_mails::mail& mail,
                            const std::string& why) {
  std::string who;
  for (const std::string& one : mail.to) who += (who.empty() ? "" : ", ") + one;
  spdlog::warn("mail given up receiver=\"{}\" group=\"{}\" to=\"{}\" reason=\"{}\"", w.name,
               mail.what.group, who, why);
}

outcome<void> notifier::load() {
  std::map<std::string, std::string> rows;
  std::string after;
  for (;;) {
    auto page = memory_.notes().load(rows_of, after, row_page);
    if (!page) return page.error();
    for (auto& [name, bytes] : *page) {
      after = name;
      rows[name.substr(std::char_traits<char>::length(rows_of))] = std::move(bytes);
    }
    if (page->size() < row_page) break;
  }
  const auto cursor = rows.find(cursor_row);
  if (cursor == rows.end()) return begin_anew();
  std::uint64_t at = 0;
  std::from_chars(cursor->second.data(), cursor->second.data() + cursor->second.size(), at);
  rows.erase(cursor);
  if (at + 1 < memory_.feed().oldest()) {
    // What was told meanwhile is beyond retention: what fires now is told of.
    spdlog::warn("notifier begins anew: the feed before record {} is gone",
                 memory_.feed().oldest());
    note_rows gone;
    for (const auto& [name, bytes] : rows) gone.emplace_back(rows_of + name, std::nullopt);
    if (auto done = memory_.notes().write(gone, sync_when::now); !done) return done;
    return begin_anew();
  }
  cursor_ = at;
  return core_.restore(rows, now_());
}

outcome<void> notifier::begin_anew() {
  auto open = open_();
  if (!open) return open.error();
  for (const alert& a : open->firing) core_.take(a, now_());
  for (const incident& i : open->open) core_.take(i, now_());
  cursor_ = open->as_of;
  cursor_moved_ = true;
  return keep(true);
}

/// Writes what has changed, with the cursor.
outcome<void> notifier::keep(bool sync) {
  note_rows rows;
  for (auto& [name, bytes] : core_.changes()) rows.emplace_back(rows_of + name, std::move(bytes));
  if (rows.empty() && !cursor_moved_) return {};
  rows.emplace_back(std::string{rows_of} + cursor_row, std::to_string(cursor_));
  cursor_moved_ = false;
  for (;;) {
    auto done = memory_.notes().write(rows, sync ? sync_when::now : sync_when::later);
    if (done || done.error().code != ec::no_space) return done;
    // The disk is nearly full: what is sent must be written down first.
    std::unique_lock<std::mutex> lock{mutex_};
    if (wake_.wait_for(lock, longest_nap, [&] { return stop_; })) return done;
  }
}

/// One page of the feed. @returns whether there may be more.
outcome<bool> notifier::follow() {
  auto page = memory_.feed().read(cursor_ + 1, feed_page, "");
  if (!page) return page.error();
  for (const feed_record& r : page->records) {
    const auto item = read_feed_payload(r.payload);
    if (!item) continue;  // of a newer build
    if (item->kind == "alert") core_.take(item->alert, now_());
    if (item->kind == "incident") core_.take(item->incident, now_());
  }
  if (page->next <= cursor_ + 1) return false;
  cursor_ = page->next - 1;
  cursor_moved_ = true;
  // Not waited for: what is lost with the machine is read again.
  if (auto done = keep(false); !done) return done.error();
  return true;
}

/// @returns whether there were any.
bool notifier::take_results() {
  std::deque<result> fresh;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    fresh.swap(results_);
  }
  for (const result& r : fresh) core_.done(r.receiver, r.how, now_(), r.rest);
  return !fresh.empty();
}

/// One page of the feed at most, so that a steady one holds up no message.
outcome<bool> notifier::turn() {
  const bool settled = take_results();
  auto more = follow();
  if (!more) return more.error();
  auto jobs = core_.due(now_());
  // Before anything else is sent: nobody is told twice, and of whom may have heard it is known.
  if (settled || !jobs.empty())
    if (auto done = keep(true); !done) return done.error();
  for (notification& n : jobs) {
    const std::lock_guard<std::mutex> lock{mutex_};
    for (const auto& w : workers_) {
      if (w->name != n.receiver) continue;
      w->job = std::move(n);
      w->wake.notify_one();
      break;
    }
  }
  const std::lock_guard<std::mutex> lock{mutex_};
  status_.waiting = core_.waiting();
  status_.behind = cursor_;
  status_.left_out = core_.left_out();
  for (receiver_state& r : status_.receivers) {
    const auto& count = core_.counters().at(r.name);
    r.sent = count.sent;
    r.failed = count.failed;
    r.refused = count.refused;
  }
  return more;
}

void notifier::run() {
  outcome<void> done = load();
  while (done) {
    const auto more = turn();
    if (!more) {
      done = more.error();
      break;
    }
    {
      const std::lock_guard<std::mutex> lock{mutex_};
      if (stop_) return;
    }
    if (*more) continue;
    auto nap = std::chrono::duration_cast<milliseconds>(longest_nap);
    if (const auto next = core_.next()) nap = std::clamp(*next - now_(), milliseconds{1}, nap);
    std::unique_lock<std::mutex> lock{mutex_};
    wake_.wait_for(lock, nap, [&] { return stop_ || woken_; });
    woken_ = false;
    if (stop_) return;
  }
  give_up_("notifier: " + done.error().what);
}

}  // namespace faultline
