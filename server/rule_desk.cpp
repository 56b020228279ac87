// SPDX-License-Identifier: Apache-2.0
#include "server/rule_desk.hpp"

#include <utility>
#include <vector>

#include "judgement/maintenance.hpp"
#include "messages/identity.hpp"

namespace faultline {

namespace {

constexpr std::size_t page_decisions = 256;

/// Control record and partitions of one command. The entity of retire and release is the payload.
template <class Each>
void for_partitions(const operator_command& c, std::uint64_t sequence, std::uint16_t partitions,
                    Each each) {
  const bool for_all = sets_rules(c.name);
  const control_record record{sequence, c.name, for_all ? c.payload : c.subject};
  if (!for_all) return each(partition_of(c.subject, partitions), record);
  for (partition_id p = 0; p < partitions; ++p) each(p, record);
}

/// Calls @p each with every control decision from @p next to @p last, in order.
template <class Each>
outcome<void> for_controls(store& memory, std::uint64_t next, std::uint64_t last, Each each) {
  while (next <= last) {
    auto page = memory.decisions().read(next, page_decisions);
    if (!page) return page.error();
    if (page->empty()) break;
    for (const auto& d : *page) {
      next = d.seq + 1;
      if (d.kind != decision_kind::command || !is_control(d.command.name)) continue;
      if (d.command.payload == retired_by_silence) continue;
      if (outcome<void> done = each(d); !done) return done;
    }
  }
  return {};
}

outcome<void> append_to_logs(store& memory, std::uint64_t sequence, const operator_command& c) {
  append_group group;
  group.control_sequence = sequence;
  for_partitions(c, sequence, memory.events().partitions(),
                 [&](partition_id p, const control_record& record) {
                   blob_writer blob;
                   blob.add(record);
                   group.log.push_back(log_append{p, blob.take(), 1});
                 });
  auto done = memory.events().append(group);
  if (!done) return done.error();
  return {};
}

}  // namespace

outcome<void> rule_desk::copy_rest() {
  auto mark = memory_.decisions().controls();
  if (!mark) return mark.error();
  return for_controls(memory_, memory_.events().control_sequence() + 1, mark->last,
                      [&](const decision& d) { return append_to_logs(memory_, d.seq, d.command); });
}

outcome<void> rule_desk::record(const rules_record& rules, arrival_time now) {
  decision d;
  d.kind = decision_kind::command;
  d.command.name = "configuration";
  d.command.payload = encode_rules(rules);
  d.command.at = now;
  d.model = rules.rules.model.sha256;
  decision_append batch;
  batch.decisions.push_back(encode_decision(d));
  batch.control = batch.rules = 1;
  batch.rules_record = d.command.payload;
  auto seq = memory_.decisions().append(batch);
  if (!seq) return seq.error();
  since_ = *seq;
  return append_to_logs(memory_, *seq, d.command);
}

outcome<rules_record> rule_desk::begin(const rules_record& configured, arrival_time now) {
  if (auto done = copy_rest(); !done) return done.error();
  auto mark = memory_.decisions().controls();
  if (!mark) return mark.error();
  rules_record wanted = configured;
  if (mark->rules != 0) {
    auto last = decode_rules(mark->rules_record);
    if (!last) return last.error();
    since_ = mark->rules;
    if (last->configured_model == configured.configured_model)
      wanted.rules.model = last->rules.model;
    wanted.rules.maintenance = merged_windows(configured.rules.maintenance, last->rules.maintenance,
                                              event_time_of(unix_ms(now)));
    if (encode_rules(*last) == encode_rules(wanted)) {
      current_ = wanted;
      return wanted;
    }
  }
  if (auto done = record(wanted, now); !done) return done.error();
  current_ = wanted;
  return wanted;
}

void rule_desk::copy(std::uint64_t sequence, const operator_command& command) {
  note(sequence, command);
  const std::lock_guard<std::mutex> lock{copying_};
  if (commit_ != nullptr) hand_over(sequence, command);  // else open(), or the next start, finds it
}

/// What is recorded is in force, also when whoever asked for it waited in vain: a full disk may
/// have held it up beyond his deadline.
void rule_desk::note(std::uint64_t sequence, const operator_command& command) {
  if (!sets_rules(command.name)) return;
  auto rules = decode_rules(command.payload);
  const std::lock_guard<std::mutex> lock{mutex_};
  if (!rules || sequence <= since_) return;
  current_ = std::move(*rules);
  since_ = sequence;
}

void rule_desk::hand_over(std::uint64_t sequence, const operator_command& command) {
  if (sequence <= copied_) return;
  copied_ = sequence;
  auto into = commit_->begin();
  for_partitions(
      command, sequence, memory_.events().partitions(),
      [&](partition_id p, const control_record& record) { into.add_control(p, record); });
}

outcome<void> rule_desk::open(group_commit& commit) {
  const std::lock_guard<std::mutex> lock{copying_};
  commit_ = &commit;
  copied_ = memory_.events().control_sequence();
  auto mark = memory_.decisions().controls();
  if (!mark) return mark.error();
  return for_controls(memory_, copied_ + 1, mark->last, [&](const decision& d) -> outcome<void> {
    hand_over(d.seq, d.command);
    return {};
  });
}

void rule_desk::close() {
  const std::lock_guard<std::mutex> lock{copying_};
  commit_ = nullptr;
}

rules_record rule_desk::current() const {
  const std::lock_guard<std::mutex> lock{mutex_};
  return current_;
}

std::uint64_t rule_desk::since() const {
  const std::lock_guard<std::mutex> lock{mutex_};
  return since_;
}

outcome<bool> rule_desk::change(const std::string& name, const std::string& subject,
                                arrival_time now, const std::function<void(rules_record&)>& edit,
                                const appender& append) {
  const std::lock_guard<std::mutex> one{changing_};
  const rules_record before = current();
  rules_record after = before;
  edit(after);
  decision d;
  d.kind = decision_kind::command;
  d.command = {name, subject, encode_rules(after), now};
  d.model = after.rules.model.sha256;
  if (d.command.payload == encode_rules(before)) return false;
  auto seq = append(std::move(d));
  if (!seq) return seq.error();
  const std::lock_guard<std::mutex> lock{mutex_};
  if (*seq > since_) {  // else a later one stands already
    current_ = std::move(after);
    since_ = *seq;
  }
  return true;
}

}  // namespace faultline
