// SPDX-License-Identifier: Apache-2.0
#include "actors/publishers.hpp"

#include <algorithm>
#include <utility>

#include "messages/text.hpp"

namespace faultline {

namespace {

constexpr milliseconds sample_interval{1000};
constexpr std::chrono::minutes gives_way_after{1};
constexpr std::chrono::seconds look_for_room_every{1};
constexpr double bucket_seconds = 11;
constexpr double reserve_seconds = 1;
constexpr double letter_burst = 1000;
constexpr double letters_per_second = 100;
constexpr double entity_limit_letters = 10;

std::int64_t second_of(arrival_time t) noexcept { return unix_ms(t) / 1000; }

}  // namespace

double passed_since(arrival_time& last, arrival_time now) noexcept {
  constexpr std::chrono::seconds out_of_order{10};
  const auto passed = now - last;
  if (passed > arrival_time::duration::zero() || passed < -out_of_order) last = now;
  return std::max(0.0, std::chrono::duration<double>(passed).count());
}

void skew_meter::add(milliseconds distance, arrival_time now) noexcept {
  if (count_ != 0 && now >= at_ && now - at_ < sample_interval) {
    distances_[newest_] = std::min<std::int64_t>(distances_[newest_], distance.count());
    return;
  }
  newest_ = count_ == 0 ? 0 : (newest_ + 1) % kept;
  count_ = std::min(count_ + 1, kept);
  distances_[newest_] = distance.count();
  at_ = now;
}

milliseconds skew_meter::median() const noexcept {
  if (count_ == 0) return milliseconds{0};
  auto sorted = distances_;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(count_ / 2);
  std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(count_));
  return milliseconds{*middle};
}

publisher_account& publisher_accounts::add(std::string key, event_door door,
                                           std::string_view name) {
  auto fresh = std::make_unique<publisher_account>();
  fresh->number = ++last_number_;
  fresh->door = door;
  fresh->name = name;
  fresh->letters = letter_burst;
  return *accounts_.emplace(std::move(key), std::move(fresh)).first->second;
}

publisher_account& publisher_accounts::of(event_door door, std::string_view name,
                                          arrival_time now) {
  key_.assign(1, static_cast<char>('0' + static_cast<int>(door)));
  key_.append(name);
  auto at = accounts_.find(key_);
  if (at == accounts_.end() && (accounts_.size() < most || make_room(now))) {
    add(key_, door, name);
    at = accounts_.find(key_);
  }
  auto& who = at == accounts_.end() ? others(door) : *at->second;
  who.last_seen = now;
  return who;
}

publisher_account& publisher_accounts::others(event_door door) {
  // The name is no publisher's: theirs have at least one byte and none is a control character.
  std::string key(1, static_cast<char>('0' + static_cast<int>(door)));
  key.push_back('\0');
  const auto at = accounts_.find(key);
  return at != accounts_.end() ? *at->second : add(std::move(key), door, "(others)");
}

/// Looks for one to give way, at most once a second: names that nobody bounds must not cost a look
/// at all accounts each.
bool publisher_accounts::make_room(arrival_time now) {
  if (now >= room_looked_for_ && now - room_looked_for_ < look_for_room_every) return false;
  room_looked_for_ = now;
  for (auto at = accounts_.begin(); at != accounts_.end();) {
    const auto& a = *at->second;
    if (a.name == "(others)" || (now >= a.last_seen && now - a.last_seen < gives_way_after)) {
      ++at;
      continue;
    }
    const publisher_account gone = a;
    at = accounts_.erase(at);
    auto& rest = others(gone.door);
    rest.accepted += gone.accepted;
    rest.rejected += gone.rejected;
    rest.shed += gone.shed;
    rest.retried += gone.retried;
  }
  return accounts_.size() < most;
}

void publisher_accounts::pass_time(arrival_time now, std::uint64_t applied) {
  const auto passed = std::chrono::duration_cast<milliseconds>(now - interval_began_);
  if (passed < interval && passed >= milliseconds{0}) return;
  constexpr double smoothed_over_ms = 200;
  const auto done = static_cast<double>(applied - std::min(applied, applied_at_));
  const auto span = static_cast<double>(std::max(passed, interval).count());
  if (interval_began_ != arrival_time{})
    applied_per_ms_ += (done / span - applied_per_ms_) * std::min(1.0, span / smoothed_over_ms);
  budget_ =
      std::min(most_at_once_,
               static_cast<std::uint64_t>(applied_per_ms_ * static_cast<double>(interval.count())));
  interval_began_ = now;
  applied_at_ = applied;
  interval_number_ +=
      static_cast<std::uint64_t>(std::max<std::int64_t>(1, passed.count() / interval.count()));
  active_last_ = active_;
  active_ = 0;
  share_ = std::max<std::uint64_t>(1, budget_ / std::max<std::size_t>(1, active_last_));
}

std::uint64_t publisher_accounts::owed(const publisher_account& who) const noexcept {
  constexpr std::uint64_t most_intervals = 50;  // a second: what was before is forgiven
  const auto used = std::min(who.used, share_ * most_intervals);
  return used - std::min(used, share_ * (interval_number_ - who.interval));
}

bool publisher_accounts::within_share(const publisher_account& who) const noexcept {
  return owed(who) < share_;
}

void publisher_accounts::use(publisher_account& who, std::size_t events) noexcept {
  if (who.interval != interval_number_) {
    who.used = owed(who);
    who.interval = interval_number_;
    ++active_;
    if (active_ > active_last_) share_ = std::max<std::uint64_t>(1, budget_ / active_);
  }
  who.used += events;
}

new_entity_rate::new_entity_rate(double per_second, arrival_time now)
    : per_second_{per_second}, tokens_{per_second * bucket_seconds}, filled_{now} {}

bool new_entity_rate::take(publisher_account& who, arrival_time now) noexcept {
  const double passed = passed_since(filled_, now);
  tokens_ = std::min(tokens_ + passed * per_second_, per_second_ * bucket_seconds);
  if (const auto second = second_of(now); second != second_) {
    active_last_ = second == second_ + 1 ? active_ : 0;
    active_ = 0;
    second_ = second;
  }
  if (who.new_second != second_) {
    who.new_second = second_;
    who.new_used = 0;
    ++active_;
  }
  const auto sharers = static_cast<double>(std::max<std::size_t>({1, active_, active_last_}));
  const bool beyond = who.new_used >= per_second_ / sharers;
  const double floor = beyond ? per_second_ * reserve_seconds : 0;
  if (tokens_ < floor + 1) return false;
  tokens_ -= 1;
  who.new_used += 1;
  return true;
}

bool may_keep_letter(publisher_account& who, reject_reason reason, arrival_time now) noexcept {
  const double cost = reason == reject_reason::entity_limit ? entity_limit_letters : 1;
  const double passed = passed_since(who.letters_at, now);
  who.letters = std::min(letter_burst, who.letters + passed * letters_per_second);
  if (who.letters < cost) return false;
  who.letters -= cost;
  return true;
}

std::vector<notice> skew_notices(publisher_accounts& publishers, milliseconds limit,
                                 arrival_time now) {
  constexpr std::size_t at_once = 8;
  std::vector<notice> told;
  publishers.for_each([&](publisher_account& a) {
    if (!a.skew.known() || told.size() >= at_once) return;
    const auto skew = a.skew.median();
    const auto size = skew < milliseconds{0} ? -skew : skew;
    if (a.skew_told ? size > limit / 2 : size <= limit) return;
    a.skew_told = !a.skew_told;
    const bool named = check_name(a.name) == text_fault::none;
    const auto whole_s = std::to_string((size.count() + 500) / 1000);
    told.push_back(notice{
        "clock_skew", named ? a.name : "(unnamed)",
        a.skew_told ? "begin: its newest events are " + whole_s + " s " +
                          (skew < milliseconds{0} ? "ahead of" : "behind") + " our clock"
                    : "end: its newest events are within " + whole_s + " s of our clock again",
        event_time_of(unix_ms(now))});
  });
  return told;
}

}  // namespace faultline
