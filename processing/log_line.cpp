// SPDX-License-Identifier: Apache-2.0
#include "processing/log_line.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

#include <xxhash.h>

#include "messages/text.hpp"

namespace faultline {
namespace {

// What a byte is; or-ed over a word: what is in it.
enum : std::uint8_t {
  is_space = 0,
  is_mark = 1,   // a token by itself
  is_digit = 2,  //
  is_hex = 4,    // a to f
  is_lower = 8,  // other letters
  is_upper = 16,
  is_sign = 32,  // . / @ and the like, within words
  is_high = 64,  // beyond ASCII
};

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> t{};
  for (std::size_t c = 0x21; c < 0x7f; ++c) t[c] = is_mark;
  for (std::size_t c = '0'; c <= '9'; ++c) t[c] = is_digit;
  for (std::size_t c = 'a'; c <= 'z'; ++c) t[c] = c <= 'f' ? is_hex : is_lower;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) t[c] = is_upper;
  for (const char c :
       {'_', '.', '/', '@', '$', '%', '#', '*', '\\', '+', '~', '&', '?', '!', '^', '`', '-'})
    t[static_cast<std::uint8_t>(c)] = is_sign;
  for (std::size_t c = 0x80; c < 0x100; ++c) t[c] = is_high;
  return t;
}
constexpr auto classes = make_classes();

constexpr std::uint8_t class_of(char c) noexcept { return classes[static_cast<std::uint8_t>(c)]; }
constexpr bool in_word(char c) noexcept { return class_of(c) > is_mark; }
constexpr bool is_letter(char c) noexcept {
  return (class_of(c) & (is_hex | is_lower | is_upper)) != 0;
}
constexpr bool is_hex_digit(char c) noexcept {
  return (class_of(c) & (is_digit | is_hex)) != 0 || (c >= 'A' && c <= 'F');
}
constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::uint64_t hash_of(std::string_view text) noexcept {
  return XXH3_64bits(text.data(), text.size());
}

const std::uint64_t mask_hash = hash_of(log_mask_text);

/// Up to eight letters, in lower case, as a number.
constexpr std::uint64_t packed(std::string_view word) noexcept {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < word.size() && i < 8; ++i)
    n |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(lower(word[i]))) << (8 * i);
  return n;
}

/// Words known by heart, sought by their first eight letters.
class word_set {
public:
  word_set(std::initializer_list<std::string_view> words) {
    for (const auto w : words) known_.push_back(packed(w));
    std::sort(known_.begin(), known_.end());
  }
  bool has(std::string_view word) const noexcept {
    return word.size() <= 9 && std::binary_search(known_.begin(), known_.end(), packed(word));
  }

private:
  std::vector<std::uint64_t> known_;
};

const word_set units{"kb",      "mb",   "gb",    "tb",     "kib",     "mib",  "gib",  "tib",
                     "bytes",   "byte", "bit",   "bits",   "ns",      "us",   "ms",   "msec",
                     "msecs",   "sec",  "secs",  "second", "seconds", "min",  "mins", "minute",
                     "minutes", "hour", "hours", "day",    "days",    "kbps", "mbps", "gbps",
                     "mbit",    "mhz",  "ghz",   "hz",     "celsius"};
const word_set dates{
    "jan",       "feb",      "mar",    "apr",       "may",     "jun",      "jul",      "aug",
    "sep",       "oct",      "nov",    "dec",       "january", "february", "march",    "april",
    "june",      "july",     "august", "september", "october", "november", "december", "mon",
    "tue",       "wed",      "thu",    "fri",       "sat",     "sun",      "monday",   "tuesday",
    "wednesday", "thursday", "friday", "saturday",  "sunday"};
const word_set levels{"emerg",   "alert", "crit", "critical", "fatal", "err",   "error", "severe",
                      "warning", "warn",  "note", "notice",   "info",  "debug", "trace"};
const word_set zones{"utc", "gmt", "est", "edt", "cst",  "cdt", "pst",
                     "pdt", "mst", "mdt", "cet", "cest", "am",  "pm"};

bool is_unit(std::string_view word) noexcept {
  while (!word.empty() && word.back() == '.') word.remove_suffix(1);
  if (word.size() > 1) return units.has(word);
  return word.size() == 1 && std::string_view{"BKMGCs%"}.find(word[0]) != std::string_view::npos;
}

bool one_of(std::string_view text, std::string_view marks) noexcept {
  return text.size() == 1 && marks.find(text[0]) != std::string_view::npos;
}

/// a.b.c: three names and more, each beginning with a letter.
bool is_dotted_name(std::string_view word) noexcept {
  std::size_t parts = 0;
  bool begin = true;
  for (const char c : word) {
    if (c == '.') {
      if (begin) return false;
      begin = true;
      continue;
    }
    if (begin && !is_letter(c) && c != '_' && c != '$') return false;
    if (!is_letter(c) && c != '_' && c != '$' && c != '-') return false;
    parts += begin ? 1 : 0;
    begin = false;
  }
  return parts > 2;
}

bool is_path(std::string_view word) noexcept {
  if (!word.empty() && (word[0] == '.' || word[0] == '~')) word.remove_prefix(1);
  if (word.size() < 2 || (word[0] != '/' && word[0] != '\\')) return false;
  const char c = word[1];
  return is_letter(c) || class_of(c) == is_high ||
         std::string_view{"_.@%+$~-"}.find(c) != std::string_view::npos;
}

std::string_view first_line(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size() && class_of(text[at]) == is_space) ++at;
  text.remove_prefix(at);
  return text.substr(0, std::min(text.find('\n'), text.size()));
}

/// A traditional syslog header, "Jun 14 15:16:01 web-1 sshd[2915]: ...", says by itself when and
/// where: what comes behind the host. Anything else as it is.
std::string_view behind_host(std::string_view line) noexcept {
  const auto all = line;
  const auto take = [&](std::size_t most, auto is) {
    std::size_t n = 0;
    while (n < line.size() && n < most && is(line[n])) ++n;
    line.remove_prefix(n);
    return n;
  };
  const auto digit = [](char c) { return class_of(c) == is_digit; };
  const auto space = [](char c) { return c == ' '; };
  if (line.size() < 16 || !dates.has(line.substr(0, 3)) || line[3] != ' ') return all;
  line.remove_prefix(3);
  if (take(2, space) == 0 || take(2, digit) == 0 || take(1, space) == 0) return all;
  for (const bool last : {false, false, true}) {
    if (take(2, digit) != 2 || (!last && take(1, [](char c) { return c == ':'; }) == 0)) return all;
  }
  if (take(1, space) == 0) return all;
  const auto host = line;
  const auto length = take(255, [](char c) { return class_of(c) != is_space; });
  if (length == 0 || levels.has(host.substr(0, length)) || take(1, space) == 0) return all;
  const auto message = line;
  const auto tagged = take(64, [](char c) { return in_word(c) || one_of({&c, 1}, "()[]"); });
  return tagged != 0 && !line.empty() && line[0] == ':' ? message : all;
}

}  // namespace

/// A word of the line with what stands around it.
struct log_line_reader::piece {
  std::string_view text;  ///< without the marks that end a sentence
  std::string_view whole;
  std::string_view rest;  ///< of the line
  std::uint8_t what = 0;  ///< classes of its bytes
  bool spaced = false;
};

log_line_reader::log_line_reader() {
  tokens_.reserve(max_tokens + 1);
  texts_.reserve(2 * (max_bytes + max_tokens * log_mask_text.size()));
}

const std::vector<log_token>& log_line_reader::read(std::string_view line) {
  line = behind_host(first_line(line));
  const bool cut = line.size() > max_bytes;
  line = line.substr(0, max_bytes);
  tokens_.clear();
  texts_.clear();
  quotes_ = brackets_ = false;
  masks_ = 0;
  std::size_t at = 0;
  bool spaced = false;
  while (at < line.size() && tokens_.size() < max_tokens) {
    const auto first = class_of(line[at]);
    if (first == is_space) {
      spaced = true;
      ++at;
      continue;
    }
    if (first == is_mark) {
      if (const auto end = url_end(line, at); end != 0) {
        tokens_.back() = {log_mask_text, mask_hash, tokens_.back().spaced};
        ++masks_;
        at = end;
        join_masks();
      } else {
        push(line.substr(at++, 1), spaced);
      }
      spaced = false;
      continue;
    }
    piece p;
    const auto begin = at;
    while (at < line.size() && in_word(line[at])) p.what |= class_of(line[at++]);
    p.text = p.whole = line.substr(begin, at - begin);
    while (p.text.size() > 1 && one_of(p.text.substr(p.text.size() - 1), ".!?"))
      p.text.remove_suffix(1);
    if (cut && at == line.size() && !tokens_.empty()) break;  // half a word
    p.rest = line.substr(at);
    p.spaced = spaced;
    spaced = false;
    push_piece(p);
  }
  if (quotes_) join_quotes();
  if (brackets_) join_brackets();
  if (masks_ > 1) join_repeats();
  return tokens_;
}

void log_line_reader::push_piece(const piece& p) {
  if (!is_value(p)) return push(p.whole, p.spaced);
  // C:\Windows, whose letter and colon are there already
  if (p.text[0] == '\\' && !p.spaced && tokens_.size() > 1 && tokens_.back().text == ":" &&
      tokens_[tokens_.size() - 2].text.size() == 1) {
    tokens_.pop_back();
    tokens_.back() = {log_mask_text, mask_hash, tokens_.back().spaced};
  } else {
    tokens_.push_back({log_mask_text, mask_hash, p.spaced});
  }
  ++masks_;
  join_masks();
}

void log_line_reader::push(std::string_view text, bool spaced) {
  quotes_ = quotes_ || one_of(text, "\"'");
  brackets_ = brackets_ || one_of(text, "([{");
  tokens_.push_back({text, hash_of(text), spaced});
  if (masks_ != 0) join_masks();
}

bool log_line_reader::is_value(const piece& p) const noexcept {
  if ((p.what & is_digit) != 0) return true;
  if ((p.what & is_high) != 0 && !is_utf8(p.whole)) return true;
  const bool hex = std::all_of(p.text.begin(), p.text.end(), is_hex_digit);
  if (hex && p.text.size() >= 8) return true;
  const auto& rest = p.rest;
  if (hex && (p.text.size() == 2 || p.text.size() == 4)) {  // of an address: aa:bb:12, fe80::fecd
    const auto n = tokens_.size();
    if (!p.spaced && n > 1 && tokens_[n - 1].text == ":" && tokens_[n - 2].hash == mask_hash)
      return true;
    std::size_t next = 1;
    while (next < rest.size() && is_hex_digit(rest[next])) ++next;
    if (rest.size() > 1 && rest[0] == ':' && next > 1 && next <= 5 &&
        (next == rest.size() || !in_word(rest[next])))
      return true;
  }
  if ((p.what & is_sign) == 0) return false;
  if (is_path(p.text) || is_dotted_name(p.text)) return true;
  const auto dot = p.text.find('.', 1);
  const bool dotted = dot != std::string_view::npos && dot + 1 < p.text.size();
  if (dotted && p.text.size() > 6 && p.text.find('/') != std::string_view::npos) return true;
  if (dotted && (p.what & is_upper) == 0 && rest.size() > 1 && rest[0] == ':') {  // a host's port
    std::size_t end = 1;
    while (end < rest.size() && class_of(rest[end]) == is_digit) ++end;
    if (end > 1 && (end == rest.size() || !in_word(rest[end]))) return true;
  }
  const auto at = p.text.find('@', 1);
  return at != std::string_view::npos && at + 1 < p.text.size();
}

// Where the URL ends whose scheme is the last token; 0: there is none.
std::size_t log_line_reader::url_end(std::string_view line, std::size_t colon) const noexcept {
  if (line[colon] != ':' || line.size() < colon + 4 || line[colon + 1] != '/' ||
      line[colon + 2] != '/' || tokens_.empty())
    return 0;
  const auto& scheme = tokens_.back();
  if (!is_letter(scheme.text.back()) ||
      scheme.text.data() + scheme.text.size() != line.data() + colon)
    return 0;
  std::size_t end = colon + 3;
  while (end < line.size() && class_of(line[end]) != is_space &&
         std::string_view{"\"'<>()[]{}|,;"}.find(line[end]) == std::string_view::npos)
    ++end;
  if (end == colon + 3) return 0;
  while (one_of(line.substr(end - 1, 1), ":.")) --end;
  return end;
}

void log_line_reader::join_masks() noexcept {
  while (join_once()) {
  }
}

// Values that belong together are one: 10.0.0.1:80, 12 KB, Jun 14 15:16:01 2005, 1190 bytes
// (1.16 KB), <1 sec.
bool log_line_reader::join_once() noexcept {
  const auto n = tokens_.size();
  if (n < 2) return false;
  const auto& last = tokens_[n - 1];
  auto& before = tokens_[n - 2];
  const bool mask_before = before.hash == mask_hash;
  const auto drop = [&](std::size_t count) {
    tokens_.resize(n - count);
    return true;
  };
  if (last.hash != mask_hash) {
    if (mask_before) {
      if (is_unit(last.text) || zones.has(last.text) || dates.has(last.text)) return drop(1);
      if (n > 3 && one_of(last.text, ")]") && one_of(tokens_[n - 3].text, "([") &&
          tokens_[n - 4].hash == mask_hash)
        return drop(3);
    }
    return false;
  }
  if (mask_before) return drop(1);
  if (n > 2 && tokens_[n - 3].hash == mask_hash && one_of(before.text, ":,;/|-+.=x"))
    return drop(2);
  if (n > 3 && before.text == ":" && tokens_[n - 3].text == ":" &&
      tokens_[n - 4].hash == mask_hash && !last.spaced && !before.spaced)
    return drop(3);
  if (dates.has(before.text) ||
      (one_of(before.text, "<>~#-+") && (before.spaced || n == 2) && !last.spaced)) {
    before = {log_mask_text, mask_hash, before.spaced};
    return drop(1);
  }
  return false;
}

// The text of tokens [first, last) as one.
std::string_view log_line_reader::kept(std::size_t first, std::size_t last) {
  const auto begin = texts_.size();
  for (std::size_t t = first; t < last; ++t) {
    if (t != first && tokens_[t].spaced) texts_ += ' ';
    texts_ += tokens_[t].text;
  }
  return std::string_view{texts_}.substr(begin);
}

// "a quoted text" is one token, not longer than a dozen.
void log_line_reader::join_quotes() {
  constexpr std::size_t longest = 12;
  std::size_t to = 0;
  for (std::size_t t = 0; t < tokens_.size(); ++t) {
    const auto token = tokens_[t];
    std::size_t end = 0;
    if (one_of(token.text, "\"'") &&
        (t == 0 || token.spaced || one_of(tokens_[t - 1].text, "([{=:,"))) {
      end = t + 1;
      while (end < tokens_.size() && end < t + longest && tokens_[end].text != token.text) ++end;
      if (end == tokens_.size() || end == t + longest) end = 0;
    }
    if (end == 0) {
      tokens_[to++] = token;
      continue;
    }
    const auto text = kept(t, end + 1);
    tokens_[to++] = {text, hash_of(text), token.spaced};
    t = end;
  }
  tokens_.resize(to);
}

// A name with nothing but a value in its brackets is one token: eth(0), Token{7f3a}.
void log_line_reader::join_brackets() {
  std::size_t to = 0;
  for (std::size_t t = 0; t < tokens_.size(); ++t) {
    const auto token = tokens_[t];
    const bool group = to != 0 && t + 2 < tokens_.size() && one_of(token.text, "([{") &&
                       !token.spaced && tokens_[t + 1].hash == mask_hash &&
                       one_of(tokens_[t + 2].text, ")]}");
    const auto named = [](std::string_view name) {
      return std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || c == '_'; });
    };
    if (!group || !named(tokens_[to - 1].text)) {
      tokens_[to++] = token;
      continue;
    }
    const auto begin = texts_.size();
    texts_.append(tokens_[to - 1].text)
        .append(token.text)
        .append(log_mask_text)
        .append(tokens_[t + 2].text);
    const auto text = std::string_view{texts_}.substr(begin);
    tokens_[to - 1] = {text, hash_of(text), tokens_[to - 1].spaced};
    t += 2;
  }
  tokens_.resize(to);
}

// A list of any length is one template: up to four tokens with a value among them that repeat.
void log_line_reader::join_repeats() {
  for (std::size_t period = 1; period <= 4; ++period) {
    std::size_t to = 0;
    for (std::size_t t = 0; t < tokens_.size(); ++t) {
      tokens_[to++] = tokens_[t];
      while (to >= 2 * period) {
        bool same = true, value = false;
        for (std::size_t i = to - period; same && i < to; ++i) {
          same = tokens_[i].hash == tokens_[i - period].hash;
          value = value || tokens_[i].hash == mask_hash;
        }
        if (!same || !value) break;
        to -= period;
      }
    }
    tokens_.resize(to);
  }
}

std::string printable_line(std::string_view text, std::size_t most) {
  const auto line = first_line(text);
  std::string out{line.substr(0, most)};
  const bool cut = out.size() < line.size();
  // Cut within a character: leave all of it out.
  while (cut && !out.empty() && (static_cast<std::uint8_t>(line[out.size()]) & 0xc0U) == 0x80U)
    out.pop_back();
  for (char& c : out)
    if (class_of(c) == is_space) c = ' ';
  if (!is_utf8(out))
    for (char& c : out)
      if (class_of(c) == is_high) c = '?';
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace faultline
