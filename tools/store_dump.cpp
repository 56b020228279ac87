// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "judgement/entity_core.hpp"
#include "messages/record.hpp"
#include "processing/publisher_window.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/store_commands.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;
using line_taker = std::function<bool(const std::string&)>;

constexpr std::size_t page = 1024;
constexpr std::size_t page_bytes = std::size_t{4} << 20;

/// Text that is JSON as a value, any other as a string.
json parsed(std::string_view text) {
  auto value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json(std::string{text}) : value;
}

/// Bytes that are text, or their digits.
json text_or_hex(std::string_view bytes) {
  const json text = std::string{bytes};
  try {
    text.dump();
    return text;
  } catch (const json::exception&) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const char c : bytes) {
      hex.push_back(digits[static_cast<unsigned char>(c) >> 4U]);
      hex.push_back(digits[static_cast<unsigned char>(c) & 15U]);
    }
    return json{{"hex", hex}};
  }
}

const char* name_of(decision_kind kind) noexcept {
  switch (kind) {
    case decision_kind::alert:
      return "alert";
    case decision_kind::topology:
      return "topology";
    case decision_kind::change:
      return "change";
    case decision_kind::root_cause:
      return "root_cause";
    case decision_kind::command:
      return "command";
    case decision_kind::notice:
      return "notice";
    case decision_kind::clock:
      return "clock";
    case decision_kind::sign:
      return "sign";
  }
  return "unknown";
}

json value_of(const decision& d) {
  json out{{"kind", name_of(d.kind)}};
  switch (d.kind) {
    case decision_kind::alert:
      out["alert"] = parsed(to_json(d.alert));
      break;
    case decision_kind::topology:
      out["topology"] = {{"from", d.topology.from},
                         {"to", d.topology.to},
                         {"kind", to_string(d.topology.kind)},
                         {"removed", d.topology.removed},
                         {"source", d.topology.source},
                         {"at", unix_ms(d.topology.at)}};
      break;
    case decision_kind::change:
      out["change"] = {{"entity", d.change.entity},
                       {"kind", to_string(d.change.kind)},
                       {"summary", d.change.summary},
                       {"at", unix_ms(d.change.at)}};
      break;
    case decision_kind::root_cause: {
      incident as_incident;  // its causes look as they do on the wire
      as_incident.causes = d.root_cause.causes;
      out["root_cause"] = {{"incident", d.root_cause.incident},
                           {"as_of", unix_ms(d.root_cause.as_of)},
                           {"causes", parsed(to_json(as_incident))["causes"]},
                           {"unobserved", d.root_cause.unobserved},
                           {"abstained", d.root_cause.abstained},
                           {"incomplete", d.root_cause.incomplete},
                           {"support", d.root_cause.support},
                           {"model", d.root_cause.model}};
      break;
    }
    case decision_kind::command:
      out["command"] = {{"name", d.command.name},
                        {"subject", d.command.subject},
                        {"payload", parsed(d.command.payload)},
                        {"at", unix_ms(d.command.at)}};
      break;
    case decision_kind::notice:
      out["notice"] = {{"what", d.notice.what},
                       {"subject", d.notice.subject},
                       {"text", d.notice.text},
                       {"at", unix_ms(d.notice.at)}};
      break;
    case decision_kind::clock:
      out["clock"] = unix_ms(d.clock);
      break;
    case decision_kind::sign:
      out["sign"] = {{"entity", d.sign.entity},
                     {"at", unix_ms(d.sign.at)},
                     {"decades", d.sign.decades},
                     {"metric", d.sign.metric}};
      break;
  }
  return out;
}

json value_of(const record_view& r) {
  switch (r.kind) {
    case record_kind::event: {
      std::string event;
      encode_event(r.event, wire_encoding::json, event);
      return {{"kind", "event"}, {"arrived", unix_ms(r.event.arrived)}, {"event", parsed(event)}};
    }
    case record_kind::clock:
      return {{"kind", "clock"},
              {"event", unix_ms(r.clock.event)},
              {"arrived", unix_ms(r.clock.arrived)}};
    case record_kind::degrade:
      return {{"kind", "degrade"}, {"on", r.degrade.on}, {"reason", r.degrade.reason}};
    case record_kind::control:
      return {{"kind", "control"},
              {"sequence", r.control.sequence},
              {"name", r.control.name},
              {"payload", parsed(r.control.payload)}};
  }
  return {{"kind", "unknown"}};
}

/// One dump: the store, what is wanted, and who takes it.
class dumper {
public:
  dumper(store& from, const dump_request& request, const line_taker& line)
      : store_{from}, request_{request}, line_{line} {}

  outcome<void> log() {
    return each_partition([this](partition_id p) { return log_of(p); });
  }
  outcome<void> outbox() {
    return each_partition([this](partition_id p) { return outbox_of(p); });
  }
  outcome<void> snapshots() {
    return each_partition([this](partition_id p) { return snapshots_of(p); });
  }
  outcome<void> decisions();
  outcome<void> feed();
  outcome<void> letters();
  outcome<void> publishers();
  outcome<void> settings();

private:
  /// false: enough.
  bool write(const json& value) {
    if (going_) going_ = line_(json_text(value));
    return going_;
  }

  template <class One>
  outcome<void> each_partition(One one) {
    const auto count = store_.events().partitions();
    if (request_.partition && *request_.partition >= count)
      return failure{ec::invalid, "the store has partitions 0 to " + std::to_string(count - 1)};
    for (partition_id p = 0; p < count && going_; ++p) {
      if (request_.partition && *request_.partition != p) continue;
      if (auto done = one(p); !done) return done;
    }
    return {};
  }
  outcome<void> log_of(partition_id p);
  outcome<void> outbox_of(partition_id p);
  outcome<void> snapshots_of(partition_id p);

  store& store_;
  const dump_request& request_;
  const line_taker& line_;
  bool going_ = true;
};

outcome<void> dumper::log_of(partition_id p) {
  auto& events = store_.events();
  log_position at = std::max<log_position>({1, request_.from, events.first(p)});
  while (going_ && at <= events.last(p)) {
    const auto blobs = events.read(p, at, page, page_bytes);
    if (!blobs) return blobs.error();
    if (blobs->empty()) return {};
    for (const auto& blob : *blobs) {
      blob_reader records{blob.bytes};
      record_view record;
      for (std::uint32_t index = 0; going_; ++index) {
        const auto more = records.next(record);
        if (!more) return more.error();
        if (!*more) break;
        json out{{"partition", p}, {"position", blob.position}, {"index", index}};
        out.update(value_of(record));
        write(out);
      }
      at = blob.position + 1;
    }
  }
  return {};
}

outcome<void> dumper::outbox_of(partition_id p) {
  std::uint64_t from = request_.from;
  for (;;) {
    const auto entries = store_.checkpoints().read_outbox(p, from, page);
    if (!entries) return entries.error();
    for (const auto& e : *entries) {
      const auto d = decode_decision(e.decision);
      if (!d) return d.error();
      json out{{"partition", p}, {"seq", e.seq},           {"entity", e.entity},
               {"key", e.key},   {"cause", e.cause.first}, {"tick", unix_ms(e.tick)}};
      if (e.cause.second != whole_blob) out["cause_index"] = e.cause.second;
      out.update(value_of(*d));
      if (!write(out)) return {};
      from = e.seq + 1;
    }
    if (entries->size() < page) return {};
  }
}

outcome<void> dumper::snapshots_of(partition_id p) {
  const auto rules = std::make_shared<const judgement_rules>();
  return store_.checkpoints().load_snapshots(p, [&](entity_snapshot s) {
    if (!going_) return;
    json out{{"partition", p},
             {"entity", s.entity},
             {"position", s.position},
             {"index", s.index},
             {"bytes", s.bytes.size()}};
    entity_core core{s.entity, rules};
    if (const auto read = core.restore(s.bytes); !read) {
      out["error"] = read.error().what;
    } else {
      const auto status = core.status();
      out["state"] = status.state;
      out["observations"] = status.observations;
      out["first_ts"] = unix_ms(status.first_ts);
      out["last_ts"] = unix_ms(status.last_ts);
      json metrics = json::array();
      for (const auto& m : status.metrics) metrics.push_back(m.name);
      out["metrics"] = std::move(metrics);
      out["alerts"] = status.alerts;
    }
    write(out);
  });
}

outcome<void> dumper::decisions() {
  std::uint64_t from = std::max<std::uint64_t>(1, request_.from);
  while (going_ && from <= store_.decisions().last()) {
    const auto found = store_.decisions().read(from, page);
    if (!found) return found.error();
    if (found->empty()) return {};
    for (const auto& d : *found) {
      json out{{"seq", d.seq}};
      out.update(value_of(d));
      if (!write(out)) return {};
      from = d.seq + 1;
    }
  }
  return {};
}

outcome<void> dumper::feed() {
  std::uint64_t from = request_.from;
  while (going_ && from <= store_.feed().last()) {
    const auto found = store_.feed().read(from, page, "");
    if (!found) return found.error();
    for (const auto& m : found->records) {
      const auto payload = msgpack_to_json(m.payload);
      if (!payload) return payload.error();
      if (!write({{"seq", m.seq}, {"topic", m.topic}, {"payload", parsed(*payload)}})) return {};
    }
    from = found->next;
  }
  return {};
}

outcome<void> dumper::letters() {
  auto& letters = store_.dead_letters();
  for (auto id = std::max(request_.from, letters.oldest()); going_ && id <= letters.total(); ++id) {
    const auto l = letters.find(id);
    if (!l) return l.error();
    if (!*l) continue;
    write({{"id", id},
           {"reason", (*l)->reason},
           {"arrived", unix_ms((*l)->arrived)},
           {"source", (*l)->source},
           {"text", (*l)->text},
           {"content", to_string((*l)->content)},
           {"payload_bytes", (*l)->payload_bytes},
           {"payload", text_or_hex((*l)->payload)}});
  }
  return {};
}

/// "4:user3:abc0:" -> ["user", "abc", ""]; nothing when it is not so.
json parts_of_key(std::string_view key) {
  json parts = json::array();
  while (!key.empty()) {
    const auto colon = key.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon > 6) return nullptr;
    std::size_t size = 0;
    for (const char c : key.substr(0, colon)) {
      if (c < '0' || c > '9') return nullptr;
      size = size * 10 + static_cast<std::size_t>(c - '0');
    }
    if (size > key.size() - colon - 1) return nullptr;
    parts.push_back(std::string{key.substr(colon + 1, size)});
    key.remove_prefix(colon + 1 + size);
  }
  return parts;
}

outcome<void> dumper::publishers() {
  std::map<std::string, publisher_window> windows;
  std::optional<failure> fault;
  const auto row = [&](const publisher_row& r) {
    auto window = publisher_window::restore(r.bytes);
    if (window)
      windows[r.key] = std::move(*window);
    else if (!fault)
      fault = failure{window.error().code, r.key + ": " + window.error().what};
  };
  const auto delta = [&](const publisher_delta& d) {
    windows[d.key].apply_delta(d.seq, d.payload_hash);
  };
  if (auto read = store_.events().load_publishers(row, delta); !read) return read;
  for (const auto& [key, window] : windows) {
    const json parts = parts_of_key(key);
    json out = parts.size() == 3
                   ? json{{"user", parts[0]}, {"publisher", parts[1]}, {"epoch", parts[2]}}
                   : json{{"key", text_or_hex(key)}};
    out["last"] = window.last();
    out["missing"] = window.missing();
    out["skipped"] = window.skipped();
    if (!write(out)) return {};
  }
  if (fault) return *fault;
  return {};
}

outcome<void> dumper::settings() {
  auto& events = store_.events();
  const auto consumed = store_.decisions().outbox_consumed();
  if (!consumed) return consumed.error();
  const auto correlator = store_.feed().load_correlator();
  if (!correlator) return correlator.error();
  const auto& letters = store_.dead_letters();
  write({{"partitions", events.partitions()},
         {"counters", events.counters()},
         {"decisions", store_.decisions().last()},
         {"correlator_through", correlator->through},
         {"feed", {{"oldest", store_.feed().oldest()}, {"last", store_.feed().last()}}},
         {"dead_letters",
          {{"oldest", letters.oldest()},
           {"last", letters.total()},
           {"bytes", letters.bytes()},
           {"by_reason", letters.by_reason()}}}});
  for (const auto& [space, name] : {std::pair{decision_space, "skipped_decisions"},
                                    std::pair{question_space, "skipped_questions"}}) {
    const auto skipped = store_.poison().load(space);
    if (!skipped) return skipped.error();
    json numbers = json::array();
    for (const auto& where : *skipped)
      if (where.index == 0) numbers.push_back(where.position);
    if (!numbers.empty()) write({{name, std::move(numbers)}});
  }
  return each_partition([&](partition_id p) -> outcome<void> {
    const auto checkpoint = store_.checkpoints().load_checkpoint(p);
    if (!checkpoint) return checkpoint.error();
    const auto skipped = store_.poison().load(p);
    if (!skipped) return skipped.error();
    json poison = json::array();
    for (const auto& where : *skipped)
      poison.push_back({{"position", where.position}, {"index", where.index}});
    const auto at = consumed->find(p);
    write({{"partition", p},
           {"first", events.first(p)},
           {"last", events.last(p)},
           {"checkpoint", checkpoint->position},
           {"decided_through", checkpoint->decided_through},
           {"outbox_consumed", at == consumed->end() ? 0 : at->second},
           {"skipped", std::move(poison)}});
    return {};
  });
}

using dump_step = outcome<void> (dumper::*)();

const std::vector<std::pair<std::string, dump_step>>& dump_steps() {
  static const std::vector<std::pair<std::string, dump_step>> steps{
      {"log", &dumper::log},
      {"outbox", &dumper::outbox},
      {"decisions", &dumper::decisions},
      {"feed", &dumper::feed},
      {"snapshots", &dumper::snapshots},
      {"letters", &dumper::letters},
      {"publishers", &dumper::publishers},
      {"settings", &dumper::settings}};
  return steps;
}

}  // namespace

const std::vector<std::string>& dump_subjects() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& [name, step] : dump_steps()) out.push_back(name);
    return out;
  }();
  return names;
}

outcome<void> dump_store(store& from, const dump_request& request, const line_taker& line) {
  for (const auto& [name, step] : dump_steps()) {
    if (name != request.what) continue;
    dumper d{from, request, line};
    return (d.*step)();
  }
  return failure{ec::invalid, "nothing is called " + request.what};
}

}  // namespace faultline
