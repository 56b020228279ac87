// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "processing/held_clock.hpp"
#include "tests/sim/chance.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/sim_store.hpp"

namespace faultline::sim {

/// What a run came to.
struct report {
  std::uint64_t events = 0, requests = 0, crashes = 0, alerts = 0, incidents = 0, feed = 0;
  std::uint64_t calls = 0, words = 0;
  std::uint64_t duplicates = 0, clock_steps = 0, steps = 0;
  std::vector<std::string> violations;
  void add(const report& other);
};

/// Publishers that send until they are acknowledged, a network that loses, repeats and reorders in
/// both directions, a clock that leaps, a server that crashes at any of its steps and writes and
/// comes back with what a disk would have, and what is known of all this: what was sent, what was
/// acknowledged, what the feed has told. One thread; everything follows from the seed.
///
/// When the faults are over, the store must hold: what was acknowledged, once; nothing that was not
/// sent; states and alerts as a fresh node makes them of the log alone; a feed that is what the
/// decisions say, and all that was ever told of it.
class sim_world {
public:
  /// @p degrade: also records that turn the forecaster off and on, which a server that accepts the
  /// past never writes.
  sim_world(std::uint64_t seed, lie how, bool degrade);
  report run();

private:
  struct publisher {
    std::string name;
    std::vector<std::uint32_t> entities;
    std::uint64_t sent = 0;
    std::map<std::uint64_t, std::string> waiting;  ///< seq -> payload
    std::map<std::uint64_t, std::int64_t> again_at;
    std::set<std::uint64_t> acknowledged;
  };
  struct message {
    std::size_t publisher = 0;
    std::uint64_t seq = 0;
    std::string header, payload;  ///< a request; or
    std::string reply;            ///< a reply, where it is not empty
  };

  void begin_life();
  void end_life();
  void act();
  void operate();
  void send(std::size_t who);
  void put(std::size_t who, std::uint64_t seq);
  void resend();
  void carry();
  void take_reply(std::size_t who, const std::string& frame);
  void pass(std::int64_t ms);
  void settle();
  arrival_time now() const;
  /// What a request says follows from its publisher and seq.
  static std::string payload_of(const publisher& p, std::uint64_t seq);
  static std::int64_t ts_of(std::uint64_t seq);
  static bool has_edge(std::uint64_t seq) { return (seq - 1) % 10 == 5; }
  static bool has_log(std::uint64_t seq, std::uint32_t e) { return (seq + e) % 4 == 1; }
  static bool has_span(std::uint64_t seq, std::uint32_t e) { return (seq + e) % 3 != 1; }
  /// What an entity says of one tick beside its metrics: "edge ", "log ", "span ".
  static std::vector<std::string> also_said(std::uint64_t seq, std::uint32_t e);
  void check();
  void check_log(store& kept);
  void check_words(store& kept);
  void check_feed(store& kept);
  void check_replay(store& kept);
  void wrong(std::string what);

  std::uint64_t seed_;
  bool degrade_;
  chance dice_;
  sim_store memory_;
  std::shared_ptr<const judgement_rules> rules_;
  std::vector<publisher> publishers_;
  std::vector<message> network_;
  std::map<std::uint64_t, std::string> told_;  ///< feed records that went out
  std::unique_ptr<sim_node> node_;
  held_clock clock_;
  std::int64_t time_ms_ = 0;                     ///< since the beginning, without leaps
  std::int64_t leap_ms_ = 0;                     ///< of the wall clock
  bool calm_ = false;                            ///< the faults are over
  std::map<std::string, std::uint64_t> stored_;  ///< events by entity
  std::uint64_t words_ = 0;                      ///< operators' words, each another
  std::set<std::string> recorded_;               ///< of these, what was said to be recorded
  report report_;
};

}  // namespace faultline::sim
