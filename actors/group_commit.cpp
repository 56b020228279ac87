// SPDX-License-Identifier: Apache-2.0
#include "actors/group_commit.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace faultline {

namespace {
constexpr std::uint64_t deltas_per_save = 20'000;
constexpr std::chrono::milliseconds no_space_pause{200};
constexpr std::size_t reply_bytes = 64;  ///< what a waiting reply counts beside its frame
constexpr std::size_t windows_per_save = 256;
constexpr std::size_t company = 4;  ///< answers of a group that make the next wait for as many
}  // namespace

group_commit::group_commit(store& into, intake_options options, processing_options processing,
                           node_counters& counters, commit_hooks hooks)
    : into_{into},
      options_{options},
      processing_{processing},
      counters_{counters},
      hooks_{std::move(hooks)} {
  const auto n = into_.events().partitions();
  pending_.writers.resize(n);
  writing_.writers.resize(n);
  clock_tick_.assign(n, 0);
  known_partition_.assign(n, false);
  for (partition_id p = 0; p < n; ++p) known_partition_[p] = into_.events().last(p) != 0;
}

group_commit::~group_commit() { stop(); }

outcome<void> group_commit::load_publishers() {
  outcome<void> result;
  auto loaded = into_.events().load_publishers(
      [&](const publisher_row& row) {
        if (auto read = windows_.restore(row); !read) result = read.error();
      },
      [&](const publisher_delta& d) { windows_.apply(d); });
  if (!loaded) return loaded;
  if (result) result = forget_surplus();
  if (result && processing_.accept_past) return find_newest();
  return result;
}

// A store of a build that forgot none.
outcome<void> group_commit::forget_surplus() {
  const auto surplus = windows_.forget_surplus();
  counters_.publisher_windows.store(windows_.size(), std::memory_order_relaxed);
  counters_.publisher_windows_forgotten.fetch_add(surplus.size(), std::memory_order_relaxed);
  std::vector<publisher_row> rows;
  for (const auto& key : surplus) rows.push_back(publisher_row{key, ""});
  if (rows.empty()) return {};
  auto done = into_.events().write_publishers(rows);
  if (!done && done.error().code == ec::no_space) return {};  // the next start does it
  return done;
}

// The newest event stands in the last blob of some partition, for events come about in order.
outcome<void> group_commit::find_newest() {
  for (partition_id p = 0; p < known_partition_.size(); ++p) {
    const auto last = into_.events().last(p);
    if (last == 0) continue;
    const auto blobs = into_.events().read(p, last, 1, 1);
    if (!blobs) return blobs.error();
    if (blobs->empty()) continue;  // trimmed
    blob_reader reader{blobs->front().bytes};
    record_view record;
    for (auto read = reader.next(record); read && *read; read = reader.next(record))
      if (record.kind == record_kind::event) newest_ = std::max(newest_, record.event.ts);
  }
  return {};
}

void group_commit::touch(partition_id p) {
  if (pending_.writers[p].empty()) pending_.touched.push_back(p);
}

void group_commit::set_degraded(bool on) {
  const std::lock_guard<std::mutex> lock{mutex_};
  if (degraded_ == on) return;
  // The process before us may have ended degraded: where it wrote anything, that is over.
  const bool first_word = !degraded_.has_value();
  const bool written =
      std::find(known_partition_.begin(), known_partition_.end(), true) != known_partition_.end();
  if (on || !first_word || written)
    say_degraded(on);
  else
    degraded_ = on;
}

/// To every partition: one that gets its first event later is degraded as well.
void group_commit::say_degraded(bool on) {
  degraded_ = on;
  for (partition_id p = 0; p < pending_.writers.size(); ++p) {
    touch(p);
    pending_.writers[p].add(degrade_record{on, "lag"});
    ++pending_.records;
  }
  wake_.notify_one();
}

void group_commit::put_clock(partition_id p, const clock_record& clock) {
  touch(p);
  pending_.writers[p].add(clock);
  ++pending_.records;
  known_partition_[p] = true;
}

// With live data time is the arrival's.
void group_commit::live_clock(partition_id p, arrival_time now) {
  const auto tick = unix_ms(now) / processing_.tick.count();
  if (tick <= clock_tick_[p]) return;
  clock_tick_[p] = tick;
  put_clock(p, clock_record{event_time_of(tick * processing_.tick.count()), now});
}

// Where the past is accepted time is the newest event's, in every partition: who is alone in its
// own is silent when the others speak. The clock stands before the first event of a later tick and
// says how far the events had come by then, so that a pause of all is nobody's silence.
void group_commit::past_clock(partition_id p, event_time ts, arrival_time arrived) {
  const auto tick = processing_.tick.count();
  if (newest_ != event_time{} && unix_ms(ts) / tick > unix_ms(newest_) / tick) {
    past_ = clock_record{newest_, arrived};
    for (partition_id each = 0; each < known_partition_.size(); ++each)
      if (known_partition_[each]) put_clock(each, past_);
  }
  if (!known_partition_[p] && past_.event != event_time{}) put_clock(p, past_);
  newest_ = std::max(newest_, ts);
}

void group_commit::intake::add(const event_view& event) {
  auto& g = owner_.pending_;
  const auto p = partition_of(event.entity, static_cast<std::uint16_t>(g.writers.size()));
  if (owner_.processing_.accept_past)
    owner_.past_clock(p, event.ts, event.arrived);
  else
    owner_.live_clock(p, event.arrived);
  owner_.touch(p);
  const auto before = g.writers[p].bytes();
  g.writers[p].add(event);
  const auto added = g.writers[p].bytes() - before;
  g.bytes += added;
  ++g.records;
  ++g.events;
  owner_.pending_bytes_.fetch_add(added, std::memory_order_relaxed);
  owner_.pending_records_.fetch_add(1, std::memory_order_relaxed);
  owner_.known_partition_[p] = true;
}

void group_commit::intake::add_control(partition_id partition, const control_record& control) {
  owner_.touch(partition);
  owner_.pending_.writers[partition].add(control);
  ++owner_.pending_.records;
  auto& newest = owner_.pending_.extra.control_sequence;
  newest = std::max(newest, control.sequence);
  owner_.wake_.notify_one();
}

void group_commit::intake::add(dead_letter letter) {
  const auto bytes = reply_bytes + letter.payload.size() + letter.text.size();
  owner_.pending_.extra.dead_letters.push_back(std::move(letter));
  owner_.pending_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  owner_.pending_.bytes += bytes;
  owner_.wake_.notify_one();
}

void group_commit::intake::reply_when_durable(reply_address to, std::string frame) {
  auto bytes = reply_bytes + frame.size();
  for (const auto& before : to.envelope) bytes += reply_bytes + before.size();
  owner_.pending_.bytes += bytes;
  owner_.pending_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  owner_.pending_.replies.emplace_back(std::move(to), std::move(frame));
  owner_.wake_.notify_one();
}

const publisher_window& group_commit::intake::window(const std::string& key) const {
  return owner_.windows_.at(key);
}

void group_commit::intake::took(const std::string& key, std::uint64_t seq,
                                std::uint64_t payload_hash) {
  auto& extra = owner_.pending_.extra;
  const auto change = owner_.windows_.take(key, seq, payload_hash);
  if (change.created) extra.forgotten.erase(key);
  extra.forgotten.insert(change.forgotten.begin(), change.forgotten.end());
  auto& n = owner_.counters_;
  n.publisher_windows.store(owner_.windows_.size(), std::memory_order_relaxed);
  n.publisher_windows_forgotten.fetch_add(change.forgotten.size(), std::memory_order_relaxed);
  extra.publishers.push_back(publisher_delta{key, seq, payload_hash});
}

void group_commit::intake::count(const char* name, std::uint64_t n) {
  owner_.pending_.extra.counters[name] += n;
}

void group_commit::intake::reply_now(const reply_address& to, std::string frame) {
  owner_.hooks_.reply(to, std::move(frame));
}

bool group_commit::has_space() const noexcept {
  return !no_space_.load(std::memory_order_relaxed) && into_.events().has_space();
}

group_commit::room_left group_commit::room() const noexcept {
  if (!has_space() || stopping_.load(std::memory_order_relaxed)) return room_left::none;
  const auto pending = pending_bytes_.load(std::memory_order_relaxed);
  const auto lag = counters_.lag() + pending_records_.load(std::memory_order_relaxed);
  const auto beyond = [&](std::uint64_t parts) {
    const auto by = [parts](std::uint64_t limit) { return limit + limit / 8 * parts; };
    return pending >= by(options_.max_pending_bytes) || lag >= by(options_.max_lag_records);
  };
  if (!beyond(0)) return room_left::all;
  if (!beyond(1)) return room_left::fair;
  return beyond(2) ? room_left::none : room_left::tight;
}

const char* group_commit::reason() const noexcept {
  if (!has_space()) return no_space_reason;
  if (stopping_.load()) return "shutting down";
  if (counters_.lag() >= options_.max_lag_records) return "applying lags behind";
  return "too much is waiting to be written";
}

void group_commit::tick(arrival_time now) {
  // While nothing is taken in no time passes either: nobody is silent whom we refused to hear.
  if (processing_.accept_past || !has_space()) return;
  const std::lock_guard<std::mutex> lock{mutex_};
  bool any = false;
  for (partition_id p = 0; p < known_partition_.size(); ++p) {
    if (!known_partition_[p]) continue;
    const auto before = clock_tick_[p];
    live_clock(p, now);
    any = any || clock_tick_[p] != before;
  }
  if (any) wake_.notify_one();
}

void group_commit::start() {
  thread_ = std::thread{[this] { run(); }};
}

void group_commit::stop() {
  stopping_.store(true);
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void group_commit::run() {
  std::unique_lock<std::mutex> lock{mutex_};
  for (;;) {
    wake_.wait_for(lock, std::chrono::milliseconds{50},
                   [&] { return stopping_.load() || pending_.presses(); });
    // While there is no space nobody is made to wait for what is only counted.
    if (pending_.empty() || (!pending_.presses() && !has_space())) {
      if (stopping_.load()) return;
      continue;
    }
    // Soon after one that had company a group waits for its own for a moment, else nobody waits;
    // what comes while one is written joins the next anyway.
    if (answered_ >= company)
      wake_.wait_until(lock, written_at_ + options_.group_delay,
                       [&] { return stopping_.load() || pending_.bytes >= options_.group_bytes; });
    if (!write_round(lock)) return;
    written_at_ = std::chrono::steady_clock::now();
  }
}

bool group_commit::write_round(std::unique_lock<std::mutex>& lock) {
  std::swap(pending_, writing_);
  answered_ = writing_.replies.size();
  // As they will be when this group stands in the log: neither behind it nor ahead of it.
  if (deltas_since_save_ >= deltas_per_save) rows_ = windows_.gather(windows_per_save);
  lock.unlock();
  const bool written = write(writing_);
  if (written && !rows_.empty()) save_windows();
  lock.lock();
  return written;
}

bool group_commit::write_waiting() {
  std::unique_lock<std::mutex> lock{mutex_};
  return pending_.empty() || write_round(lock);
}

bool group_commit::write(group& g) {
  append_group batch = std::move(g.extra);
  g.extra = append_group{};
  for (const auto p : g.touched) {
    const auto records = static_cast<std::uint32_t>(g.writers[p].records());
    batch.log.push_back(log_append{p, g.writers[p].take(), records});
  }
  g.touched.clear();
  if (batch.log.empty() && batch.publishers.empty() && batch.dead_letters.empty() &&
      batch.counters.empty()) {  // replies only: all they speak of is written
    answer(g);
    return true;
  }
  for (;;) {
    auto at = into_.events().append(batch, sync_when::later);
    if (at) {
      no_space_.store(false);
      counters_.commits.fetch_add(1, std::memory_order_relaxed);
      counters_.committed_bytes.fetch_add(g.bytes, std::memory_order_relaxed);
      deltas_since_save_ += batch.publishers.size();
      // Scored beside the wait for the disk. What comes of it is written behind the group.
      deliver(g, batch.log, *at);
      if (auto synced = into_.sync(); !synced) {
        hooks_.give_up("the event log cannot be written: " + synced.error().what);
        return false;
      }
      answer(g);
      return true;
    }
    const bool full = at.error().code == ec::no_space;
    if (full && stopping_.load()) return false;  // nobody was promised anything of it
    if (!full) {
      hooks_.give_up("the event log cannot be written: " + at.error().what);
      return false;
    }
    no_space_.store(true);
    std::this_thread::sleep_for(no_space_pause);
  }
}

void group_commit::deliver(group& g, std::vector<log_append>& log,
                           const std::vector<log_position>& at) {
  counters_.appended.fetch_add(g.records, std::memory_order_relaxed);
  pending_records_.fetch_sub(std::exchange(g.events, 0), std::memory_order_relaxed);
  for (std::size_t i = 0; i < log.size(); ++i)
    hooks_.deliver(std::make_shared<const log_blob>(
        log_blob{log[i].partition, at[i], std::move(log[i].blob)}));
}

void group_commit::answer(group& g) {
  for (auto& [to, frame] : g.replies) hooks_.reply(to, std::move(frame));
  pending_bytes_.fetch_sub(g.bytes, std::memory_order_relaxed);
  g.replies.clear();
  g.bytes = 0;
  g.records = 0;
}

void group_commit::save_windows() {
  auto done = into_.events().write_publishers(rows_);
  if (done) {
    rows_.clear();
    const std::lock_guard<std::mutex> lock{mutex_};
    if (windows_.all_gathered()) deltas_since_save_ = 0;
    return;
  }
  if (done.error().code != ec::no_space) {
    hooks_.give_up("the publishers' windows cannot be written: " + done.error().what);
    return;
  }
  const std::lock_guard<std::mutex> lock{mutex_};  // their deltas are kept: later
  windows_.put_back(rows_);
  rows_.clear();
}

}  // namespace faultline
