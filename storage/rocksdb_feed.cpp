// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rocksdb_feed.hpp"

#include <algorithm>
#include <utility>

#include "storage/internal/current_records.hpp"
#include "storage/internal/keys.hpp"
#include "storage/internal/rows.hpp"
#include "storage/internal/topics.hpp"

namespace faultline {
namespace {

/// Messages one read looks at, whatever its prefix lets through.
constexpr std::size_t read_span = 65'536;
/// Records one step of a sweep looks at, while nobody else writes.
constexpr std::uint64_t sweep_span = 512;
/// All there are take that many sweeps, and each is over soon.
constexpr std::uint64_t sweeps_per_round = 60;
constexpr std::uint64_t most_swept = 4'096;

}  // namespace

outcome<void> rocksdb_feed::load() {
  scan messages{database_, family::feed, keys::feed_message(0),
                keys::feed_message(~std::uint64_t{0})};
  if (messages.valid()) {
    oldest_.store(keys::number_at(messages.key(), keys::feed_seq_offset, 8));
    messages.to_last();
  }
  if (messages.valid()) appended_ = keys::number_at(messages.key(), keys::feed_seq_offset, 8);
  last_ = appended_;
  if (auto end = messages.end(); !end) return end;
  const auto checkpoint = load_correlator();
  if (!checkpoint) return checkpoint.error();
  through_ = checkpoint->through;
  return {};
}

std::uint64_t rocksdb_feed::last() const {
  const std::lock_guard lock{ends_mutex_};
  for (const auto durable = database_.durable(); !ends_.empty() && ends_.front().second <= durable;
       ends_.pop_front())
    last_ = ends_.front().first;
  return last_;
}

outcome<std::vector<feed_record>> rocksdb_feed::append(const feed_append& batch, sync_when when) {
  if (auto may = database_.may_write(write_kind::work); !may) return may.error();
  const std::lock_guard writing{writing_};
  auto* handle = database_.at(family::feed);
  rocksdb::WriteBatch out;
  std::vector<feed_record> appended;
  std::uint64_t seq = appended_;
  for (const auto& item : batch.items) {
    ++seq;
    appended.push_back({seq, item.topic, item.payload(seq)});
    out.Put(handle, keys::feed_message(seq),
            rows::message(join_topics(item.topic, item.also), appended.back().payload));
  }
  for (const auto& r : batch.records) {
    const auto told = r.item < appended.size() ? appended[r.item].seq : seq;
    out.Put(handle, keys::feed_record(r.key), rows::record(told, r.bytes));
  }
  auto* meta = database_.at(family::meta);
  const std::uint64_t through = std::max(through_, batch.through);
  out.Put(meta, keys::correlator_through(), rows::number(through));
  if (!batch.state.empty()) {
    out.Put(meta, keys::correlator_state(), rows::record(batch.through, batch.state));
  }
  const bool sync = when == sync_when::now && !appended.empty();
  if (auto done = database_.write(out, sync, write_kind::work); !done) return done.error();
  through_ = through;
  appended_ = seq;
  if (appended.empty()) return appended;
  const std::lock_guard lock{ends_mutex_};
  if (sync) {
    last_ = seq;
    ends_.clear();
  } else {
    ends_.emplace_back(seq, database_.written());
  }
  return appended;
}

outcome<feed_store::page> rocksdb_feed::read(std::uint64_t from, std::size_t limit,
                                             std::string_view prefix) {
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  page out;
  out.next = std::max(from, oldest());
  // What is behind last() may not be on the disk yet.
  scan messages{database_, family::feed, keys::feed_message(out.next),
                keys::feed_message(last() + 1)};
  std::size_t seen = 0, bytes = 0;
  for (; messages.valid() && out.records.size() < limit && seen < read_span;
       messages.next(), ++seen) {
    const std::uint64_t seq = keys::number_at(messages.key(), keys::feed_seq_offset, 8);
    auto message = rows::read_message(seq, messages.value());
    if (!message) return message.error();
    auto topic = topic_under(message->topic, prefix);
    if (topic) {
      bytes += topic->size() + message->payload.size();
      if (bytes > page_bytes && !out.records.empty()) break;
    }
    out.next = seq + 1;
    if (!topic) continue;
    message->topic = std::move(*topic);
    out.records.push_back(std::move(*message));
  }
  if (auto end = messages.end(); !end) return end.error();
  return out;
}

outcome<correlator_checkpoint> rocksdb_feed::load_correlator() {
  correlator_checkpoint out;
  const auto through = database_.get(family::meta, keys::correlator_through());
  if (!through) return through.error();
  if (through->has_value()) {
    const auto number = rows::read_number(**through);
    if (!number) return number.error();
    out.through = *number;
  }
  const auto state = database_.get(family::meta, keys::correlator_state());
  if (!state) return state.error();
  if (state->has_value()) {
    auto row = rows::read_record(**state);
    if (!row) return row.error();
    out.state_through = row->feed_seq;
    out.state = std::move(row->bytes);
  }
  return out;
}

outcome<std::vector<std::pair<std::string, std::string>>> rocksdb_feed::records(
    std::string_view prefix, std::string_view after, std::size_t limit) {
  if (auto healthy = database_.check(); !healthy) return healthy.error();
  std::string from = keys::feed_record(prefix);
  if (!after.empty()) from = std::max(from, keys::feed_record(after) + '\0');
  std::vector<std::pair<std::string, std::string>> out;
  scan found{database_, family::feed, from, keys::after_prefix(keys::feed_record(prefix))};
  for (; found.valid() && out.size() < limit; found.next()) {
    auto row = rows::read_record(found.value());
    if (!row) return row.error();
    out.emplace_back(found.key().substr(keys::feed_record_offset), std::move(row->bytes));
  }
  if (auto end = found.end(); !end) return end.error();
  return out;
}

outcome<std::optional<std::string>> rocksdb_feed::record(std::string_view key) {
  const auto bytes = database_.get(family::feed, keys::feed_record(key));
  if (!bytes) return bytes.error();
  if (!bytes->has_value()) return std::optional<std::string>{};
  auto row = rows::read_record(**bytes);
  if (!row) return row.error();
  return std::optional<std::string>{std::move(row->bytes)};
}

outcome<std::uint64_t> rocksdb_feed::record_seq(std::string_view key) {
  const auto bytes = database_.get(family::feed, keys::feed_record(key));
  if (!bytes) return bytes.error();
  if (!bytes->has_value()) return std::uint64_t{0};
  const auto row = rows::read_record(**bytes);
  if (!row) return row.error();
  return row->feed_seq;
}

outcome<void> rocksdb_feed::drop_below(std::uint64_t below) {
  const std::lock_guard writing{writing_};
  const std::uint64_t target = std::min(below, last());
  if (target <= oldest()) return {};
  rocksdb::WriteBatch out;
  out.DeleteRange(database_.at(family::feed), keys::feed_message(oldest()),
                  keys::feed_message(target));
  if (auto done = database_.write(out, false, write_kind::work); !done) return done;
  oldest_.store(target, std::memory_order_release);
  return {};
}

outcome<bool> rocksdb_feed::is_left_over(std::string_view key, std::uint64_t feed_seq) {
  const auto original = copied_from(key);
  if (original.empty()) return false;
  const auto told = record_seq(original);
  if (!told) return told.error();
  return *told != feed_seq;
}

outcome<void> rocksdb_feed::sweep_records() {
  if (sweep_from_.empty())
    sweep_pace_ = std::clamp<std::uint64_t>(database_.about_keys(family::feed) / sweeps_per_round,
                                            sweep_span, most_swept);
  for (std::uint64_t left = sweep_pace_; left != 0;) {
    const auto span = std::min(left, sweep_span);
    if (auto done = sweep_step(span); !done) return done;
    left -= span;
    if (sweep_from_.empty()) break;  // once round
  }
  return {};
}

outcome<void> rocksdb_feed::sweep_step(std::uint64_t span) {
  const std::lock_guard writing{writing_};
  rocksdb::WriteBatch out;
  scan found{database_, family::feed, std::max(sweep_from_, keys::feed_record("")),
             keys::after_prefix(keys::feed_record(""))};
  for (std::uint64_t n = 0; found.valid() && n < span; found.next(), ++n) {
    const auto row = rows::read_record(found.value());
    if (!row) return row.error();
    const auto key = found.key().substr(keys::feed_record_offset);
    const bool aged = row->feed_seq < oldest() && is_resolved(key, row->bytes);
    const auto gone = aged ? outcome<bool>{true} : is_left_over(key, row->feed_seq);
    if (!gone) return gone.error();
    if (*gone) out.Delete(database_.at(family::feed), slice(found.key()));
  }
  sweep_from_ = found.valid() ? std::string{found.key()} : std::string{};
  if (auto end = found.end(); !end) return end;
  return out.Count() == 0 ? outcome<void>{} : database_.write(out, false, write_kind::work);
}

}  // namespace faultline
