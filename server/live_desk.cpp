// SPDX-License-Identifier: Apache-2.0
#include "server/live_desk.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "messages/feed.hpp"
#include "server/internal/json_text.hpp"

namespace faultline {

namespace {

using clock = std::chrono::steady_clock;
using message = std::shared_ptr<const live_message>;

constexpr std::size_t most_messages = 4096;
constexpr std::size_t most_bytes = 8UL * 1024 * 1024;
constexpr std::size_t page_bytes = 64UL * 1024;
constexpr std::size_t read_at_once = 64;
/// Ids and entities in an incident's message; how many there are stands beside them.
constexpr std::size_t names_told = 100;
constexpr std::size_t names_in_brief = 6;
constexpr std::size_t most_in_brief_page = 40;
constexpr std::chrono::milliseconds brief_pace{250};

std::string with_totals(std::string json, std::size_t alerts, std::size_t entities) {
  json.pop_back();
  return json.append(",\"alerts_total\":" + std::to_string(alerts) +
                     ",\"entities_total\":" + std::to_string(entities) + "}");
}

/// The record with its likeliest cause alone, without evidence, its alerts, and most of its names.
std::string brief_of(incident i, std::uint64_t seq, std::int64_t published) {
  const auto alerts = i.alerts.size();
  const auto entities = i.entities.size();
  i.alerts.clear();
  i.entities.resize(std::min(entities, names_in_brief));
  if (i.causes.size() > 1) i.causes.resize(1);
  for (auto& c : i.causes) {
    c.evidence.clear();
    c.counter_evidence.clear();
    c.remediation.clear();
  }
  return with_totals(to_json(i, seq, published), alerts, entities);
}

/// What a row shows of an alert, under the record's names.
std::string brief_of(const alert& a, std::uint64_t seq) {
  nlohmann::json row{{"kind", "alert"},
                     {"seq", seq},
                     {"id", a.id},
                     {"entity", a.entity},
                     {"metric", a.metric},
                     {"severity", to_string(a.severity)},
                     {"state", to_string(a.state)},
                     {"started", unix_ms(a.started)},
                     {"updated", unix_ms(a.updated)},
                     {"score", std::round(a.score * 1000) / 1000},
                     {"explanation", a.explanation},
                     {"acknowledged", a.acknowledged},
                     {"silenced", a.silenced}};
  if (a.ended) row["ended"] = unix_ms(*a.ended);
  if (a.lead_time_s) row["lead_time_s"] = *a.lead_time_s;
  if (a.acknowledged) row["acknowledged_by"] = a.acknowledged_by;
  if (!a.assigned_to.empty()) row["assigned_to"] = a.assigned_to;
  if (a.silenced) row["silenced_by"] = a.silenced_by;
  if (!a.maintenance.empty()) row["maintenance"] = a.maintenance;
  return json_text(row);
}

std::string brief_of(const feed_record& r) {
  auto item = read_feed_payload(r.payload);
  if (!item) return {};
  if (item->kind == "alert") return brief_of(item->alert, r.seq);
  if (item->kind == "incident")
    return brief_of(std::move(item->incident), r.seq, item->published_ms);
  return {};
}

std::string json_of(const feed_record& r) {
  auto item = read_feed_payload(r.payload);
  const bool large =
      item && item->kind == "incident" &&
      std::max(item->incident.alerts.size(), item->incident.entities.size()) > names_told;
  if (large) {
    auto& i = item->incident;
    const auto alerts = i.alerts.size();
    const auto entities = i.entities.size();
    i.alerts.resize(std::min(i.alerts.size(), names_told));
    i.entities.resize(std::min(i.entities.size(), names_told));
    return with_totals(to_json(i, r.seq, item->published_ms), alerts, entities);
  }
  auto json = msgpack_to_json(r.payload);
  return json ? std::move(*json) : std::string{"{}"};
}

message message_of(const feed_record& r) {
  auto m = std::make_shared<live_message>();
  m->seq = r.seq;
  m->kind = r.topic.substr(0, r.topic.find('/'));
  m->json = json_of(r);
  m->brief = brief_of(r);
  return m;
}

}  // namespace

struct live_desk::shared {
  struct wait {
    std::shared_ptr<reader> who;
    answer<live_page> done;
    clock::time_point until;
    clock::time_point from;  ///< not before
  };

  explicit shared(store& m, std::chrono::milliseconds w)
      : memory{m}, patience{w}, told{m.feed().last()}, next{told + 1} {}

  std::uint64_t first_kept() const { return kept.empty() ? next : kept.front()->seq; }
  void run();
  void follow(std::unique_lock<std::mutex>& lock);
  void serve(std::unique_lock<std::mutex>& lock);
  bool page_of(reader& r, bool late, live_page& page);
  outcome<bool> page_from_store(reader& r, std::uint64_t end, live_page& page);

  store& memory;
  const std::chrono::milliseconds patience;
  std::mutex mutex;
  std::condition_variable wake;
  bool stop = false;
  std::uint64_t told;  ///< newest published
  std::uint64_t next;  ///< to be taken into kept
  std::deque<message> kept;
  std::size_t kept_bytes = 0;
  std::list<wait> waiting;
  bool asked = false;  ///< somebody began to wait since the last look
  std::size_t readers = 0;
};

class live_desk::reader final : public live_feed, public std::enable_shared_from_this<reader> {
public:
  reader(std::shared_ptr<shared> desk, std::uint64_t after, bool gap, bool brief)
      : after_{after}, gap_{gap}, brief_{brief}, began_after_{after}, desk_{std::move(desk)} {}
  ~reader() override {
    const std::lock_guard<std::mutex> lock{desk_->mutex};
    --desk_->readers;
  }
  std::uint64_t began_after() const noexcept override { return began_after_; }
  void next(answer<live_page> done) override {
    {
      const std::lock_guard<std::mutex> lock{desk_->mutex};
      if (!desk_->stop) {
        desk_->waiting.push_back(
            {shared_from_this(), std::move(done), clock::now() + desk_->patience, not_before_});
        desk_->asked = true;
        desk_->wake.notify_one();
        return;
      }
    }
    done(failure{ec::shutting_down, "the server is ending"});
  }

  std::uint64_t after_;  ///< like the next: of the desk's thread, once open
  bool gap_;
  const bool brief_;
  clock::time_point not_before_{};  ///< guarded by the desk's mutex

private:
  const std::uint64_t began_after_;
  std::shared_ptr<shared> desk_;
};

/// Takes what was published since into what is kept; only while somebody watches.
void live_desk::shared::follow(std::unique_lock<std::mutex>& lock) {
  while (next <= told && !stop) {
    const auto from = next;
    const auto end = told;
    lock.unlock();
    auto page = memory.feed().read(from, read_at_once, "");
    std::vector<message> fresh;
    if (page)
      for (const auto& r : page->records)
        if (r.seq <= end) fresh.push_back(message_of(r));
    lock.lock();
    if (!page) {  // readers hear of it from the store themselves
      kept.clear();
      kept_bytes = 0;
      next = told + 1;
      return;
    }
    next = std::max(std::min(page->next, end + 1), from + 1);
    for (auto& m : fresh) {
      kept_bytes += m->json.size() + m->brief.size();
      kept.push_back(std::move(m));
    }
    while (kept.size() > most_messages || (kept_bytes > most_bytes && kept.size() > 1)) {
      kept_bytes -= kept.front()->json.size() + kept.front()->brief.size();
      kept.pop_front();
    }
    if (!fresh.empty()) serve(lock);
  }
}

/// What @p r has not had of what is kept. @returns whether it gets an answer.
bool live_desk::shared::page_of(reader& r, bool late, live_page& page) {
  auto at = std::upper_bound(kept.begin(), kept.end(), r.after_,
                             [](std::uint64_t seq, const message& m) { return seq < m->seq; });
  std::size_t bytes = 0;
  for (; at != kept.end() && (r.brief_ || bytes < page_bytes); ++at) {
    bytes += (*at)->json.size();
    r.after_ = (*at)->seq;
    if (r.brief_ && page.messages.size() >= most_in_brief_page)
      ++page.left_out;
    else
      page.messages.push_back(*at);
  }
  page.upto = r.after_;
  page.gap = std::exchange(r.gap_, false);
  const bool answered = late || page.gap || !page.messages.empty();
  if (r.brief_ && answered) r.not_before_ = clock::now() + brief_pace;
  return answered;
}

outcome<bool> live_desk::shared::page_from_store(reader& r, std::uint64_t end, live_page& page) {
  if (const auto oldest = memory.feed().oldest(); r.after_ + 1 < oldest) {
    page.gap = true;
    r.after_ = oldest - 1;
  }
  auto read = memory.feed().read(r.after_ + 1, read_at_once, "");
  if (!read) return read.error();
  std::size_t bytes = 0;
  for (const auto& record : read->records) {
    if (record.seq > end || bytes >= page_bytes) break;
    page.messages.push_back(message_of(record));
    bytes += page.messages.back()->json.size();
    r.after_ = record.seq;
  }
  if (read->records.empty()) r.after_ = std::min(end, std::max(r.after_, read->next - 1));
  page.upto = r.after_;
  return page.gap || !page.messages.empty();
}

void live_desk::shared::serve(std::unique_lock<std::mutex>& lock) {
  std::list<wait> round;
  round.swap(waiting);
  const auto now = clock::now();
  while (!round.empty()) {
    wait w = std::move(round.front());
    round.pop_front();
    if (now < w.from) {
      waiting.push_back(std::move(w));
      continue;
    }
    live_page page;
    page.last = told;
    const auto first = first_kept();
    if (w.who->brief_ && w.who->after_ + 1 < first) {
      w.who->after_ = first - 1;
      w.who->gap_ = true;
    }
    const bool behind = w.who->after_ + 1 < first;
    bool answered = !behind && page_of(*w.who, now >= w.until, page);
    if (!behind && !answered) {
      waiting.push_back(std::move(w));
      continue;
    }
    lock.unlock();
    outcome<bool> read = true;
    if (behind) read = page_from_store(*w.who, first - 1, page);
    answered = answered || (read && *read);
    if (!read)
      w.done(read.error());
    else if (answered)
      w.done(std::move(page));
    lock.lock();
    if (read && !answered) waiting.push_back(std::move(w));
    if (w.who) {  // the last of a reader must not go under the lock
      lock.unlock();
      w = {};
      lock.lock();
    }
  }
}

void live_desk::shared::run() {
  std::unique_lock<std::mutex> lock{mutex};
  while (!stop) {
    asked = false;  // who asks while others are served is not served yet
    if (!waiting.empty()) {
      follow(lock);
      serve(lock);
    }
    if (stop) break;
    const auto now = clock::now();
    auto until = now + patience;
    bool behind = false;
    for (const auto& w : waiting) {
      until = std::min(until, w.until);
      if (w.who->after_ >= told && !w.who->gap_) continue;  // has all there is
      if (w.from > now)
        until = std::min(until, w.from);
      else
        behind = behind || w.who->after_ + 1 < first_kept();
    }
    if (behind || (!waiting.empty() && next <= told)) continue;
    wake.wait_until(lock, until,
                    [&] { return stop || asked || (!waiting.empty() && next <= told); });
  }
  std::list<wait> left;
  left.swap(waiting);
  lock.unlock();
  for (auto& w : left) w.done(failure{ec::shutting_down, "the server is ending"});
}

live_desk::live_desk(store& memory, std::chrono::milliseconds wait)
    : shared_{std::make_shared<shared>(memory, wait)}, thread_{[s = shared_] { s->run(); }} {}

live_desk::~live_desk() { stop(); }

void live_desk::told(std::uint64_t seq) {
  const std::lock_guard<std::mutex> lock{shared_->mutex};
  shared_->told = std::max(shared_->told, seq);
  if (!shared_->waiting.empty()) shared_->wake.notify_one();
}

std::shared_ptr<live_feed> live_desk::open(std::optional<std::uint64_t> after, bool brief) {
  const std::lock_guard<std::mutex> lock{shared_->mutex};
  if (shared_->readers++ == 0) {  // nobody followed: what was kept is old
    shared_->kept.clear();
    shared_->kept_bytes = 0;
    shared_->next = shared_->told + 1;
  }
  const bool ahead = after && *after > shared_->told;  // of another store
  return std::make_shared<reader>(shared_, ahead || !after ? shared_->told : *after, ahead, brief);
}

void live_desk::stop() {
  {
    const std::lock_guard<std::mutex> lock{shared_->mutex};
    shared_->stop = true;
  }
  shared_->wake.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace faultline
