// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/statsd.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "messages/identity.hpp"

namespace faultline {

namespace {

constexpr std::size_t most_values = 1024;
constexpr std::size_t most_members = 4096;
constexpr std::size_t most_tags = 32;
constexpr std::uint32_t idle_flushes = 360;
constexpr std::uint32_t zero_flushes = 30;
constexpr std::size_t longest_line = 8192;
constexpr std::size_t series_bytes = 512;  ///< of a series without its texts, with its place
constexpr std::size_t member_bytes = 48;

std::string_view take_until(std::string_view& rest, char end) noexcept {
  const auto n = std::min(rest.find(end), rest.size());
  const auto part = rest.substr(0, n);
  rest.remove_prefix(std::min(n + 1, rest.size()));
  return part;
}

bool read_number(std::string_view text, double& value) noexcept {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && failed == std::errc{} && end == text.data() + text.size() &&
         std::isfinite(value);
}

bool says_whom(std::string_view tag) noexcept {
  return tag == "host" || tag == "service" || tag == "pod" || tag == "pod_name";
}

/// Several values in one line, "1.5:2:3", are of version 1.1 of DogStatsD's protocol.
bool all_numbers(std::string_view text) noexcept {
  double value = 0;
  if (text.back() == ':') return false;
  while (!text.empty())
    if (!read_number(take_until(text, ':'), value)) return false;
  return true;
}

void split_tags(std::string_view text,
                std::vector<std::pair<std::string_view, std::string_view>>& out) {
  while (!text.empty() && out.size() < most_tags) {
    const auto tag = take_until(text, ',');
    const auto colon = tag.find(':');
    if (tag.empty() || colon == 0) continue;
    out.emplace_back(tag.substr(0, colon),
                     colon == std::string_view::npos ? "true" : tag.substr(colon + 1));
  }
  std::sort(out.begin(), out.end());
}

}  // namespace

statsd_gatherer::taken statsd_gatherer::take(std::string_view datagram, std::string_view sender) {
  taken counts;
  while (!datagram.empty()) {
    auto text = take_until(datagram, '\n');
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (text.empty()) continue;
    ++counts.lines;
    if (!line(text, sender, counts)) ++counts.malformed;
  }
  return counts;
}

bool statsd_gatherer::line(std::string_view text, std::string_view sender, taken& counts) {
  if (text.size() > longest_line) return false;
  const auto name = take_until(text, ':');
  const auto value_text = take_until(text, '|');
  const auto kind = take_until(text, '|');
  if (name.empty() || value_text.empty()) return false;
  double rate = 1;
  std::string_view tags;
  while (!text.empty()) {
    const auto part = take_until(text, '|');
    if (!part.empty() && part.front() == '@') {
      if (!read_number(part.substr(1), rate) || rate <= 0 || rate > 1) return false;
    } else if (!part.empty() && part.front() == '#') {
      tags = part.substr(1);
    }
  }
  const bool timer = kind == "ms" || kind == "h" || kind == "d";
  if (!timer && kind != "c" && kind != "g" && kind != "s") return false;
  const auto what = timer         ? type::timer
                    : kind == "c" ? type::counter
                    : kind == "g" ? type::gauge
                                  : type::set;
  if (what != type::set && !all_numbers(value_text)) return false;
  series* s = find(name, what, tags, sender);
  if (s == nullptr) {
    ++counts.too_many;
    return true;
  }
  s->touched = true;
  s->idle = 0;
  if (what == type::set) {
    if (s->members.size() < most_members && hold(*s, member_bytes))
      s->members.insert(stable_hash(value_text));
    return true;
  }
  for (auto rest = value_text; !rest.empty();) add(*s, take_until(rest, ':'), rate);
  return true;
}

void statsd_gatherer::add(series& s, std::string_view text, double rate) {
  double value = 0;
  read_number(text, value);
  if (s.what == type::counter)
    s.value += value / rate;
  else if (s.what == type::gauge)
    s.value = text.front() == '+' || text.front() == '-' ? s.value + value : value;
  else
    add_value(s, value, rate);
}

// Who sends is part of what it is only where no tag says whom it is about: several processes of a
// service are one.
statsd_gatherer::series* statsd_gatherer::find(std::string_view name, type what,
                                               std::string_view tags, std::string_view sender) {
  tags_.clear();
  split_tags(tags, tags_);
  const bool named =
      std::any_of(tags_.begin(), tags_.end(), [](const auto& t) { return says_whom(t.first); });
  if (!named) tags_.emplace_back("host", sender);
  key_.assign(1, static_cast<char>('0' + static_cast<int>(what)));
  key_.append(name);
  for (const auto& [key, value] : tags_)
    key_.append(1, '\n').append(key).append(1, ':').append(value);
  if (const auto found = series_.find(key_); found != series_.end()) return &found->second;
  const auto bytes = series_bytes + 3 * key_.size();
  if (series_.size() >= most_series || bytes > most_bytes - held_) return nullptr;
  auto& made = series_[key_];
  hold(made, bytes);
  made.what = what;
  made.name = name;
  for (const auto& [key, value] : tags_) made.tags.emplace_back(key, value);
  return &made;
}

/// @returns whether there is room for so many bytes more.
bool statsd_gatherer::hold(series& s, std::size_t bytes) {
  if (bytes > most_bytes - held_) return false;
  held_ += bytes;
  s.bytes += bytes;
  return true;
}

// Of more values than are kept each has the same chance to be among them (reservoir sampling).
void statsd_gatherer::add_value(series& s, double value, double rate) {
  s.max = s.seen == 0 ? value : std::max(s.max, value);
  ++s.seen;
  s.count += 1 / rate;
  s.sum += value / rate;
  if (s.values.empty() || (s.values.size() < most_values && hold(s, 2 * sizeof value)))
    return s.values.push_back(value);
  chosen_ ^= chosen_ << 13U;  // xorshift64
  chosen_ ^= chosen_ >> 7U;
  chosen_ ^= chosen_ << 17U;
  if (const auto at = chosen_ % s.seen; at < s.values.size()) s.values[at] = value;
}

// A counter that nobody increments is 0 while its sender tells something else: so it is seen that
// requests no longer come, and so StatsD and the agent of Datadog tell it. Who tells nothing at all
// is silent.
void statsd_gatherer::flush(double passed_s, std::int64_t ts_ms, sample_sink& sink) {
  std::set<std::string> heard;
  for (const auto& [key, s] : series_)
    if (s.touched) heard.insert(whom(s));
  for (auto at = series_.begin(); at != series_.end();) {
    auto& s = at->second;
    const bool counts = s.what == type::counter;
    if ((s.touched || (counts && heard.count(whom(s)) != 0)) && passed_s > 0)
      tell(s, passed_s, ts_ms, sink);
    if (keeps(s)) {
      s.touched = false;
      if (counts) s.value = 0;
      ++at;
    } else {
      held_ -= s.bytes;
      at = series_.erase(at);
    }
  }
}

/// Whether @p s outlives a flush: there must be room for what is new.
bool statsd_gatherer::keeps(series& s) const {
  const bool room = series_.size() <= most_series / 2 && held_ <= most_bytes / 2;
  if (s.what == type::gauge) return ++s.idle < idle_flushes;
  return s.what == type::counter && room && ++s.idle <= zero_flushes;
}

std::string statsd_gatherer::whom(const series& s) {
  std::string who;
  for (const auto& [key, value] : s.tags)
    if (says_whom(key)) who.append(key).append(1, ':').append(value).append(1, '\n');
  return who;
}

void statsd_gatherer::tell(series& s, double passed_s, std::int64_t ts_ms, sample_sink& sink) {
  sample_labels labels;
  for (const auto& [key, value] : s.tags) labels.push_back({key, value});
  const auto one = [&](const char* end, double value) {
    const auto name = s.name + end;
    metric_sample m;
    m.name = name;
    m.value = value;
    m.ts_ms = ts_ms;
    sink.metric(m, labels);
  };
  switch (s.what) {
    case type::counter:
      return one("", s.value / passed_s);
    case type::gauge:
      return one("", s.value);
    case type::set:
      return one("", static_cast<double>(s.members.size()));
    case type::timer:
      break;
  }
  const auto at = std::min(s.values.size() - 1, s.values.size() * 99 / 100);
  std::nth_element(s.values.begin(), s.values.begin() + static_cast<std::ptrdiff_t>(at),
                   s.values.end());
  one(".rate", s.count / passed_s);
  one(".mean", s.sum / s.count);
  one(".p99", s.values[at]);
  one(".max", s.max);
}

}  // namespace faultline
