// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_world.hpp"
#include "judgement/rules.hpp"
#include "messages/feed.hpp"
#include "messages/posted_alert.hpp"
#include "messages/silence.hpp"

#include <algorithm>

#include "messages/record.hpp"
#include "messages/request.hpp"

namespace faultline::sim {

namespace {

constexpr std::int64_t start_ms = 1'750'000'000'000;
constexpr std::int64_t tick_ms = 10'000;
constexpr std::int64_t wall_ms = start_ms + 24 * 3'600'000;  ///< what is sent is of the day before
constexpr std::uint32_t entities = 6;
constexpr std::size_t publishers = 2;
constexpr std::uint64_t ticks = 50;  ///< that each publisher sends
constexpr std::size_t window = 4;
constexpr std::int64_t patience_ms = 3000;  ///< of a publisher, for a reply
constexpr int most_steps = 400'000;

storage_options two_partitions() {
  storage_options o;
  o.partitions = 2;
  return o;
}

std::shared_ptr<const judgement_rules> rules_of_the_world() {
  judgement_rules rules;
  rules.processing.accept_past = true;
  rules.processing.tick = std::chrono::milliseconds{tick_ms};
  rules.detection.learning = std::chrono::minutes{2};
  operator_limit full;
  full.metric = "disk.used";
  full.above = 90;
  rules.detection.limits.push_back(full);
  return std::make_shared<const judgement_rules>(rules);
}

}  // namespace

void report::add(const report& other) {
  events += other.events;
  requests += other.requests;
  crashes += other.crashes;
  alerts += other.alerts;
  incidents += other.incidents;
  feed += other.feed;
  duplicates += other.duplicates;
  clock_steps += other.clock_steps;
  steps += other.steps;
  calls += other.calls;
  words += other.words;
  violations.insert(violations.end(), other.violations.begin(), other.violations.end());
}

sim_world::sim_world(std::uint64_t seed, lie how, bool degrade)
    : seed_{seed},
      degrade_{degrade},
      dice_{seed},
      memory_{two_partitions(), dice_, how},
      rules_{rules_of_the_world()} {
  for (std::size_t n = 0; n < publishers; ++n) {
    publisher p;
    p.name = "p" + std::to_string(n);
    for (std::uint32_t e = static_cast<std::uint32_t>(n); e < entities; e += publishers)
      p.entities.push_back(e);
    publishers_.push_back(std::move(p));
  }
  clock_.follow(arrival_time_of(wall_ms), std::chrono::milliseconds{0});
}

void sim_world::wrong(std::string what) {
  report_.violations.push_back("seed " + std::to_string(seed_) + ": " + std::move(what));
}

arrival_time sim_world::now() const {
  return clock_.at(arrival_time_of(wall_ms + time_ms_ + leap_ms_),
                   std::chrono::milliseconds{time_ms_});
}

void sim_world::begin_life() {
  node_hooks hooks;
  hooks.reply = [this](const reply_address& to, std::string frame) {
    network_.push_back({static_cast<std::size_t>(to.route.back() - '0'), 0, {}, {}, frame});
  };
  hooks.publish = [this](const feed_record& r) {
    const auto at = told_.try_emplace(r.seq, r.payload).first;
    if (at->second != r.payload)
      wrong("feed record " + std::to_string(r.seq) + " was told twice, and not the same");
  };
  hooks.now = [this] { return now(); };
  hooks.recorded = [this](const decision& d) {
    recorded_.insert(d.command.name + d.command.payload);
  };
  node_ = std::make_unique<sim_node>(memory_, rules_, std::move(hooks));
  if (!calm_ && dice_.one_in(2)) memory_.crash_at(1 + dice_.below(60));
}

void sim_world::end_life() {
  node_.reset();
  memory_.recover();
  ++report_.crashes;
}

std::int64_t sim_world::ts_of(std::uint64_t seq) {
  return start_ms + static_cast<std::int64_t>(seq - 1) * tick_ms;
}

/// Every entity's disk is full for a while, again and again; now and then one depends on another.
std::string sim_world::payload_of(const publisher& p, std::uint64_t seq) {
  const auto tick = static_cast<std::int64_t>(seq - 1);
  std::string all = "[";
  for (const auto e : p.entities) {
    const bool full = (tick + e * 5) % 20 >= 14;
    const auto name = "host/" + std::to_string(e);
    const auto ts = std::to_string(ts_of(seq));
    all += (all.size() == 1 ? "" : ",") + std::string{"{\"entity\":\""} + name + "\",\"ts\":" + ts +
           ",\"values\":{\"cpu\":0." + std::to_string(10 + (tick * 7 + e * 13) % 80) +
           ",\"disk.used\":" + (full ? "95" : "40") + "}}";
    const auto says = [&](const char* type) {
      all +=
          std::string{",{\"type\":\""} + type + "\",\"entity\":\"" + name + "\",\"ts\":" + ts + ",";
    };
    if (has_edge(seq)) {
      says("edge");
      all += "\"depends_on\":[\"host/" + std::to_string((e + 1) % entities) + "\"]}";
    }
    if (has_log(seq, e)) {
      says("log");
      all += full ? "\"severity\":\"error\",\"body\":\"cannot write block " + ts + "\"}"
                  : "\"severity\":\"info\",\"body\":\"served " + ts + " requests\"}";
    }
    if (has_span(seq, e)) {
      // One trace a tick through all, each within the one before: joined at the door, where they
      // come by different publishers, too.
      says("span");
      all += "\"trace\":\"" + ts + "\",\"span\":\"a" + std::to_string(e) + "\"," +
             (e == 0 ? "" : "\"parent\":\"a" + std::to_string(e - 1) + "\",") +
             "\"operation\":\"read\",\"duration_us\":" +
             std::to_string(900 - 100 * static_cast<int>(e)) +
             (full ? ",\"status\":\"error\"}" : ",\"status\":\"ok\"}");
    }
  }
  return all + "]";
}

std::vector<std::string> sim_world::also_said(std::uint64_t seq, std::uint32_t e) {
  std::vector<std::string> all;
  if (has_edge(seq)) all.emplace_back("edge ");
  if (has_log(seq, e)) all.emplace_back("log ");
  if (has_span(seq, e)) all.emplace_back("span ");
  return all;
}

/// An operator says something: silences a host, acknowledges what was told last, or hands on an
/// alert of another program.
void sim_world::operate() {
  const auto host = "host/" + std::to_string(dice_.below(entities));
  const auto id = "w" + std::to_string(++words_);
  const auto from = event_time_of(unix_ms(now()));
  decision d;
  d.kind = decision_kind::command;
  d.command.at = now();
  d.command.subject = id;
  if (dice_.one_in(8)) {
    rules_record r;
    r.rules = *rules_;
    maintenance_window w;
    w.name = id;
    w.entities = {host};
    w.dependents = dice_.one_in(2);
    w.configured = true;
    w.starts = event_time_of(ts_of(1 + dice_.below(ticks)));
    w.ends = w.starts + std::chrono::milliseconds{5 * tick_ms};
    r.rules.maintenance = {w};
    r.correlation.inhibit_consequences = dice_.one_in(2);
    d.command.name = "configuration";
    d.command.subject = "";
    d.command.payload = encode_rules(r);
  } else if (dice_.one_in(6)) {
    d.command.name = "unsilence";
    d.command.subject = "w" + std::to_string(1 + dice_.below(words_));
    d.command.payload = R"({"by":"ann","comment":")" + id + "\"}";
  } else if (dice_.one_in(6)) {
    d.command.name = "edge";
    d.command.payload = R"({"by":"ann","comment":")" + id + R"(","from":")" + host +
                        R"(","to":"host/)" + std::to_string(dice_.below(entities)) +
                        R"(","kind":"calls","action":")" +
                        (dice_.one_in(2)   ? "add"
                         : dice_.one_in(2) ? "remove"
                                           : "reset") +
                        "\"}";
  } else if (dice_.one_in(3)) {
    silence s;
    s.id = id;
    s.matchers = {{"entity", dice_.one_in(2) ? host : "host/[0-2]", true, true}};
    s.starts = from;
    s.ends = from + std::chrono::minutes{5};
    s.created_by = "ann";
    s.comment = id;
    d.command.name = "silence";
    d.command.payload = silence_json(s);
  } else if (dice_.one_in(2) && !told_.empty()) {
    const auto last = read_feed_payload(told_.rbegin()->second);
    if (!last || last->kind == "notice") return;
    d.command.name = "acknowledge";
    d.command.subject = last->kind == "alert" ? last->alert.id : last->incident.id;
    d.command.payload = R"({"by":"ann","comment":")" + id + R"(","off":false,"assign":""})";
  } else {
    posted_alert p;
    p.labels = {{"alertname", "Posted"}, {"severity", "critical"}, {"host", host}};
    p.annotations = {{"summary", id}};
    p.starts = from;
    p.ends = from + std::chrono::minutes{dice_.one_in(3) ? 0 : 5};
    p.entity = host;
    d.command.name = "posted_alerts";
    d.command.subject = "";
    d.command.payload = posted_json({p});
  }
  node_->say(std::move(d));
}

void sim_world::put(std::size_t who, std::uint64_t seq) {
  auto& p = publishers_[who];
  publish_header head;
  head.publisher = p.name;
  head.seq = seq;
  p.again_at[seq] = time_ms_ + patience_ms;
  network_.push_back({who, seq, encode_publish_header(head), p.waiting.at(seq), {}});
}

void sim_world::send(std::size_t who) {
  auto& p = publishers_[who];
  if (p.sent == ticks || p.waiting.size() >= window) return;
  ++p.sent;
  ++report_.requests;
  p.waiting[p.sent] = payload_of(p, p.sent);
  put(who, p.sent);
}

void sim_world::resend() {
  for (std::size_t who = 0; who < publishers_.size(); ++who)
    for (const auto& [seq, at] : std::map<std::uint64_t, std::int64_t>{publishers_[who].again_at})
      if (at <= time_ms_) put(who, seq);
}

/// One message arrives, any of those under way: or is lost, or arrives and is still under way.
void sim_world::carry() {
  if (network_.empty()) return;
  const auto drawn = calm_ ? 0 : dice_.below(network_.size());
  const message m = network_[drawn];
  const bool again = !calm_ && dice_.one_in(10);
  if (!again) network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(drawn));
  if (!calm_ && dice_.one_in(10)) return;
  if (!m.reply.empty()) return take_reply(m.publisher, m.reply);
  if (node_)
    node_->door().on_request(reply_address{0, std::to_string(m.publisher), {}}, sender{}, m.header,
                             m.payload);
}

void sim_world::take_reply(std::size_t who, const std::string& frame) {
  auto& p = publishers_[who];
  const auto reply = decode_publish_reply(frame);
  if (!reply) return wrong("a reply that cannot be read");
  if (reply->what == publish_reply::kind::retry) {
    if (p.waiting.count(reply->seq) != 0) p.again_at[reply->seq] = time_ms_ + reply->after_ms;
    return;
  }
  const bool duplicate = reply->what == publish_reply::kind::duplicate;
  if (!duplicate && reply->what != publish_reply::kind::ack)
    return wrong(p.name + " " + std::to_string(reply->seq) + ": " + reply->code);
  report_.duplicates += duplicate ? 1 : 0;
  if (!reply->rejected.empty())
    wrong(p.name + ": an event was refused: " + reply->rejected.front().text);
  p.waiting.erase(reply->seq);
  p.again_at.erase(reply->seq);
  p.acknowledged.insert(reply->seq);
}

void sim_world::pass(std::int64_t ms) {
  time_ms_ += ms;
  clock_.follow(arrival_time_of(wall_ms + time_ms_ + leap_ms_),
                std::chrono::milliseconds{time_ms_});
  if (node_) node_->pass(std::chrono::milliseconds{ms});
  resend();
}

/// One thing happens, of all that could.
void sim_world::act() {
  switch (dice_.below(16)) {
    case 0:
    case 1:
      return send(dice_.below(publishers_.size()));
    case 2:
    case 3:
      return carry();
    case 4:
      if (!node_->commit().write_waiting() && !memory_.crashed()) wrong("the store failed");
      return;
    case 5:
      return pass(static_cast<std::int64_t>(dice_.below(400)));
    case 6:
      if (!dice_.one_in(100)) return;
      leap_ms_ = dice_.one_in(2) ? 0 : (dice_.one_in(2) ? 3'600'000 : -3'600'000);
      ++report_.clock_steps;
      return;
    case 7:
      if (dice_.one_in(150)) memory_.crash();
      if (degrade_ && dice_.one_in(60)) node_->commit().set_degraded(dice_.one_in(2));
      return;
    case 8:
      if (dice_.one_in(20)) operate();
      return;
    default:
      for (int i = 0; i < 4; ++i) node_->step(dice_);
  }
}

/// No more faults: until everything that was sent is acknowledged and applied.
void sim_world::settle() {
  calm_ = true;
  leap_ms_ = 0;
  const auto done = [this] {
    return network_.empty() && node_->quiet() &&
           std::all_of(publishers_.begin(), publishers_.end(),
                       [](const publisher& p) { return p.sent == ticks && p.waiting.empty(); });
  };
  for (int i = 0; i < most_steps && !done(); ++i) {
    for (std::size_t who = 0; who < publishers_.size(); ++who) send(who);
    carry();
    if (!node_->commit().write_waiting()) return wrong("the store failed: " + node_->gave_up());
    if (!node_->step(dice_)) pass(100);
    ++report_.steps;
  }
  if (!done()) wrong("not everything that was sent was acknowledged and applied in the end");
  if (!node_->drain(dice_)) wrong("no orderly end: " + node_->gave_up());
}

report sim_world::run() {
  begin_life();
  const auto all_sent = [this] {
    return std::all_of(publishers_.begin(), publishers_.end(),
                       [](const publisher& p) { return p.sent == ticks; });
  };
  std::uint64_t more = dice_.below(1500);  // faults, when the last request is on its way
  for (int i = 0; i < most_steps && (!all_sent() || more-- != 0); ++i) {
    act();
    ++report_.steps;
    if (memory_.crashed()) {
      end_life();
      begin_life();
    } else if (!node_->gave_up().empty()) {
      wrong("it gave up: " + node_->gave_up());
      break;
    }
  }
  // The last fault, perhaps: a crash that was planned does not come any more.
  memory_.crash_at(0);
  settle();
  check();
  node_.reset();
  return report_;
}

}  // namespace faultline::sim
