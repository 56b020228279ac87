// SPDX-License-Identifier: Apache-2.0
#include "lab/log_study.hpp"

#include <array>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

#include "lab/rng.hpp"
#include "messages/identity.hpp"

namespace faultline {
namespace {

// A letter behind % is a value: d number, x hexadecimal, i address, u user, h host, p path,
// g uuid, t duration, s size, w state, j job, l list of numbers.
constexpr std::array statements{
    "GET /%j/%d 200 %d in %t",
    "POST /%j 201 %d in %t",
    "connection from %i:%d accepted",
    "connection from %i:%d closed after %t",
    "session opened for user %u by (uid=%d)",
    "session closed for user %u",
    "Failed password for %u from %i port %d ssh2",
    "Failed password for invalid user %u from %i port %d ssh2",
    "Accepted publickey for %u from %i port %d ssh2: RSA SHA256:%x",
    "checkpoint complete: wrote %d buffers (%d%); write=%t, sync=%t, total=%t",
    "checkpoint starting: time",
    "automatic vacuum of table \"%j.public.%j\": index scans: %d",
    "duration: %t  statement: SELECT id FROM orders WHERE id = %d",
    "canceling statement due to lock timeout",
    "deadlock detected: process %d waits for lock %d held by process %d",
    "could not receive data from client: Connection reset by peer",
    "task %g moved from state %w to %w",
    "task %g finished with exit code %d",
    "worker %h joined the group at generation %d",
    "worker %h left the group, reason: heartbeat expired",
    "partition %j-%d: leader is %h, replicas [%l]",
    "offset %d of topic %j is out of range",
    "eth0: link is up at %d Mbps, full duplex",
    "eth0: link is down",
    "out of memory: killed process %d (%j) total-vm:%dkB, anon-rss:%dkB",
    "EXT4-fs (sda%d): mounted filesystem with ordered data mode",
    "usb 1-%d: new high-speed device number %d using ehci_hcd",
    "segfault at %x ip %x sp %x error %d in libc.so",
    "refreshed %d entries of the cache in %t",
    "cache miss ratio %d% above limit %d%",
    "certificate of %h expires in %d days",
    "reloading configuration from %p",
    "cannot open %p: No such file or directory",
    "cannot open %p: Permission denied",
    "backup of %p to %h took %t, %s copied",
    "job %j[%d] queued by %u",
    "job %j[%d] done, %d records, %s",
    "retrying request %g to %h in %t, attempt %d",
    "request %g failed: upstream error",
    "circuit of %h opened after %d failures",
    "circuit of %h half open",
    "circuit of %h closed",
    "no space left on device while writing %p",
    "leader election: term %d won by %h with %d votes",
    "snapshot %x written, %s, %d keys",
    "rejected message of %s from %i: larger than %s",
    "clock of %h is off by %t",
    "user=%u action=%w object=%p result=ok elapsed=%t",
    "user=%u action=%w object=%p result=denied elapsed=%t",
    "shutting down",
    "ready to accept connections",
};
constexpr std::array users{"root",  "admin", "carla", "dmitri",  "eve",  "frank", "grace",
                           "heidi", "ivan",  "judy",  "mallory", "nina", "oscar", "peggy"};
constexpr std::array hosts{
    "alpha",      "beta-east", "gamma", "delta.example.org", "epsilon", "zeta.example.org", "eta",
    "theta-west", "iota",      "kappa"};
constexpr std::array jobs{"cart",    "orders",     "invoices", "mailer", "search",
                          "reports", "thumbnails", "billing",  "stock",  "session"};
constexpr std::array states{"NEW", "QUEUED", "RUNNING", "SUSPENDED", "FAILED", "DONE"};
constexpr std::array folders{"var", "srv", "home", "etc", "data", "backup", "spool"};

class log_maker {
public:
  explicit log_maker(std::uint64_t seed) : rng_{seed, "made logs"} {
    double sum = 0;
    for (std::size_t s = 0; s < statements.size(); ++s)
      ends_.push_back(sum +=
                      1.0 / std::pow(1.0 + static_cast<double>((s * 29) % statements.size()), 1.1));
  }
  made_log_line next() {
    const double at = rng_.uniform() * ends_.back();
    std::size_t s = 0;
    while (ends_[s] < at) ++s;
    made_log_line line{{}, s};
    const std::string_view form = statements[s];
    for (std::size_t i = 0; i < form.size(); ++i) {
      if (form[i] == '%' && i + 1 < form.size() && value(form[i + 1], line.text))
        ++i;
      else
        line.text += form[i];
    }
    return line;
  }

private:
  template <std::size_t N>
  const char* any(const std::array<const char*, N>& of) {
    return of[rng_.below(N)];
  }
  std::string number(std::uint64_t below) { return std::to_string(rng_.below(below)); }
  std::string hex() { return to_hex(rng_.next()); }
  bool value(char kind, std::string& out) {
    switch (kind) {
      case 'd':
        return out += number(rng_.chance(0.5) ? 100 : 1'000'000), true;
      case 'x':
        return out += "0x" + hex().substr(rng_.below(8)), true;
      case 'i':
        return out += "10." + number(256) + "." + number(256) + "." + number(256), true;
      case 'u':
        return out += any(users), true;
      case 'h':
        return out += any(hosts), true;
      case 'j':
        return out += any(jobs), true;
      case 'w':
        return out += any(states), true;
      case 'p':
        return out += std::string{"/"} + any(folders) + "/" + any(jobs) + ".log", true;
      case 'g':
        return out += hex().substr(8) + "-" + hex().substr(12) + "-" + hex().substr(4), true;
      case 't':
        return out += number(1000) + (rng_.chance(0.5) ? " ms" : "." + number(100) + "s"), true;
      case 's':
        return out += number(1000) + (rng_.chance(0.5) ? " KB" : " MB"), true;
      case 'l':
        for (std::uint64_t n = rng_.below(4) + 1; n > 0; --n)
          out += number(9) + (n > 1 ? ", " : "");
        return true;
      default:
        return false;
    }
  }

  random_source rng_;
  std::vector<double> ends_;
};

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

std::vector<grouped_line> group_log_lines(const std::vector<std::string_view>& lines,
                                          log_template_limits limits) {
  log_template_miner miner{limits};
  std::unordered_map<std::uint64_t, std::uint64_t> part_of;
  std::unordered_map<std::uint64_t, std::string> texts;
  std::vector<grouped_line> out;
  for (const auto line : lines) {
    const auto match = miner.take(line);
    if (match) miner.note(match->index, 0, log_severity::info, line);  // takes room, as in a server
    for (const auto& [part, whole] : miner.merged()) part_of[part] = whole;
    for (const auto& gone : miner.dropped()) texts[gone.id] = gone.text();
    if (match) part_of.erase(match->id);  // a form that was part of one dropped since
    out.push_back({match ? match->id : 0, {}});
  }
  for (const auto& t : miner.templates()) texts[t.id] = t.text();
  for (auto& line : out) {
    for (auto at = part_of.find(line.id); at != part_of.end(); at = part_of.find(line.id))
      line.id = at->second;
    if (const auto text = texts.find(line.id); text != texts.end()) line.text = text->second;
  }
  return out;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string grouping_csv(const std::vector<grouped_line>& lines) {
  std::string out = "line,id,template\n";
  for (std::size_t n = 0; n < lines.size(); ++n) {
    out += std::to_string(n + 1) + "," + to_hex(lines[n].id) + ",";
    append_quoted(out, lines[n].text);
    out += '\n';
  }
  return out;
}

std::vector<made_log_line> made_log_lines(std::size_t count, std::uint64_t seed) {
  log_maker maker{seed};
  std::vector<made_log_line> out;
  out.reserve(count);
  while (out.size() < count) out.push_back(maker.next());
  return out;
}

std::vector<std::string> strange_log_lines(std::size_t count, std::uint64_t seed) {
  random_source rng{seed, "strange logs"};
  std::vector<std::string> out;
  out.reserve(count);
  while (out.size() < count) {
    std::string line;
    for (std::uint64_t words = 4 + rng.below(12); words > 0; --words) {
      for (std::uint64_t left = rng.next(); left != 0; left /= 26)
        line += static_cast<char>('a' + left % 26);
      line += ' ';
    }
    out.push_back(std::move(line));
  }
  return out;
}

double grouping_accuracy(const std::vector<std::size_t>& truth,
                         const std::vector<grouped_line>& found) {
  std::map<std::size_t, std::set<std::size_t>> by_truth;
  std::map<std::uint64_t, std::set<std::size_t>> by_id;
  for (std::size_t n = 0; n < truth.size() && n < found.size(); ++n) {
    by_truth[truth[n]].insert(n);
    by_id[found[n].id].insert(n);
  }
  std::size_t right = 0;
  for (const auto& [id, lines] : by_id)
    if (by_truth[truth[*lines.begin()]] == lines) right += lines.size();
  return truth.empty() ? 0 : static_cast<double>(right) / static_cast<double>(truth.size());
}

}  // namespace faultline
