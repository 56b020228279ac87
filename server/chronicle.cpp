// SPDX-License-Identifier: Apache-2.0
#include "server/chronicle.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "server/internal/decided.hpp"
#include "server/told_records.hpp"

namespace faultline {

namespace {

constexpr std::size_t chunk = 512;
constexpr std::size_t most_looked_at = 50'000;
constexpr std::size_t most_told = 500;
constexpr std::size_t alerts_told = 100;
constexpr std::uint64_t most_looked_back = 20'000;
constexpr std::size_t told_of_entity = 200;
constexpr std::int64_t before_ms = 3'600'000;
constexpr std::int64_t after_ms = 600'000;
constexpr std::size_t names_in_outline = 6;
constexpr std::size_t related_told = 8;
constexpr std::size_t related_looked_at = 512;

/// The first decision that may be of @p ms or later. The log is in the order of arrival, so times
/// go up but for words and for what came late; the margin before is wide.
outcome<std::uint64_t> first_at(decision_log& log, std::int64_t ms) {
  std::uint64_t low = 1;
  std::uint64_t high = log.last() + 1;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    auto page = log.read(middle, 1);
    if (!page) return page.error();
    // A word's time is the wall clock's: it says nothing where the past is replayed.
    std::size_t steps = 0;
    while (!page->empty() && page->front().kind == decision_kind::command && steps++ < 64) {
      page = log.read(page->front().seq + 1, 1);
      if (!page) return page.error();
    }
    if (page->empty() || time_of(page->front()) >= ms)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

std::string percent(double p) { return std::to_string(std::lround(p * 100)) + " %"; }

class story_teller {
public:
  story_teller(const incident& i, incident_story& story)
      : about_{i},
        alerts_{i.alerts.begin(), i.alerts.end()},
        entities_{i.entities.begin(), i.entities.end()},
        story_{story} {
    for (const auto& c : i.causes) entities_.insert(c.entity);
  }

  void take(const decision& d) {
    switch (d.kind) {
      case decision_kind::alert:
        return take(d.alert);
      case decision_kind::change:
        if (entities_.count(d.change.entity) > 0)
          add({unix_ms(d.change.at),
               "change",
               d.change.entity,
               to_string(d.change.kind),
               d.change.summary,
               {}});
        return;
      case decision_kind::root_cause:
        return take(d.root_cause);
      case decision_kind::command:
        return take(d.command);
      case decision_kind::notice:
        if (d.notice.subject == about_.id || entities_.count(d.notice.subject) > 0)
          add({unix_ms(d.notice.at), "notice", d.notice.subject, d.notice.what, d.notice.text, {}});
        return;
      case decision_kind::topology:
      case decision_kind::clock:
      case decision_kind::sign:
        return;
    }
  }

  /// Of what others posted no decision stands for its own: its begin and its end are as recorded.
  void take_posted(const alert& a) {
    add({unix_ms(a.started), "alert", a.entity, to_string(a.severity), a.explanation, {}});
    if (a.ended) add({unix_ms(*a.ended), "alert", a.entity, "resolved", a.metric, {}});
  }

private:
  void add(story_item item) {
    if (story_.items.size() < most_told)
      story_.items.push_back(std::move(item));
    else
      story_.cut = true;
  }
  void take(const alert& a) {
    if (alerts_.count(a.id) == 0) return;
    const bool ended = a.state == alert_state::resolved;
    auto& state = last_[a.id];
    const std::string now = ended ? "resolved" : to_string(a.severity);
    if (std::exchange(state, now) == now) return;
    add({unix_ms(a.updated), "alert", a.entity, now, ended ? a.metric : a.explanation, {}});
  }
  void take(const root_cause_result& r) {
    if (r.incident != about_.id) return;
    const bool none = r.abstained || r.causes.empty();
    const std::string first = r.causes.empty() ? std::string{} : r.causes.front().entity;
    if (told_cause_ && *told_cause_ == (none ? std::string{} : first)) return;
    told_cause_ = none ? std::string{} : first;
    std::string text = "no cause stands out";
    if (!none) {
      text = "likely cause, " + percent(r.causes.front().probability);
      if (!r.causes.front().metric.empty()) text += ", seen in " + r.causes.front().metric;
    }
    const auto ts = unix_ms(std::max(r.as_of, about_.started));
    add({ts, "cause", first, none ? "none" : "named", std::move(text), {}});
  }
  void take(const operator_command& c) {
    if (c.subject != about_.id && alerts_.count(c.subject) == 0) return;
    const said word{c.payload};
    std::string state = c.name;
    if (c.name == "acknowledge" && word.is("off")) state = "unacknowledge";
    if (const auto verdict = word.text("verdict"); !verdict.empty()) state = verdict;
    std::string text = word.text("comment");
    if (const auto cause = word.text("cause"); !cause.empty())
      text = "cause " + cause + (text.empty() ? "" : ": " + text);
    if (const auto remedy = word.text("remediation"); !remedy.empty())
      text = remedy + (text.empty() ? "" : ": " + text);
    if (const auto to = word.text("assign"); !to.empty())
      text = "assigned to " + to + (text.empty() ? "" : ": " + text);
    add({unix_ms(c.at), "word", c.subject, std::move(state), std::move(text), word.text("by")});
  }

  const incident& about_;
  std::set<std::string> alerts_, entities_;
  std::map<std::string, std::string> last_;
  std::optional<std::string> told_cause_;
  incident_story& story_;
};

outcome<void> tell(store& memory, const incident& i, incident_story& story) {
  auto& log = memory.decisions();
  const auto from = first_at(log, unix_ms(i.started) - before_ms);
  if (!from) return from.error();
  story_teller teller{i, story};
  for (const told<alert>& known : story.alerts)
    if (!known.record.source.empty()) teller.take_posted(known.record);
  const std::int64_t end = i.ended ? unix_ms(*i.ended) + after_ms : 0;
  std::size_t past_the_end = 0;
  std::uint64_t at = *from;
  for (std::size_t looked = 0; looked < most_looked_at;) {
    auto page = log.read(at, chunk);
    if (!page) return page.error();
    for (const auto& d : *page) {
      teller.take(d);
      at = d.seq + 1;
      // Words on it may come long after it has ended: they are looked for a little further.
      if (end != 0 && d.kind != decision_kind::command && time_of(d) > end) ++past_the_end;
    }
    looked += page->size();
    if (page->size() < chunk || past_the_end > 4 * chunk) return {};
  }
  story.cut = true;
  return {};
}

/// How much two incidents have in common, 0 to 2: their entities, and their likeliest cause.
double likeness(const incident& a, const incident& b) {
  const std::set<std::string> of_a{a.entities.begin(), a.entities.end()};
  std::size_t shared = 0;
  for (const auto& e : b.entities) shared += of_a.count(e);
  const auto all = of_a.size() + b.entities.size() - shared;
  double score = all == 0 ? 0 : static_cast<double>(shared) / static_cast<double>(all);
  if (!a.causes.empty() && !b.causes.empty() && !a.abstained && !b.abstained &&
      a.causes.front().entity == b.causes.front().entity)
    score += !a.causes.front().fault_class.empty() &&
                     a.causes.front().fault_class == b.causes.front().fault_class
                 ? 1
                 : 0.5;
  return score;
}

outcome<std::vector<incident_outline>> related_to(store& memory, const incident& i) {
  std::vector<std::pair<double, incident>> found;
  auto page = memory.feed().records("incidents-by-time/", "", related_looked_at);
  if (!page) return page.error();
  for (const auto& [key, bytes] : *page) {
    auto read = decode_incident(bytes);
    if (!read) return read.error();
    auto other = told_now(memory, key, std::move(*read), bytes, decode_incident);
    if (!other) return other.error();
    if (!*other || (*other)->id == i.id || (*other)->started >= i.started) continue;
    const double score = likeness(i, **other);
    if (score >= 0.2) found.emplace_back(score, std::move(**other));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  if (found.size() > related_told) found.resize(related_told);
  std::vector<incident_outline> out;
  for (const auto& [score, other] : found) out.push_back(outline_of(other, {}));
  return out;
}

outcome<std::vector<incident_outline>> incidents_of(store& memory, const std::string& entity) {
  std::vector<incident_outline> found;
  auto page = memory.feed().records("incidents-by-time/", "", related_looked_at);
  if (!page) return page.error();
  for (const auto& [key, bytes] : *page) {
    auto i = decode_incident(bytes);
    if (!i) return i.error();
    if (found.size() == related_told) break;
    if (!touches(*i, entity)) continue;
    auto current = told_now(memory, key, std::move(*i), bytes, decode_incident);
    if (!current) return current.error();
    if (*current) found.push_back(outline_of(**current, {}));
  }
  return found;
}

}  // namespace

bool touches(const incident& i, std::string_view entity) {
  return std::find(i.entities.begin(), i.entities.end(), entity) != i.entities.end() ||
         (!i.causes.empty() && i.causes.front().entity == entity);
}

incident_outline outline_of(const incident& i, const std::map<std::string, const alert*>& alerts) {
  incident_outline o;
  o.id = i.id;
  o.state = i.state;
  o.severity = i.severity;
  o.summary = i.summary;
  o.started = unix_ms(i.started);
  o.updated = unix_ms(i.updated);
  if (i.ended) o.ended = unix_ms(*i.ended);
  o.abstained = i.abstained;
  o.unobserved = i.unobserved;
  if (!i.causes.empty()) {
    o.cause = i.causes.front().entity;
    o.metric = i.causes.front().metric;
    o.fault_class = i.causes.front().fault_class;
    o.probability = i.causes.front().probability;
  }
  o.entities = i.entities.size();
  o.alerts = i.alerts.size();
  for (const auto& e : i.entities)
    if (o.first_entities.size() < names_in_outline) o.first_entities.push_back(e);
  for (const auto& id : i.alerts) {
    const auto found = alerts.find(id);
    if (found == alerts.end()) continue;
    const alert& a = *found->second;
    ++o.firing;
    if (a.acknowledged) ++o.acknowledged;
    if (a.silenced) ++o.silenced;
    if (!a.lead_time_s) continue;
    const auto at = unix_ms(a.updated) + static_cast<std::int64_t>(*a.lead_time_s * 1000);
    o.limit_at = std::min(o.limit_at.value_or(at), at);
  }
  return o;
}

outcome<incident_story> story_of(store& memory, const incident& i) {
  incident_story story;
  for (const auto& id : i.alerts) {
    if (story.alerts.size() == alerts_told) break;
    auto bytes = memory.feed().record("alert/" + id);
    if (!bytes) return bytes.error();
    if (!*bytes) continue;  // beyond retention
    auto a = decode_alert(**bytes);
    if (!a) return a.error();
    story.alerts.push_back({std::move(*a), 0, 0});
  }
  if (auto done = tell(memory, i, story); !done) return done.error();
  std::stable_sort(story.items.begin(), story.items.end(),
                   [](const auto& a, const auto& b) { return a.ts < b.ts; });
  auto related = related_to(memory, i);
  if (!related) return related.error();
  story.related = std::move(*related);
  return story;
}

outcome<entity_story> story_of_entity(store& memory, const std::string& id) {
  incident about;  // the teller's way to ask for one entity
  about.id = id;
  about.entities = {id};
  incident_story told;
  story_teller teller{about, told};
  auto& log = memory.decisions();
  const std::uint64_t end = log.last() + 1;
  std::uint64_t high = end;
  while (high > 1 && end - high < most_looked_back && told.items.size() < told_of_entity) {
    const std::uint64_t low = high > chunk ? high - chunk : 1;
    auto page = log.read(low, high - low);
    if (!page) return page.error();
    for (auto d = page->rbegin(); d != page->rend(); ++d)  // the teller keeps what it hears first
      if (d->seq < high) teller.take(*d);
    high = low;
  }
  entity_story story;
  story.cut = high > 1;
  story.items = std::move(told.items);
  std::stable_sort(story.items.begin(), story.items.end(),
                   [](const auto& a, const auto& b) { return a.ts < b.ts; });
  if (story.items.size() > told_of_entity) {
    story.cut = true;
    story.items.erase(story.items.begin(), story.items.end() - told_of_entity);
  }
  auto incidents = incidents_of(memory, id);
  if (!incidents) return incidents.error();
  story.incidents = std::move(*incidents);
  return story;
}

}  // namespace faultline
