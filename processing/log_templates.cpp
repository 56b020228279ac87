// SPDX-License-Identifier: Apache-2.0
#include "processing/log_templates.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <xxhash.h>

namespace faultline {
namespace {

constexpr std::uint8_t miner_version = 1;
constexpr std::size_t cache_size = 256;        // a power of two
constexpr std::uint64_t settled_lines = 4;     // seen so often, a template is no chance find,
constexpr std::uint64_t settled_for = 65'536;  // unless so many other lines came since
constexpr std::size_t longest_form = 4 * log_line_reader::max_bytes;

// Stand before the tokens of a form; white space and control characters are in no token.
constexpr char spaced_mark = '\x1e';
constexpr char joined_mark = '\x1f';
constexpr std::string_view any_text = "\x1d";  // the token that fits every other

// Different words that must have been seen at a position before it is a variable.
constexpr std::size_t beside_value = 2;  // one of them is a value by its shape
constexpr std::size_t of_names = 2;      // a.b, a/b, a@b
constexpr std::size_t of_values = 3;     // behind = or "user", in quotes, CAPITALS in a sentence
constexpr std::size_t of_words = 5;
constexpr std::size_t of_first_words = 8;   // what a line begins with tells statements apart
constexpr std::size_t of_settings = 4;      // lines that differ in several values
constexpr std::size_t beside_one_word = 4;  // where no more than one word agrees
constexpr std::size_t many_words = 4;       // so many that agree outweigh what stands first

std::string lower_case(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

template <std::size_t N>
bool listed(const std::array<std::string_view, N>& sorted, std::string_view word) {
  return std::binary_search(sorted.begin(), sorted.end(), word);
}

// English words behind which a value stands.
constexpr std::array<std::string_view, 33> before_values{
    "=",     "at",     "by",       "database", "device", "directory", "domain", "file",   "for",
    "from",  "host",   "hostname", "id",       "in",     "interface", "key",    "module", "name",
    "named", "node",   "of",       "on",       "path",   "process",   "queue",  "server", "service",
    "table", "thread", "to",       "topic",    "user",   "username"};
// Two of them are two states, and states are told apart.
constexpr std::array<std::string_view, 6> switches{"false", "no", "off", "on", "true", "yes"};

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool is_word_char(char c) noexcept { return is_letter(c) || c == '_' || (c >= '0' && c <= '9'); }
bool has_letter(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), is_letter);
}
bool is_mask(std::string_view text) noexcept { return text == log_mask_text; }

/// Two letters in a row: what a line says, and not a value or a mark.
bool says_something(std::string_view text) noexcept {
  if (is_mask(text)) return false;
  for (std::size_t i = 1; i < text.size(); ++i)
    if (is_letter(text[i - 1]) && is_letter(text[i])) return true;
  return false;
}

/// a.b, a/b, a@b, a{...: made of several names.
bool is_compound(std::string_view text) noexcept {
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (std::string_view{"./\\@$"}.find(text[i]) != std::string_view::npos &&
        is_word_char(text[i - 1]) && is_word_char(text[i + 1]))
      return true;
  }
  return text.find('{') != std::string_view::npos;
}

bool is_quoted(std::string_view text) noexcept { return text[0] == '"' || text[0] == '\''; }

/// LEADING, NEW: a name of a state.
bool is_capitals(std::string_view text) noexcept {
  return text.size() > 2 && std::all_of(text.begin(), text.end(),
                                        [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

bool is_switch(std::string_view text) { return listed(switches, lower_case(text)); }

std::vector<std::string_view> tokens_of(std::string_view form) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t i = 1; i <= form.size(); ++i) {
    if (i < form.size() && form[i] != spaced_mark && form[i] != joined_mark) continue;
    out.push_back(form.substr(begin + 1, i - begin - 1));
    begin = i;
  }
  return out;
}

std::uint32_t short_hash(std::uint64_t hash) noexcept {
  const auto h = static_cast<std::uint32_t>(hash ^ (hash >> 32U));
  return h == log_template::any_token ? 1 : h;
}

std::uint32_t short_hash(std::string_view text) noexcept {
  return text == any_text ? log_template::any_token
                          : short_hash(XXH3_64bits(text.data(), text.size()));
}

/// One reader a thread: it keeps nothing but its buffers between lines.
log_line_reader& reader() {
  static thread_local log_line_reader one;
  return one;
}

using places = std::vector<std::size_t>;

}  // namespace

/// A line that is looked up.
struct log_template_miner::form {
  explicit form(const std::vector<log_token>& from) : words{from} {
    for (const auto& t : from) tokens.push_back(short_hash(t.hash));
  }
  const std::vector<log_token>& words;
  std::vector<std::uint32_t> tokens;

  std::string_view text(std::size_t i) const { return words[i].text; }
  std::string packed() const {
    std::string out;
    for (const auto& w : words) (out += w.spaced ? spaced_mark : joined_mark) += w.text;
    return out;
  }
  /// Words that say something outside of @p variable.
  std::size_t saying(const places& variable) const {
    std::size_t n = 0;
    for (std::size_t i = 0; i < words.size(); ++i)
      n += says_something(text(i)) && !std::binary_search(variable.begin(), variable.end(), i) ? 1
                                                                                               : 0;
    return n;
  }
  bool behind_value_word(std::size_t i) const {
    return i != 0 && listed(before_values, lower_case(text(i - 1)));
  }
  /// Whether a setting stands there: its words may differ together with those of others.
  bool is_setting(std::size_t i) const {
    const auto t = text(i);
    if (is_mask(t)) return true;
    if (!has_letter(t) || is_switch(t)) return false;
    return is_quoted(t) || is_compound(t) || (i != 0 && text(i - 1) == "=") ||
           (is_capitals(t) && behind_value_word(i));
  }
};

namespace {

/// Different words needed for position @p i to be a variable, @p word one of them.
template <class Form>
std::size_t needed_for(const Form& f, std::size_t i, std::string_view word) {
  const std::size_t plain = i == 0 ? of_first_words : of_words;
  if (is_switch(word)) return plain;
  const bool built = is_quoted(word) && word.find(log_mask_text) != std::string_view::npos;
  if (!built && is_compound(word)) return of_names;
  if (i == 0 || built) return plain;
  if (is_quoted(word) || f.behind_value_word(i) || is_capitals(word)) return of_values;
  return plain;
}

/// The same for a set of positions, with the words that @p others have there. 0: never.
template <class Form>
std::size_t needed_for(const Form& f, const places& where,
                       const std::vector<std::vector<std::string_view>>& others) {
  const std::size_t saying = f.saying(where);
  if (saying == 0) return 0;
  std::size_t most = 0;
  for (const std::size_t i : where) {
    std::size_t needed = needed_for(f, i, f.text(i));
    bool value = is_mask(f.text(i));
    if (!value && !has_letter(f.text(i))) return 0;
    for (const auto& o : others) {
      if (!is_mask(o[i]) && !has_letter(o[i])) return 0;
      needed = std::max(needed, needed_for(f, i, o[i]));
      value = value || is_mask(o[i]);
    }
    if (value) needed = beside_value;
    if (saying >= many_words) needed = std::min(needed, of_words);
    most = std::max(most, needed);
  }
  return saying == 1 ? std::max(most, beside_one_word) : most;
}

}  // namespace

std::string log_template::text() const {
  std::string out;
  std::size_t begin = 0;
  for (std::size_t i = 1; i <= form.size(); ++i) {
    if (i < form.size() && form[i] != spaced_mark && form[i] != joined_mark) continue;
    if (form[begin] == spaced_mark && !out.empty()) out += ' ';
    const std::string_view token = std::string_view{form}.substr(begin + 1, i - begin - 1);
    out += token == any_text ? log_mask_text : token;
    begin = i;
  }
  return out;
}

std::size_t log_template::memory_bytes() const noexcept {
  return sizeof *this + form.size() + tokens.size() * sizeof(std::uint32_t) +
         habit.example().size() + 48;  // of the allocator
}

log_template_miner::log_template_miner(log_template_limits limits)
    : limits_{limits}, cache_(cache_size) {}

std::optional<log_template_miner::match> log_template_miner::take(std::string_view line) {
  merged_.clear();
  dropped_.clear();
  const auto& tokens = reader().read(line);
  if (tokens.empty()) return std::nullopt;
  ++lines_;
  std::uint64_t key = tokens.size();
  for (const auto& t : tokens) key = (key ^ t.hash) * 0x9e3779b97f4a7c15U + (key >> 29U);
  auto& slot = cache_[(key >> 32U) & (cache_size - 1)];
  match m;
  if (slot.key == key && slot.epoch == epoch_) {
    m.index = slot.index;
  } else {
    const form f{tokens};
    auto at = known(f);
    if (!at) at = generalise(f);
    m.fresh = !at;
    m.index = at ? *at : learn(f);
    slot = {key, static_cast<std::uint32_t>(m.index), epoch_};
  }
  auto& found = templates_[m.index];
  ++found.lines;
  found.seen = lines_;
  m.id = found.id;
  return m;
}

// The oldest template that fits.
std::optional<std::size_t> log_template_miner::known(const form& f) const {
  const auto n = f.tokens.size();
  for (std::size_t t = 0; t < templates_.size(); ++t) {
    const auto& have = templates_[t].tokens;
    if (have.size() != n) continue;
    std::size_t i = 0;
    while (i < n && (have[i] == f.tokens[i] || have[i] == log_template::any_token)) ++i;
    if (i == n) return t;
  }
  return std::nullopt;
}

// Looks for templates that agree with the line but for few positions: one set of positions at a
// time, the smallest first. Enough of them, and these positions are variables.
std::optional<std::size_t> log_template_miner::generalise(const form& f) {
  const auto n = f.tokens.size();
  const std::size_t most = std::max<std::size_t>(1, n / 4);
  std::map<std::pair<std::size_t, places>, std::vector<std::size_t>> alike;
  std::vector<std::size_t> others;  // differ in settings only
  places settings;
  for (std::size_t t = 0; t < templates_.size(); ++t) {
    const auto& have = templates_[t].tokens;
    if (have.size() != n) continue;
    places differ;
    for (std::size_t i = 0; i < n && differ.size() <= n / 2 + 1; ++i)
      if (have[i] != f.tokens[i] && have[i] != log_template::any_token) differ.push_back(i);
    if (differ.size() > n / 2) continue;
    const bool set =
        std::all_of(differ.begin(), differ.end(), [&](std::size_t i) { return f.is_setting(i); });
    if (set) {
      const auto words = tokens_of(templates_[t].form);
      if (std::all_of(differ.begin(), differ.end(), [&](std::size_t i) {
            return is_mask(words[i]) || (has_letter(words[i]) && !is_switch(words[i]));
          })) {
        others.push_back(t);
        settings.insert(settings.end(), differ.begin(), differ.end());
      }
    }
    if (differ.size() <= most) alike[{differ.size(), differ}].push_back(t);
  }
  for (const auto& [where, parts] : alike) {
    if (parts.size() + 1 < beside_value) continue;
    std::vector<std::vector<std::string_view>> words;
    for (const auto t : parts) words.push_back(tokens_of(templates_[t].form));
    const auto needed = needed_for(f, where.second, words);
    if (needed != 0 && parts.size() + 1 >= needed) return merge(where.second, parts);
  }
  if (others.size() + 1 < of_settings) return std::nullopt;
  std::sort(settings.begin(), settings.end());
  settings.erase(std::unique(settings.begin(), settings.end()), settings.end());
  if (f.saying(settings) < 3) return std::nullopt;
  return merge(settings, others);
}

// Makes @p where variable in the oldest of @p parts; the others, and all that fit it now, are it.
std::size_t log_template_miner::merge(const places& where, const std::vector<std::size_t>& parts) {
  ++epoch_;  // a line that is remembered may fit the general one, too
  auto& whole = templates_[parts.front()];
  bytes_ -= whole.memory_bytes();
  const auto words = tokens_of(whole.form);
  std::string general;
  std::size_t at = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool variable = std::binary_search(where.begin(), where.end(), i);
    general += whole.form[at];
    general += variable ? any_text : words[i];
    at += 1 + words[i].size();
    if (variable) whole.tokens[i] = log_template::any_token;
  }
  whole.form = std::move(general);
  whole.form.shrink_to_fit();
  const auto fits = [&](const log_template& t) {
    if (t.tokens.size() != whole.tokens.size()) return false;
    for (std::size_t i = 0; i < t.tokens.size(); ++i)
      if (whole.tokens[i] != log_template::any_token && t.tokens[i] != whole.tokens[i])
        return false;
    return true;
  };
  std::vector<std::size_t> gone;
  for (std::size_t t = 0; t < templates_.size(); ++t) {
    if (t == parts.front()) continue;
    const auto& other = templates_[t];
    if (!std::binary_search(parts.begin(), parts.end(), t) && !fits(other)) continue;
    whole.lines += other.lines;
    whole.seen = std::max(whole.seen, other.seen);
    whole.habit.join(other.habit);
    merged_.emplace_back(other.id, whole.id);
    gone.push_back(t);
  }
  bytes_ += whole.memory_bytes();
  const auto before = static_cast<std::size_t>(
      std::lower_bound(gone.begin(), gone.end(), parts.front()) - gone.begin());
  const auto stays = parts.front() - before;
  for (std::size_t k = gone.size(); k-- > 0;) forget(gone[k]);
  return stays;
}

void log_template_miner::note(std::size_t index, std::int64_t ts_ms, log_severity severity,
                              std::string_view body, bool late) {
  auto& t = templates_[index];
  bytes_ -= t.memory_bytes();
  t.habit.note(ts_ms, severity, body, late);
  bytes_ += t.memory_bytes();
}

std::size_t log_template_miner::learn(const form& f) {
  log_template t;
  t.form = f.packed();
  t.tokens = f.tokens;
  t.tokens.shrink_to_fit();
  t.id = XXH3_64bits(t.form.data(), t.form.size());
  t.born = lines_;
  make_room(t.memory_bytes());
  bytes_ += t.memory_bytes();
  templates_.push_back(std::move(t));
  return templates_.size() - 1;
}

void log_template_miner::make_room(std::size_t bytes) {
  while (!templates_.empty() &&
         (templates_.size() >= limits_.templates || bytes_ + bytes > limits_.bytes)) {
    std::size_t out = 0;
    const auto worth = [&](const log_template& t) {
      const bool settled = t.lines >= settled_lines && lines_ - t.seen < settled_for;
      return std::pair{settled, t.seen};
    };
    for (std::size_t t = 1; t < templates_.size(); ++t)
      if (worth(templates_[t]) < worth(templates_[out])) out = t;
    dropped_.push_back(templates_[out]);
    forget(out);
  }
}

void log_template_miner::forget(std::size_t index) {
  bytes_ -= templates_[index].memory_bytes();
  templates_.erase(templates_.begin() + static_cast<std::ptrdiff_t>(index));
  ++epoch_;
}

std::size_t log_template_miner::memory_bytes() const noexcept {
  return sizeof *this + cache_.capacity() * sizeof(cached) + bytes_ +
         (templates_.capacity() - templates_.size()) * sizeof(log_template) +
         merged_.capacity() * sizeof(merged_[0]) + dropped_.capacity() * sizeof(log_template);
}

void log_template_miner::save(byte_writer& out) const {
  out.put(miner_version);
  out.put(lines_);
  out.put(static_cast<std::uint16_t>(templates_.size()));
  for (const auto& t : templates_) {
    out.put(t.id);
    out.put(t.lines);
    out.put(t.born);
    out.put(t.seen);
    out.put_text(t.form);
    t.habit.save(out);
  }
}

bool log_template_miner::restore(byte_reader& in) {
  std::uint8_t version = 0;
  std::uint16_t count = 0;
  if (!in.get(version) || version != miner_version || !in.get(lines_) || !in.get(count))
    return false;
  templates_.clear();
  bytes_ = 0;
  ++epoch_;
  for (std::uint16_t n = 0; n < count; ++n) {
    log_template t;
    in.get(t.id);
    in.get(t.lines);
    in.get(t.born);
    in.get(t.seen);
    if (!in.get_text(t.form, longest_form) || t.form.empty()) return false;
    if (t.form[0] != spaced_mark && t.form[0] != joined_mark) return false;
    if (!t.habit.restore(in)) return false;
    for (const auto token : tokens_of(t.form)) t.tokens.push_back(short_hash(token));
    t.form.shrink_to_fit();
    t.tokens.shrink_to_fit();
    bytes_ += t.memory_bytes();
    templates_.push_back(std::move(t));
  }
  return in.ok();
}

}  // namespace faultline
