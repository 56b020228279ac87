// SPDX-License-Identifier: Apache-2.0
#include "processing/roles.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

namespace faultline {
namespace {

struct word_rule {
  std::string_view word;
  metric_role role;
};

// The first rule whose word stands in the name decides: symptoms before resources, so that the
// latency of a disk is a latency and the errors of a network interface are errors. Before these
// stand pairs in which a word means something else: a page fault is no error.
constexpr std::array rules{
    word_rule{"memory fail", metric_role::memory},
    word_rule{"page fault", metric_role::memory},
    word_rule{"paging fault", metric_role::memory},
    word_rule{"pgfault", metric_role::memory},
    word_rule{"pgmajfault", metric_role::memory},
    word_rule{"error", metric_role::errors},
    word_rule{"fail", metric_role::errors},
    word_rule{"5xx", metric_role::errors},
    word_rule{"4xx", metric_role::errors},
    word_rule{"drop", metric_role::errors},
    word_rule{"exception", metric_role::errors},
    word_rule{"retrans", metric_role::errors},
    word_rule{"timeout", metric_role::errors},
    word_rule{"reject", metric_role::errors},
    word_rule{"fault", metric_role::errors},
    word_rule{"deadlock", metric_role::errors},
    word_rule{"rollback", metric_role::errors},
    word_rule{"abort", metric_role::errors},
    word_rule{"unhealthy", metric_role::errors},
    word_rule{"err", metric_role::errors},
    word_rule{"oom", metric_role::errors},
    word_rule{"overflow", metric_role::errors},
    word_rule{"restart", metric_role::errors},
    word_rule{"response bytes", metric_role::network},
    word_rule{"response size", metric_role::network},
    word_rule{"responses", metric_role::traffic},
    word_rule{"load rps", metric_role::traffic},
    word_rule{"latency", metric_role::latency},
    word_rule{"duration", metric_role::latency},
    word_rule{"delay", metric_role::latency},
    word_rule{"response", metric_role::latency},
    word_rule{"rtt", metric_role::latency},
    word_rule{"p50", metric_role::latency},
    word_rule{"p90", metric_role::latency},
    word_rule{"p95", metric_role::latency},
    word_rule{"p99", metric_role::latency},
    word_rule{"elapsed", metric_role::latency},
    word_rule{"await", metric_role::latency},
    word_rule{"seconds max", metric_role::latency},
    word_rule{"rq time", metric_role::latency},
    word_rule{"request time", metric_role::latency},
    word_rule{"query time", metric_role::latency},
    word_rule{"slow", metric_role::latency},
    word_rule{"queue", metric_role::saturation},
    word_rule{"saturation", metric_role::saturation},
    word_rule{"load", metric_role::saturation},
    word_rule{"pool", metric_role::saturation},
    word_rule{"thread", metric_role::saturation},
    word_rule{"connection", metric_role::saturation},
    word_rule{"pending", metric_role::saturation},
    word_rule{"backlog", metric_role::saturation},
    word_rule{"throttl", metric_role::saturation},
    word_rule{"pressure", metric_role::saturation},
    word_rule{"lag", metric_role::saturation},
    word_rule{"active request", metric_role::saturation},
    word_rule{"requests active", metric_role::saturation},
    word_rule{"rq active", metric_role::saturation},
    word_rule{"in flight", metric_role::saturation},
    word_rule{"inflight", metric_role::saturation},
    word_rule{"outstanding", metric_role::saturation},
    word_rule{"memory", metric_role::memory},
    word_rule{"mem", metric_role::memory},
    word_rule{"heap", metric_role::memory},
    word_rule{"rss", metric_role::memory},
    word_rule{"swap", metric_role::memory},
    word_rule{"gc", metric_role::memory},
    word_rule{"paging", metric_role::memory},
    word_rule{"cache bytes", metric_role::memory},
    word_rule{"network io", metric_role::network},
    word_rule{"net io", metric_role::network},
    word_rule{"disk", metric_role::disk},
    word_rule{"filesystem", metric_role::disk},
    word_rule{"fs", metric_role::disk},
    word_rule{"iops", metric_role::disk},
    word_rule{"io", metric_role::disk},
    word_rule{"storage", metric_role::disk},
    word_rule{"blkio", metric_role::disk},
    word_rule{"df", metric_role::disk},
    word_rule{"database size", metric_role::disk},
    word_rule{"db size", metric_role::disk},
    word_rule{"cpu", metric_role::cpu},
    word_rule{"processor", metric_role::cpu},
    word_rule{"cpuutilization", metric_role::cpu},
    word_rule{"request", metric_role::traffic},
    word_rule{"throughput", metric_role::traffic},
    word_rule{"workload", metric_role::traffic},
    word_rule{"traffic", metric_role::traffic},
    word_rule{"rps", metric_role::traffic},
    word_rule{"qps", metric_role::traffic},
    word_rule{"hits", metric_role::traffic},
    word_rule{"queries", metric_role::traffic},
    word_rule{"messages", metric_role::traffic},
    word_rule{"calls", metric_role::traffic},
    word_rule{"invocation", metric_role::traffic},
    word_rule{"commands", metric_role::traffic},
    word_rule{"transaction", metric_role::traffic},
    word_rule{"ops", metric_role::traffic},
    word_rule{"tps", metric_role::traffic},
    word_rule{"rq", metric_role::traffic},
    word_rule{"xact", metric_role::traffic},
    word_rule{"network", metric_role::network},
    word_rule{"net", metric_role::network},
    word_rule{"bandwidth", metric_role::network},
    word_rule{"packet", metric_role::network},
    word_rule{"rx", metric_role::network},
    word_rule{"tx", metric_role::network},
    word_rule{"bytes", metric_role::network},
    word_rule{"eth", metric_role::network},
    word_rule{"socket", metric_role::saturation},
    word_rule{"clients", metric_role::saturation},
    word_rule{"blocked", metric_role::saturation},
    word_rule{"conntrack", metric_role::saturation},
    word_rule{"descriptor", metric_role::saturation},
    word_rule{"fds", metric_role::saturation},
    word_rule{"processes", metric_role::saturation},
    word_rule{"goroutine", metric_role::saturation},
    word_rule{"session", metric_role::saturation},
    word_rule{"estab", metric_role::saturation},
    word_rule{"inuse", metric_role::saturation},
    word_rule{"lock", metric_role::saturation},
};

constexpr std::array<std::string_view, 8> share_words{"percent", "pct",   "util", "utilization",
                                                      "usage",   "ratio", "used", "share"};

constexpr bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char lowered(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// A new word begins after what is no letter, and where camelCase turns.
bool begins_word(std::string_view name, std::size_t at, bool digit_word) noexcept {
  if (at == 0) return true;
  const char before = name[at - 1];
  if (digit_word) return !is_digit(before);
  if (!is_letter(before)) return true;
  return name[at] >= 'A' && name[at] <= 'Z' && before >= 'a' && before <= 'z';
}

bool ends_word(std::string_view name, std::size_t end) noexcept {
  if (end >= name.size() || !is_letter(name[end])) return true;
  return name[end] >= 'A' && name[end] <= 'Z';
}

/// Where @p word ends that begins at @p at; npos when it does not. Between two words of a pair
/// stands what is neither letter nor digit, or nothing where camelCase turns.
std::size_t end_of(std::string_view name, std::size_t at, std::string_view word) noexcept {
  for (const char c : word) {
    if (c == ' ') {
      if (at >= name.size()) return std::string_view::npos;
      if (!is_letter(name[at]) && !is_digit(name[at]))
        ++at;
      else if (!begins_word(name, at, false))
        return std::string_view::npos;
    } else if (at >= name.size() || lowered(name[at++]) != c) {
      return std::string_view::npos;
    }
  }
  return at;
}

// Words of up to three letters must stand whole; longer ones, and pairs, may be the beginning of a
// word. What a server of ours tells of itself is called after it, and no fault for that.
bool has_word(std::string_view name, std::string_view word) noexcept {
  constexpr std::string_view ours = "faultline";
  for (std::size_t at = 0; at < name.size(); ++at) {
    const auto end = end_of(name, at, word);
    if (end == std::string_view::npos || !begins_word(name, at, is_digit(word[0]))) continue;
    if (word.size() < ours.size() && end_of(name, at, ours) != std::string_view::npos) continue;
    const bool plural = end < name.size() && lowered(name[end]) == 's' && ends_word(name, end + 1);
    if (word.size() > 3 || plural || ends_word(name, end)) return true;
  }
  return false;
}

bool ends_with(std::string_view name, std::string_view end) noexcept {
  return name.size() >= end.size() && name.substr(name.size() - end.size()) == end;
}

}  // namespace

const char* to_string(metric_role role) noexcept {
  switch (role) {
    case metric_role::cpu:
      return "cpu";
    case metric_role::memory:
      return "memory";
    case metric_role::disk:
      return "disk";
    case metric_role::network:
      return "network";
    case metric_role::saturation:
      return "saturation";
    case metric_role::traffic:
      return "traffic";
    case metric_role::errors:
      return "errors";
    case metric_role::latency:
      return "latency";
    case metric_role::none:
      return "none";
  }
  return "none";
}

namespace {

/// What a histogram adds up: how often something happened, or how long all of it took together.
enum class adds_up { nothing, count, sum };

adds_up what_adds_up(std::string_view metric) noexcept {
  metric = metric.substr(0, metric.find('{'));
  for (const std::string_view rate : {".rate", "_rate"})
    if (ends_with(metric, rate)) metric.remove_suffix(rate.size());
  if (ends_with(metric, "_count") || ends_with(metric, ".count")) return adds_up::count;
  return ends_with(metric, "_sum") || ends_with(metric, ".sum") ? adds_up::sum : adds_up::nothing;
}

/// Counts and sums grow with traffic, and are no latency whatever they are called.
template <class Rules>
metric_role first_role(std::string_view metric, const Rules& of) noexcept {
  const auto what = what_adds_up(metric);
  bool of_latency = false;
  for (const auto& rule : of) {
    if (!has_word(metric, rule.word)) continue;
    if (what == adds_up::nothing || rule.role != metric_role::latency) return rule.role;
    of_latency = true;
  }
  return of_latency && what == adds_up::count ? metric_role::traffic : metric_role::none;
}

metric_role find_role(std::string_view metric, const std::vector<role_word>* words) noexcept {
  return words != nullptr ? first_role(metric, *words) : first_role(metric, rules);
}

bool find_share(std::string_view metric) noexcept {
  for (const auto word : share_words) {
    if (has_word(metric, word)) return true;
  }
  return false;
}

constexpr std::size_t most_known = 1024;  ///< names come from outside: no more than this is kept

/// What a thread found last, by one table.
struct found_roles {
  std::shared_ptr<const std::vector<role_word>> words;
  std::unordered_map<std::string, metric_role> known;
};

/// Many entities have metrics of the same names: each thread remembers what it found last.
metric_role found_role(std::string_view metric,
                       const std::shared_ptr<const std::vector<role_word>>& words) {
  static thread_local found_roles found;
  static thread_local std::string name;
  if (found.words != words) {
    const bool same = found.words && words && *found.words == *words;  // as each partition reads it
    if (!same) found.known.clear();
    found.words = words;
  }
  name = metric;
  if (const auto at = found.known.find(name); at != found.known.end()) return at->second;
  if (found.known.size() >= most_known) found.known.clear();
  return found.known[name] = find_role(metric, words.get());
}

}  // namespace

std::optional<metric_role> role_named(std::string_view text) noexcept {
  for (std::uint8_t i = 0; i < 8; ++i)
    if (text == to_string(static_cast<metric_role>(i))) return static_cast<metric_role>(i);
  return std::nullopt;
}

role_table::role_table(std::vector<role_word> words) {
  const bool same = std::equal(
      words.begin(), words.end(), rules.begin(), rules.end(),
      [](const role_word& a, const word_rule& b) { return a.word == b.word && a.role == b.role; });
  if (!same) words_ = std::make_shared<const std::vector<role_word>>(std::move(words));
}

metric_role role_table::role_of(std::string_view metric) const {
  return found_role(metric, words_);
}

metric_role role_of(std::string_view metric) { return role_table{}.role_of(metric); }

bool names_a_share(std::string_view metric) {
  static thread_local std::unordered_map<std::string, bool> known;
  static thread_local std::string name;
  name = metric;
  if (const auto at = known.find(name); at != known.end()) return at->second;
  if (known.size() >= most_known) known.clear();
  return known[name] = find_share(metric);
}

bool names_a_counter(std::string_view metric) noexcept {
  metric = metric.substr(0, metric.find('{'));
  for (const std::string_view end : {"_total", ".total", "_count", ".count"})
    if (ends_with(metric, end)) return true;
  return has_word(metric, "uptime") && !find_share(metric);
}

float entity_class_of(std::string_view entity) noexcept {
  constexpr std::array<std::string_view, 9> kinds{"service", "app",   "host", "node",   "db",
                                                  "cache",   "queue", "pod",  "gateway"};
  const auto kind = entity.substr(0, entity.find('/'));
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == kind) return static_cast<float>(i + 1) / static_cast<float>(kinds.size() + 1);
  }
  return 0;
}

}  // namespace faultline
