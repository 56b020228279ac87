// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/correlator_core_impl.hpp"
#include "judgement/maintenance.hpp"
#include "messages/bytes.hpp"
#include "messages/version.hpp"

// state    := version(u8 = 11) applied(u64) now expired_at graph(str)
//             alerts(u32, (alert(str) incident(u64) marks(u32))*)  -- by id
//             incidents(u32, incident*)                      -- by key
//             finished(u32, (hash of the id(u64) transition(u32))*)  -- the oldest first
//             silences(str)
//             changes(u32, (entity kind(u8) summary at)*)    -- as they came
//             window hops(u32) settle                        -- correlation rules in force
//             remedies(u32, (incident title worked(u8))*)    -- as they came
//             weak(str) posted(str) windows(str, JSON) quiet(str)
//             late(u32, incident*)                           -- as they ended; their key is 0
// silences := (u32, (silence(str, JSON) state(u8))*)         -- by id
// incident := key(u64) record(str) first_onset last_onset last_end firing(u32) flags(u8) asked
//             requests(u32) refreshed(u32) told(u32) told_at first_text burst asked_burst origin
//             signs(strings) signed_at last_sign reopened
// weak     := false_incidents(f64)
//             signs(u32, (entity at decades(f64) metric)*)   -- by entity
//             suspicions(u32, (key(u64) id onset strength(f64) text entities asks(u32) awaiting(u8)
//                              asked rests_until)*)          -- by key
// posted   := (u32, (fingerprint alert ends)*)               -- by fingerprint
// quiet    := inhibit(u32, (source target equal: strings)*) consequences(u8)
//             flaps(u32, (entity name begins(u32, at*))*)    -- by entity and name
// Times are i64 milliseconds. Version 1 had neither marks nor rules, version 2 no bursts,
// version 3 no remedies, version 4 no weak signs, version 5 no posted
// alerts, version 6 no windows, version 7 no quiet, version 8 none late,
// version 9 none reopened, version 10 ids where hashes of them are now; up to version 5
// silences were marks of one entity or alert, (u32, (subject by until?)*), which nobody could set.
// What can be derived (reach, agenda, loose alerts) is not written.

namespace faultline {
namespace {

void write_names(field_writer& out, const std::vector<std::string>& names) {
  out.u32(static_cast<std::uint32_t>(names.size()));
  for (const std::string& name : names) out.str(name);
}

void read_names(field_reader& in, std::vector<std::string>& names) {
  const auto count = in.count(4);
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) names.emplace_back(in.str());
}

constexpr std::uint8_t state_version = 11;

enum incident_flag : std::uint8_t {
  flag_frozen = 1,
  flag_awaiting = 2,
  flag_again = 4,
  flag_untold = 8,
  all_flags = 15,
};

void write_incident(field_writer& out, incident_key key, const tracked_incident& i) {
  out.u64(key);
  out.str(encode_incident(i.record));
  for (const event_time t : {i.first_onset, i.last_onset, i.last_end}) out.i64(unix_ms(t));
  out.u32(i.firing);
  out.u8(static_cast<std::uint8_t>((i.frozen ? flag_frozen : 0) | (i.awaiting ? flag_awaiting : 0) |
                                   (i.again ? flag_again : 0) | (i.untold ? flag_untold : 0)));
  out.i64(unix_ms(i.asked));
  out.u32(i.requests);
  out.u32(i.refreshed);
  out.u32(static_cast<std::uint32_t>(i.told));
  out.i64(unix_ms(i.told_at));
  out.str(i.first_text);
  out.i64(unix_ms(i.burst));
  out.i64(unix_ms(i.asked_burst));
  out.str(i.origin);
  write_names(out, i.signs);
  out.i64(unix_ms(i.signed_at));
  out.i64(unix_ms(i.last_sign));
  out.i64(unix_ms(i.reopened));
}

outcome<void> read_incident(field_reader& in, std::uint8_t version, tracked_incident& i) {
  auto record = decode_incident(in.str());
  if (!record) return record.error();
  i.record = std::move(*record);
  for (event_time* t : {&i.first_onset, &i.last_onset, &i.last_end}) *t = event_time_of(in.i64());
  i.firing = in.u32();
  const std::uint8_t flags = in.u8();
  if (flags > all_flags) return failure{ec::malformed, "correlator: unknown flags"};
  i.frozen = (flags & flag_frozen) != 0;
  i.awaiting = (flags & flag_awaiting) != 0;
  i.again = (flags & flag_again) != 0;
  i.untold = (flags & flag_untold) != 0;
  i.asked = event_time_of(in.i64());
  i.requests = in.u32();
  i.refreshed = in.u32();
  i.told = in.u32();
  i.told_at = event_time_of(in.i64());
  i.first_text = in.str();
  if (version < 3) return {};
  i.burst = event_time_of(in.i64());
  i.asked_burst = event_time_of(in.i64());
  i.origin = in.str();
  if (version < 5) return {};
  read_names(in, i.signs);
  i.signed_at = event_time_of(in.i64());
  i.last_sign = event_time_of(in.i64());
  if (version > 9) i.reopened = event_time_of(in.i64());
  return {};
}

failure unsound(const char* what) {
  return {ec::malformed, std::string{"correlator state: "} + what};
}

}  // namespace

std::string correlator_core::impl::save() const {
  std::string bytes;
  field_writer w{bytes};
  w.u8(state_version);
  w.u64(applied);
  w.i64(unix_ms(now));
  w.i64(unix_ms(expired_at));
  w.str(graph.save());
  w.u32(static_cast<std::uint32_t>(alerts.size()));
  for (const auto& [id, t] : alerts) {
    w.str(encode_alert(t.alert));
    w.u64(t.incident);
    w.u32(t.marks);
  }
  w.u32(static_cast<std::uint32_t>(incidents.size()));
  for (const auto& [key, i] : incidents) write_incident(w, key, i);
  w.u32(static_cast<std::uint32_t>(finished.size()));
  for (std::size_t n = 0; n < finished.size(); ++n) {
    w.u64(finished.at(n).id_hash);
    w.u32(finished.at(n).transition);
  }
  w.str(save_silences());
  w.u32(static_cast<std::uint32_t>(changes.size()));
  for (const change_note& c : changes) {
    w.str(c.entity);
    w.u8(static_cast<std::uint8_t>(c.kind));
    w.str(c.summary);
    w.i64(unix_ms(c.at));
  }
  w.i64(options.window.count());
  w.u32(options.hops);
  w.i64(options.settle.count());
  w.u32(static_cast<std::uint32_t>(remedies.size()));
  for (const remedy_word& r : remedies) {
    w.str(r.incident);
    w.str(r.title);
    w.boolean(r.worked);
  }
  w.str(save_signs());
  w.str(save_posted());
  w.str(windows_json(windows));
  w.str(save_quiet());
  w.u32(static_cast<std::uint32_t>(late.size()));
  for (const tracked_incident& i : late) write_incident(w, 0, i);
  return bytes;
}

std::string correlator_core::impl::save_signs() const {
  std::string bytes;
  field_writer w{bytes};
  w.f64(options.false_incidents_per_entity_month);
  w.u32(static_cast<std::uint32_t>(signs.size()));
  for (const auto& [entity, s] : signs) {
    w.str(entity);
    w.i64(unix_ms(s.at));
    w.f64(s.decades);
    w.str(s.metric);
  }
  w.u32(static_cast<std::uint32_t>(suspicions.size()));
  for (const auto& [key, s] : suspicions) {
    w.u64(key);
    w.str(s.id);
    w.i64(unix_ms(s.onset));
    w.f64(s.strength);
    w.str(s.text);
    write_names(w, s.entities);
    w.u32(s.asks);
    w.boolean(s.awaiting);
    w.i64(unix_ms(s.asked));
    w.i64(unix_ms(s.rests_until));
  }
  return bytes;
}

bool correlator_core::impl::read_signs(std::string_view bytes) {
  field_reader in{bytes};
  options.false_incidents_per_entity_month = in.f64();
  const auto count = in.count(24);
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) {
    const std::string entity{in.str()};
    weak_sign& s = signs[entity];
    s.entity = entity;
    s.at = event_time_of(in.i64());
    s.decades = in.f64();
    s.metric = in.str();
  }
  const auto open = in.count(58);
  for (std::uint32_t n = 0; n < open && in.ok(); ++n) {
    const incident_key key = in.u64();
    suspicion& s = suspicions[key];
    s.id = in.str();
    s.onset = event_time_of(in.i64());
    s.strength = in.f64();
    s.text = in.str();
    read_names(in, s.entities);
    s.asks = in.u32();
    s.awaiting = in.boolean();
    s.asked = event_time_of(in.i64());
    s.rests_until = event_time_of(in.i64());
    if (key > applied + keys_ahead || s.entities.empty() || s.asks > correlator_limits::sign_asks)
      in.fail();
  }
  return in.ok() && in.at_end();
}

std::string correlator_core::impl::save_quiet() const {
  std::string bytes;
  field_writer w{bytes};
  w.u32(static_cast<std::uint32_t>(options.inhibit.size()));
  for (const inhibit_rule& r : options.inhibit)
    for (const auto* names : {&r.source, &r.target, &r.equal}) write_names(w, *names);
  w.boolean(options.inhibit_consequences);
  w.u32(static_cast<std::uint32_t>(flaps.size()));
  for (const auto& [key, begins] : flaps) {
    w.str(key.first);
    w.str(key.second);
    w.u32(static_cast<std::uint32_t>(begins.size()));
    for (const event_time t : begins) w.i64(unix_ms(t));
  }
  return bytes;
}

bool correlator_core::impl::read_quiet(std::string_view bytes) {
  field_reader in{bytes};
  options.inhibit.clear();
  for (auto left = in.count(12); left > 0 && in.ok(); --left) {
    inhibit_rule& r = options.inhibit.emplace_back();
    for (auto* names : {&r.source, &r.target, &r.equal}) read_names(in, *names);
  }
  options.inhibit_consequences = in.boolean();
  for (auto left = in.count(12); left > 0 && in.ok(); --left) {
    flap_key key;
    key.first = in.str();
    key.second = in.str();
    std::vector<event_time> begins;
    for (auto more = in.count(8); more > 0 && in.ok(); --more)
      begins.push_back(event_time_of(in.i64()));
    if (begins.empty() || begins.size() > correlator_limits::flap_episodes ||
        !std::is_sorted(begins.begin(), begins.end()) ||
        (!flaps.empty() && key <= flaps.rbegin()->first))
      return false;
    flaps_by_time.emplace(begins.back(), key);
    flaps.emplace_hint(flaps.end(), std::move(key), std::move(begins));
  }
  return in.ok() && in.at_end();
}

namespace {

outcome<void> read_alerts(field_reader& in, std::uint8_t version,
                          std::map<std::string, tracked_alert>& alerts) {
  const auto count = in.count(12);
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) {
    auto a = decode_alert(in.str());
    if (!a) return a.error();
    const incident_key key = in.u64();
    const std::uint32_t marks = version == 1 ? 0 : in.u32();
    if (marks >= a->transition) return unsound("more marks than transitions");
    if (!alerts.empty() && a->id <= alerts.rbegin()->first) return unsound("alerts out of order");
    std::string id = a->id;
    alerts.emplace_hint(alerts.end(), std::move(id), tracked_alert{std::move(*a), key, marks});
  }
  return {};
}

outcome<void> read_incidents(field_reader& in, std::uint8_t version,
                             std::map<incident_key, tracked_incident>& incidents,
                             std::uint64_t applied) {
  const auto count = in.count(12);
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) {
    const incident_key key = in.u64();
    if (key == 0 || key > applied + keys_ahead) return unsound("an incident from the future");
    if (!incidents.empty() && key <= incidents.rbegin()->first) {
      return unsound("incidents out of order");
    }
    if (const auto read = read_incident(in, version, incidents[key]); !read) return read.error();
  }
  return {};
}

outcome<void> read_late(field_reader& in, std::uint8_t version,
                        std::deque<tracked_incident>& late) {
  const auto count = in.count(12);
  if (count > correlator_limits::late) return unsound("too many that ended unanswered");
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) {
    if (in.u64() != 0) return unsound("an incident that ended has a key");
    if (const auto read = read_incident(in, version, late.emplace_back()); !read)
      return read.error();
  }
  return {};
}

void read_finished(field_reader& in, std::uint8_t version, ended_episodes& finished) {
  const auto count = in.count(version > 10 ? 12 : 8);
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) {
    const std::uint64_t hash = version > 10 ? in.u64() : ended_episodes::hash_of(in.str());
    finished.add_hash(hash, in.u32());
    if (finished.size() != n + 1) in.fail();  // one of them twice, or too many
  }
}

void pass_old_silences(field_reader& in) {
  const auto count = in.count(9);
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) {
    in.str();
    in.str();
    if (in.boolean()) in.i64();
  }
}

void read_changes(field_reader& in, std::deque<change_note>& changes) {
  const auto count = in.count(17);
  for (std::uint32_t n = 0; n < count && in.ok(); ++n) {
    change_note& c = changes.emplace_back();
    c.entity = in.str();
    c.kind = in.enumeration(change_kind::other, change_kind::flag);
    c.summary = in.str();
    c.at = event_time_of(in.i64());
  }
}

}  // namespace

outcome<void> correlator_core::impl::read(std::string_view bytes) {
  field_reader in{bytes};
  const std::uint8_t version = in.u8();
  if (auto known = check_version("correlator state", version, state_version); !known) return known;
  applied = in.u64();
  now = event_time_of(in.i64());
  expired_at = event_time_of(in.i64());
  if (const auto read = graph.restore(in.str()); !read) return read.error();
  if (const auto read = read_alerts(in, version, alerts); !read) return read.error();
  if (const auto read = read_incidents(in, version, incidents, applied); !read) return read.error();
  read_finished(in, version, finished);
  if (version < 6) {
    pass_old_silences(in);
  } else if (!read_silences(in.str())) {
    return unsound("silences");
  }
  read_changes(in, changes);
  if (version != 1) {
    options.window = milliseconds{in.i64()};
    options.hops = in.u32();
    options.settle = milliseconds{in.i64()};
  }
  const auto words = version > 3 ? in.count(9) : 0;
  for (std::uint32_t n = 0; n < words && in.ok(); ++n) {
    remedy_word& r = remedies.emplace_back();
    r.incident = in.str();
    r.title = in.str();
    r.worked = in.boolean();
  }
  if (version > 4 && !read_signs(in.str())) return unsound("weak signs");
  if (version > 5 && !read_posted(in.str())) return unsound("posted alerts");
  if (version > 6) {
    auto read = read_windows_json(in.str());
    if (!read) return unsound("maintenance windows");
    windows = std::move(*read);
  }
  if (version > 7 && !read_quiet(in.str())) return unsound("inhibitions");
  if (version > 8) {
    if (const auto read = read_late(in, version, late); !read) return read.error();
  }
  if (!in.ok() || !in.at_end()) return unsound("wrong length");
  std::size_t members = 0;
  for (const auto& [key, i] : incidents) {
    members += i.record.alerts.size();
    for (const std::string& id : i.record.alerts) {
      const auto at = alerts.find(id);
      if (at == alerts.end() || at->second.incident != key) return unsound("a member is missing");
    }
  }
  std::size_t assigned = 0;
  for (const auto& [id, t] : alerts) assigned += t.incident != 0 ? 1 : 0;
  if (assigned != members) return unsound("an alert of no incident");
  derive();
  return {};
}

void correlator_core::impl::derive() {
  for (const auto& [id, t] : alerts) {
    if (t.incident == 0) loose[t.alert.entity].insert(id);
  }
  for (auto& [key, i] : incidents) {
    count_stops(i);
    rebuild_reach(key);
    schedule(key);
  }
  for (const auto& [entity, s] : signs) signs_by_time.emplace(s.at, entity);
  for (const auto& [key, s] : suspicions) plan(key);
  for (const auto& [id, s] : silences) plan_silence(s, true);
  plan_windows();
  for (const auto& [id, t] : alerts) note_inhibitors(t.alert, {});
  take_inhibitions(options.inhibit);
  newly_reached.clear();  // all of it was settled before it was written
}

}  // namespace faultline
