// SPDX-License-Identifier: Apache-2.0
#include "tools/what_if_log.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <utility>

#include "judgement/log_runner.hpp"
#include "messages/record.hpp"

namespace faultline {

namespace {

constexpr std::size_t page_decisions = 1024;
constexpr std::size_t page_blobs = 64;
constexpr std::size_t page_bytes = std::size_t{1} << 20;
constexpr std::size_t model_rows = 64;

/// The records of one partition's log, one after the other.
class log_cursor {
public:
  log_cursor(store& from, partition_id partition)
      : from_{&from}, partition_{partition}, next_{from.events().first(partition)} {}

  /// Reads the next record. false at the end.
  outcome<bool> advance() {
    for (;;) {
      while (page_.empty()) {
        auto page = from_->events().read(partition_, next_, page_blobs, page_bytes);
        if (!page) return page.error();
        if (page->empty()) return false;
        next_ = page->back().position + 1;
        for (auto& blob : *page) page_.push_back(std::move(blob));
        offset_ = 0;
        index_ = 0;
      }
      const auto& blob = page_.front();
      if (offset_ < blob.bytes.size()) {
        const auto extent = extent_at(blob.bytes, offset_);
        if (!extent) return extent.error();
        if (auto read = read_record_at(blob.bytes, extent->begin, record_); !read)
          return read.error();
        where_ = {partition_, blob.position, index_++};
        offset_ = extent->end;
        note_time();
        return true;
      }
      page_.pop_front();
      offset_ = 0;
      index_ = 0;
    }
  }

  const record_view& record() const noexcept { return record_; }
  const record_address& where() const noexcept { return where_; }
  /// When it came; what says nothing of it came with what was before it.
  arrival_time arrived() const noexcept { return arrived_; }
  event_time newest() const noexcept { return newest_; }

private:
  void note_time() {
    if (record_.kind == record_kind::event) {
      arrived_ = std::max(arrived_, record_.event.arrived);
      newest_ = std::max(newest_, record_.event.ts);
    }
    if (record_.kind == record_kind::clock) {
      arrived_ = std::max(arrived_, record_.clock.arrived);
      newest_ = std::max(newest_, record_.clock.event);
    }
  }

  store* from_;
  partition_id partition_;
  log_position next_;
  std::deque<log_blob> page_;
  std::size_t offset_ = 0;
  std::uint32_t index_ = 0;
  record_view record_;
  record_address where_;
  arrival_time arrived_{};
  event_time newest_{};
};

/// Number of the first rules that the retained log of @p partition carries; 0 = none.
outcome<std::uint64_t> first_rules_in(store& from, partition_id partition) {
  log_cursor cursor{from, partition};
  for (;;) {
    const auto more = cursor.advance();
    if (!more) return more.error();
    if (!*more) return std::uint64_t{0};
    const auto& r = cursor.record();
    if (r.kind == record_kind::control && sets_rules(r.control.name) && r.control.sequence != 0)
      return r.control.sequence;
  }
}

/// One run over all partitions.
class replay {
public:
  replay(store& from, const what_if_plan& plan)
      : from_{from}, plan_{plan}, partitions_{from.events().partitions()}, judge_{options()} {
    judge_.on_feed = [this](const feed_event& e) { told_.take(e); };
  }

  outcome<what_if_run> run() {
    for (partition_id p = 0; p < partitions_; ++p) {
      if (auto begun = begin(p); !begun) return begun.error();
    }
    while (!waiting_.empty()) {
      const auto p = next_partition();
      auto& c = cursors_.at(p);
      take(p, c);
      const auto more = c.advance();
      if (!more) return more.error();
      if (!*more) waiting_.erase(std::find(waiting_.begin(), waiting_.end(), p));
    }
    judge_.finish();
    told_.entities = judge_.entities();
    return std::move(told_);
  }

private:
  log_runner::options options() const {
    const auto& newest = plan_.rules->rbegin()->second;
    log_runner::options o;
    o.correlation = newest.correlation;
    o.root_cause = newest.root_cause;
    o.runbooks = plan_.runbooks;
    o.model = [this](const std::string& sha256) { return plan_.models->model(sha256); };
    o.ranker = plan_.ranker;
    return o;
  }

  outcome<void> begin(partition_id p) {
    cursors_.emplace(p, log_cursor{from_, p});
    auto first = first_rules_in(from_, p);
    if (!first) return first.error();
    // What was in force before: the newest rules that are older than the log's own first ones.
    auto at = *first == 0 ? plan_.rules->end() : plan_.rules->lower_bound(*first);
    if (at != plan_.rules->begin()) --at;
    in_force_[p] = at->second;
    set_rules(p);
    const auto more = cursors_.at(p).advance();
    if (!more) return more.error();
    if (*more) waiting_.push_back(p);
    return {};
  }

  void set_rules(partition_id p) {
    auto rules = in_force_.at(p).rules;
    if (changed_[p]) rules.detection.limits = *plan_.limits;
    judge_.set_rules(p, std::make_shared<const judgement_rules>(std::move(rules)));
  }

  partition_id next_partition() const {
    auto best = waiting_.front();
    for (const auto p : waiting_)
      if (cursors_.at(p).arrived() < cursors_.at(best).arrived()) best = p;
    return best;
  }

  void take(partition_id p, const log_cursor& c) {
    told_.newest = std::max(told_.newest, unix_ms(c.newest()));
    if (c.record().kind == record_kind::event) {
      const auto ts = unix_ms(c.record().event.ts);
      told_.oldest = told_.oldest == 0 ? ts : std::min(told_.oldest, ts);
    }
    if (plan_.limits && !changed_[p] && unix_ms(c.newest()) >= plan_.from) {
      changed_[p] = true;
      set_rules(p);
    }
    const auto& record = c.record();
    if (record.kind == record_kind::control && sets_rules(record.control.name)) {
      take_rules(p, record.control);
      return;
    }
    judge_.take(record, c.where());
  }

  void take_rules(partition_id p, const control_record& control) {
    auto rules = decode_rules(control.payload);
    if (!rules) return;  // the partition went on with the old ones, too
    in_force_[p] = *rules;
    set_rules(p);
    if (control.sequence <= correlated_) return;
    correlated_ = control.sequence;
    judge_.set_correlation(*rules);
  }

  store& from_;
  const what_if_plan& plan_;
  partition_id partitions_;
  log_runner judge_;
  what_if_run told_;
  std::map<partition_id, log_cursor> cursors_;
  std::map<partition_id, rules_record> in_force_;
  std::map<partition_id, bool> changed_;
  std::vector<partition_id> waiting_;
  std::uint64_t correlated_ = 0;
};

}  // namespace

outcome<recorded_rules> read_rules(store& from) {
  recorded_rules all;
  std::uint64_t next = 1;
  for (;;) {
    auto page = from.decisions().read(next, page_decisions);
    if (!page) return page.error();
    if (page->empty()) break;
    next = page->back().seq + 1;
    for (const auto& d : *page) {
      if (d.kind != decision_kind::command || !sets_rules(d.command.name)) continue;
      auto rules = decode_rules(d.command.payload);
      if (!rules) return rules.error();
      all.emplace(d.seq, std::move(*rules));
    }
  }
  if (all.empty()) return failure{ec::not_found, "no rules are on record in this store"};
  return all;
}

forecaster* model_shelf::model(const std::string& sha256) {
  if (sha256.empty()) return nullptr;
  const auto known = models_.find(sha256);
  if (known != models_.end()) return known->second.get();
  auto loaded =
      load_forecaster(std::filesystem::path{path_} / "models" / (sha256 + ".flm"), model_rows);
  if (!loaded) missing_.push_back(sha256 + ": " + loaded.error().what);
  return (models_[sha256] = loaded ? std::move(*loaded) : nullptr).get();
}

outcome<what_if_run> replay_log(store& from, const what_if_plan& plan) {
  return replay{from, plan}.run();
}

}  // namespace faultline
